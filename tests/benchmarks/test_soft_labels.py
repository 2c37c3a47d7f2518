"""Soft labels as targets: the script's own arithmetic."""

import csv

import numpy as np
import pytest
from scipy.stats import entropy

from benchmarks import soft_labels

D = np.random.default_rng(0).dirichlet(np.ones(3), 400)


def test_calibrated_cross_entropy_does_not_see_a_temperature():
    sharp = D**3 / (D**3).sum(1, keepdims=True)
    own = soft_labels.calibrated(D, D, 0)
    assert own == pytest.approx(entropy(D, axis=1).mean(), rel=1e-4)
    assert soft_labels.calibrated(D, sharp, 0) == pytest.approx(own, rel=1e-4)


def test_hits_share_ties_of_the_prediction():
    p = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
    assert soft_labels.hits(p, np.eye(3)[[0, 2]]) == 0.75


def test_picture_features_of_a_plain_picture_are_its_colours():
    found = soft_labels.picture_features(np.full((1, 32, 32, 3), [10.0, 20.0, 30.0]))
    assert np.array_equal(found[0, :128], np.zeros(128))
    assert np.array_equal(found[0, 128:].reshape(16, 3), np.tile([10, 20, 30], (16, 1)))


def test_the_table_has_means_over_seeds_and_mean_ranks(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, soft_labels.FIELDS)
        writer.writeheader()
        for seed in (0, 1):
            for place, target in enumerate(soft_labels.TARGETS):
                for kind in ("clean", "shifted"):
                    told = {m: 0.1 * place + seed for m in soft_labels.MEASURES}
                    writer.writerow({"data": "labelme", "target": target, "seed": seed, "rows": kind} | told)
    soft_labels.table(path)
    lines = capsys.readouterr().out.splitlines()
    assert f"| {soft_labels.TARGETS[0]} | " + " | ".join(["0.500"] * 8) + " |" in lines
    last = len(soft_labels.TARGETS)
    # the first target is the lowest: best where low is good, last in accuracy
    assert f"| {soft_labels.TARGETS[0]} | " + " | ".join(["1.0"] * 5) + f" | {last}.0 |" in lines
