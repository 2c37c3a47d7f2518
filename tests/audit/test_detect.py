"""Which rows the audit marks: how many, which of them, who found them, and what copies may not do."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from sfumato.audit import audit
from sfumato.labels import Noisy
from sfumato.parts.linear import out_of_fold
from sfumato.parts.neighbours import Neighbourhood
from sfumato.parts.opinion_pool import logarithmic_pool
from sfumato.score import ConfidentLearning, SimiFeat, find_label_issues
from sfumato.score.neighbour_labels import neighbour_shares


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.3
    return x, y, np.where(wrong, (y + 1) % 10, y)


def found(report):
    table = report.issues.to_pandas()
    return table[table.issue == "label"].reset_index(drop=True)


def standardised(x):
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, np.inf)


def test_on_features_confident_learning_reads_the_pool_of_a_head_and_neighbours(digits):
    x, y, said = digits
    report = audit(x, Noisy(said, 10))
    told, table = report.summary["label_errors"], found(report)
    assert report.summary["duplicates"]["rows"] == 0  # so the folds are those of out_of_fold
    z = standardised(x)
    head = out_of_fold(z, said, 10)
    p, trust = logarithmic_pool(said, [head, neighbour_shares(Neighbourhood(z), said, 10)])
    rank, marked = ConfidentLearning().score(said, p), find_label_issues(said, p)
    counted, outvoted = find_label_issues(said, head), SimiFeat(metric="euclidean").flag(z, said)
    assert set(table.row) == set(np.flatnonzero(marked)) and len(table) == marked.sum()
    np.testing.assert_allclose(table.score, rank[table.row], atol=1e-7)
    np.testing.assert_array_equal(table.found_by_confident_learning.astype(bool), counted[table.row])
    np.testing.assert_array_equal(table.found_by_simifeat.astype(bool), outvoted[table.row])
    assert told["detector"].startswith("confident-learning on pooled probabilities") and told["neighbours"] == 20
    assert told["trust"] == {"linear": trust[0], "neighbours": trust[1]} and trust.min() > 0 and trust.max() <= 1
    assert told["found_by"] == {"confident-learning": counted.sum(), "simifeat": outvoted.sum()}
    assert told["found_by_all"] == (counted & outvoted).sum()
    assert told["listed_by"]["simifeat"] == table.found_by_simifeat.sum()
    # Better than confident learning on the head alone, in the ranking and in the rows that are marked.
    wrong, alone = said != y, ConfidentLearning().score(said, head)
    assert average_precision_score(wrong, rank) > average_precision_score(wrong, alone)
    assert wrong[table.row].mean() > wrong[counted].mean()


def test_nearly_all_wrong_labels_of_groups_far_apart_are_marked_and_no_right_one():
    """How many are marked is an estimate: of one draw of 300 rows it finds 25 to 30 of the 30 wrong labels, whether it
    reads the pool or the head alone (26 to 30); over twelve draws 19 of 20.
    """
    right, found = np.arange(300) % 3, 0
    wrong = np.arange(300) % 10 == 0
    for seed in range(12):
        x = np.random.default_rng(seed).normal(size=(300, 3)) + 6 * np.eye(3)[right]
        table = audit(x, Noisy(np.where(wrong, (right + 1) % 3, right), 3)).issues.to_pandas()
        rows = table.row[table.issue == "label"].to_numpy()
        assert wrong[rows].all()
        found += len(rows)
    assert found >= 0.95 * 12 * 30


def test_features_that_tell_nothing_leave_the_audit_at_chance():
    """Pure noise: neither the head nor the neighbours are trusted, and the audit says that it cannot tell."""
    rng = np.random.default_rng(0)
    x, said = rng.normal(size=(1000, 5)), rng.integers(0, 4, 1000)
    told = audit(x, Noisy(said, 4)).summary["label_errors"]
    assert max(told["trust"].values()) < 0.5 and not told["predictions_beat_largest_class"]
    assert abs(told["agreement"] - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1000)


def test_beside_given_probabilities_confident_learning_marks_and_ranks_alone(digits):
    x, _, said = digits
    p = out_of_fold(standardised(x), said, 10)
    report = audit(x, Noisy(said, 10), probabilities=p)
    table, counted = found(report), find_label_issues(said, p)
    assert set(table.row) == set(np.flatnonzero(counted))
    np.testing.assert_allclose(table.score, ConfidentLearning().score(said, p)[table.row], atol=1e-7)
    assert table.found_by_confident_learning.all() and table.found_by_simifeat.isna().all()
    told = report.summary["label_errors"]
    assert (
        told["detector"] == "confident-learning"
        and told["neighbours"] == 0
        and list(told["found_by"]) == ["confident-learning"]
    )


def test_copies_of_a_wrong_row_do_not_hide_it():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = rng.normal(size=(300, 4)) + 5 * np.eye(4)[y]
    said = y.copy()
    said[:6] = (y[:6] + 1) % 3
    copies = np.repeat(np.arange(6), 12)  # more copies than neighbours that are asked
    report = audit(np.concatenate([x, x[copies]]), Noisy(np.concatenate([said, said[copies]]), 3))
    table = found(report)
    assert report.summary["label_errors"]["found_by"]["simifeat"] >= 78
    assert set(table[table.found_by_simifeat.astype(bool)].row) >= set(range(6))


def test_a_single_column_and_few_rows():
    x = np.r_[np.linspace(0, 1, 20), np.linspace(9, 10, 20)][:, None]
    said = np.repeat([0, 1], 20)
    said[3] = 1
    assert found(audit(x, Noisy(said, 2))).row[0] == 3
    few = audit(np.array([[0.0], [1.0], [2.0], [9.0]]), Noisy(np.array([0, 0, 1, 1]), 2), folds=2)
    assert few.summary["label_errors"]["neighbours"] == 3


def test_the_page_names_the_detector_its_reason_and_each_count(digits, tmp_path, read_page):
    x, _, said = digits
    report = audit(x, Noisy(said, 10))
    words = "".join(read_page(report.to_html(tmp_path / "r.html").read_text("utf-8")).words)
    told = report.summary["label_errors"]
    assert "Pooling a linear model with the nearest rows' labels" in words and "an oracle" in words
    assert "docs/measurements/detection-default.md" in words and "found by" in words
    for name, text in (("confident-learning", "found by confident learning"), ("simifeat", "found by SimiFeat")):
        assert text in words and f"{told['found_by'][name]} rows, {told['listed_by'][name]} of them listed" in words
    table = found(report)
    neither = ~table.found_by_confident_learning.astype(bool) & ~table.found_by_simifeat.astype(bool)
    assert f"what they say together{neither.sum()} row" in words
    p = out_of_fold(standardised(x), said, 10)
    given = "".join(read_page(_page(audit(x, Noisy(said, 10), probabilities=p), tmp_path)).words)
    assert "the probabilities that were passed in and nothing else" in given and "found by SimiFeat" not in given


def _page(report, folder):
    return report.to_html(folder / "given.html").read_text("utf-8")
