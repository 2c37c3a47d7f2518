"""What the audit says of masks: lone and wrong pixels against their definitions, planted noise of both forms."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch

from sfumato.audit import audit
from sfumato.audit.sections import masks as module
from sfumato.audit.sections.masks import lone, together
from sfumato.core.errors import ParameterError, ShapeError
from sfumato.labels import Masks, PixelFlips
from sfumato.score.segmentation_quality import segmentation_quality

N, SIDE, K = 12, 16, 3
HOSTILE = "<script>alert(1)</script>"


def truth() -> np.ndarray:
    """Pictures of a rectangle of class 1 and one of class 2 on class 0."""
    rng = np.random.default_rng(0)
    y = np.zeros((N, SIDE, SIDE), np.int64)
    for picture in y:
        for c in (1, 2):
            a, b = rng.integers(0, 8, 2)
            picture[a : a + 8, b : b + 7] = c
    return y


def told(y: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """Probabilities (n, K, H, W) of a model that is right and as sure everywhere."""
    p = np.full((len(y), K, *y.shape[1:]), (1 - sure) / (K - 1))
    np.put_along_axis(p, y[:, None], sure, 1)
    return p


def looked(y, p=None, **more):
    report = audit(np.random.default_rng(2).normal(size=(len(y), 4)), Masks(y, K, ("a", "b", HOSTILE)), probabilities=p)
    return report, report.sections[0], report.summary["masks"]


def neighbours(i: int, j: int, shape: tuple[int, int]):
    for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
        if 0 <= a < shape[0] and 0 <= b < shape[1]:
            yield a, b


@pytest.mark.parametrize("shape", [(5, 4), (1, 6), (1, 1)])
def test_lone_pixels_and_how_wrong_ones_lie_by_hand(shape) -> None:
    rng = np.random.default_rng(3)
    y, wrong = rng.integers(0, 3, (4, *shape)), rng.random((4, *shape)) < 0.4
    alone, both, one, every, hit = np.zeros(y.shape, bool), 0, 0, 0, 0
    for n, i, j in itertools.product(range(4), *map(range, shape)):
        near = list(neighbours(i, j, shape))
        alone[n, i, j] = bool(near) and all(y[n, a, b] != y[n, i, j] for a, b in near)
        every += len(near)
        hit += sum(wrong[n, a, b] for a, b in near)
        if wrong[n, i, j]:
            one += len(near)
            both += sum(wrong[n, a, b] for a, b in near)
    assert np.array_equal(lone(y), alone)
    if one:
        assert together(wrong) == pytest.approx((both / one) / (hit / every), rel=1e-12)
    else:
        assert together(wrong) is None


def test_flips_pixel_by_pixel_are_found_and_do_not_lie_together() -> None:
    y = truth()
    flipped = PixelFlips(0.1).sample(torch.from_numpy(y), K, torch.Generator().manual_seed(0)).y.numpy()
    report, own, summary = looked(flipped, told(y))
    share = float((flipped != y).mean())
    assert summary["marked"] == pytest.approx(share, abs=1e-12)  # the model is right, so all and only these
    assert summary["noise_rate"] == pytest.approx(share, rel=0.02)
    pairs = 2 * N * SIDE * (SIDE - 1) * 0.1**2  # of neighbours both wrong: their number varies like a count
    assert abs(summary["together"] - 1) < 4 / pairs**0.5 < module.TOGETHER - 1 and "do not lie together" in own.verdict
    assert own.word == "act" and own.measures[1].value == summary["marked"]
    want = segmentation_quality(flipped, told(y)).pictures
    assert np.array_equal(own.issues.row, np.argsort(-want, kind="stable"))
    assert np.array_equal(own.issues.score, want[own.issues.row])


def test_a_rectangle_that_is_missed_lies_together_and_is_named() -> None:
    y = truth()
    missed = y.copy()
    missed[3][missed[3] == 2] = 0
    report, own, summary = looked(missed, told(y))
    assert summary["together"] > module.TOGETHER and "They lie together" in own.verdict
    assert own.issues.row.tolist() == [3] and own.issues.given == ["a"] and own.issues.suggested == [HOSTILE]
    assert summary["marked"] == pytest.approx(float((missed != y).mean()), abs=1e-12)
    rows = report.issues.to_pylist()
    assert [r["issue"] for r in rows if r["row"] == 3 and r["issue"] == "mask"] == ["mask"]


def test_clean_masks_are_good_and_without_probabilities_nothing_is_judged() -> None:
    y = truth()
    _, own, summary = looked(y, told(y))
    assert own.word == "good" and summary["marked"] == 0 and summary["together"] is None and not len(own.issues.row)
    _, own, summary = looked(y)
    assert own.word == "unknown" and own.issues is None and "marked" not in summary
    assert summary["lone"] == lone(y).mean() and summary["pixels"] == np.bincount(y.ravel()).tolist()
    assert summary["pictures"] == [int((y == c).any((1, 2)).sum()) for c in range(K)]
    noisy = PixelFlips(0.3).sample(torch.from_numpy(y), K, torch.Generator().manual_seed(0)).y.numpy()
    assert looked(noisy)[1].word == "look"
    assert "1 class never occurs" in looked(np.where(y == 2, 1, y))[1].verdict


def test_of_many_probabilities_a_grid_is_judged(monkeypatch) -> None:
    y = truth()
    monkeypatch.setattr(module, "MOST", N * K * SIDE * SIDE // 4)
    missed = y.copy()
    missed[3][missed[3] == 2] = 0
    _, own, summary = looked(missed, told(y))
    assert summary["every"] == 2 and any("one in 2 rows" in note for note in own.notes)
    assert summary["marked"] == pytest.approx(float((missed != y)[:, ::2, ::2].mean()), abs=1e-12)


def test_the_page_shows_names_as_text_and_the_json_is_whole(tmp_path, read_page) -> None:
    y = truth()
    missed = np.where((y == 2) & (np.arange(N) < 4)[:, None, None], 0, y)
    report = looked(missed, told(y))[0]
    report.save(tmp_path)
    page = read_page((tmp_path / "report.html").read_text("utf-8"))
    assert "<script>alert(1)" in "".join(page.words)
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["masks"]["names"][2] == HOSTILE


def test_what_does_not_fit_is_refused() -> None:
    y, x = truth(), np.random.default_rng(0).normal(size=(N, 2))
    labels = Masks(y, K)
    for p in (np.full((N, K), 0.5), np.full((N, K + 1, SIDE, SIDE), 0.2), np.ones((N, K, SIDE, SIDE), int)):
        with pytest.raises(ShapeError, match="probabilities of shape"):
            audit(x, labels, probabilities=p)
    with pytest.raises(ShapeError, match="probabilities"):
        audit(x, labels, probabilities=np.full((N, K, SIDE, SIDE), 1.5))
    for name, value in (("truth", [0] * N), ("groups", ["a"] * N)):
        with pytest.raises(ParameterError, match=f"{name} beside masks labels"):
            audit(x, labels, **{name: value})
