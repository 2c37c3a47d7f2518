"""Grids that judge an estimated class prior: the bags, the errors, which methods meet them, peers."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sfumato.bench.content import content
from sfumato.bench.laws import law
from sfumato.bench.perform import perform
from sfumato.bench.plan import plan
from sfumato.bench.quantified import absolute_error, relative_error
from sfumato.bench.record import TIMINGS
from sfumato.bench.results import results
from sfumato.bench.run import run
from sfumato.bench.spec import parse
from sfumato.bench.store import Store
from sfumato.core.errors import LabelError, ParameterError

GOOD: dict[str, Any] = {
    "name": "priors",
    "datasets": ["wine", "breast_cancer"],
    "laws": [{"name": "label-shift", "bags": 4, "size": 60}],
    "methods": ["classify-and-count", "bbse", {"name": "bbse", "fields": {"soft": True}}, "em-prior"],
    "seeds": 2,
    "test": 0.4,
}


class Level:
    """A peer that says that all classes are alike."""

    name, kind = "level", "prior"

    def missing(self) -> str | None:
        return None

    def fit(self, X: Any, labels: Any, seed: int) -> Any:
        return lambda bag: np.full(labels.k, 1 / labels.k)


LEVEL = Level()


def test_bags_hold_what_their_priors_say() -> None:
    y = torch.arange(300) % 3
    told = {"bags": 200, "size": 31}
    draw = law("label-shift", told).draw
    rows, q = draw(torch.zeros(300, 1), y, 3, torch.Generator().manual_seed(0), **told)
    assert rows.shape == (200, 31) and torch.equal((31 * q).round().sum(1), torch.full((200,), 31.0).double())
    counts = torch.stack([(y[rows] == c).sum(1) for c in range(3)], 1)
    assert torch.equal(counts.double() / 31, q)
    # evenly over the simplex: each share has mean 1/3 and variance 1/18, but for the rounding to 31 rows
    assert q.mean(0).numpy() == pytest.approx([1 / 3] * 3, abs=4 * (1 / 18 / 200) ** 0.5)
    assert q.var(0).numpy() == pytest.approx([1 / 18] * 3, rel=0.25)
    again = draw(torch.zeros(300, 1), y, 3, torch.Generator().manual_seed(0), **told)
    assert torch.equal(again[0], rows)
    with pytest.raises(LabelError, match="lack a class"):
        draw(torch.zeros(3, 1), torch.zeros(3).long(), 2, torch.Generator(), bags=1, size=2)
    with pytest.raises(ParameterError, match="0 bags"):
        draw(torch.zeros(3, 1), y[:3], 3, torch.Generator(), bags=0, size=2)


def test_errors_by_hand() -> None:
    truth, found = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[0.7, 0.3], [0.1, 0.9]])
    assert absolute_error(found, truth) == pytest.approx(0.15)
    e = 1 / 20
    a, b = (found + e) / (1 + 2 * e), (truth + e) / (1 + 2 * e)
    assert relative_error(found, truth, 10) == pytest.approx(np.mean(np.abs(a - b) / b))
    assert relative_error(truth, truth, 10) == 0


def test_a_record_is_the_mean_error_of_the_method() -> None:
    asked = {**GOOD, "datasets": ["wine"], "methods": ["em-prior", f"peer:{__name__}:LEVEL"], "seeds": 1}
    for made in plan(parse(asked)):
        assert made.job["train"] == {} and made.skip is None
        first, second = perform(made.id, made.job), perform(made.id, made.job)
        assert first["status"] == "done", first["error"]
        assert {k for k in first if first[k] != second[k]} <= set(TIMINGS)
        assert (first["n_train"], first["n_validation"], first["n_test"]) == (106, 0, 72)
        assert first["oracle_test_accuracy"] is None and json.loads(first["criteria"]) == {}
        error = json.loads(first["oracles"])["oracle-absolute-error"]
        assert 0 < error < (0.4 if made.job["label"].startswith("peer") else 0.05)


def test_methods_for_two_classes_are_shown_positive_rows_alone_and_skip_more() -> None:
    asked = {**GOOD, "methods": ["elkan-noto-prior", "bbse"], "seeds": 1}
    runs = {(r.job["dataset"]["name"], r.job["label"]): r for r in plan(parse(asked))}
    assert runs["wine", "elkan-noto-prior"].skip == "elkan-noto-prior takes 2 classes, wine has 3"
    made = runs["breast_cancer", "elkan-noto-prior"]
    assert made.skip is None and made.job["method"]["kind"] == "pu"
    small = {**made.job, "law": {"name": "label-shift", "params": {"bags": 1, "size": 40}}}
    done = perform(made.id, small)
    assert done["status"] == "done", done["error"]
    assert 0 <= json.loads(done["oracles"])["oracle-absolute-error"] < 0.3


def test_what_does_not_estimate_this_prior_meets_nothing() -> None:
    for name in ("ce", "confident-joint", "complementary-shares"):
        with pytest.raises(ParameterError, match="fits no law of this grid"):
            plan(parse({**GOOD, "methods": [name]}))
    with pytest.raises(ParameterError, match="em-prior"):
        plan(parse({**GOOD, "methods": ["em-priors"]}))


def test_a_report_shows_errors_smaller_is_better(tmp_path: Path) -> None:
    counts = run(parse(GOOD), tmp_path / "store")
    assert (counts["done"], counts["failed"]) == (16, 0)
    done, _ = results(Store(tmp_path / "store"))
    assert all(r.accuracy <= 0 for r in done)  # a score: larger is better
    section = content(Store(tmp_path / "store"))[1]
    board = section.tables[0]
    assert "absolute error" in board.title or any("absolute error" in c for c in board.columns)
    assert {row[0] for row in board.rows} >= {"bbse(soft=True)", "em-prior"}


@pytest.mark.parametrize("learner", ["cc", "acc", "emq"])
def test_quapy_runs(learner: str) -> None:
    if importlib.util.find_spec("quapy") is None:
        pytest.skip("quapy is not installed")
    asked = {**GOOD, "datasets": ["breast_cancer"], "methods": [f"peer:quapy-{learner}"], "seeds": 1}
    made = plan(parse(asked))[0]
    done = perform(made.id, made.job)
    assert done["status"] == "done", done["error"]
    assert json.loads(done["oracles"])["oracle-absolute-error"] < 0.1
