"""Open-set LCCN: what is drawn with which matrix and counted, LCCN as its limit, rows of no class told apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from sfumato.core.errors import ParameterError
from sfumato.core.streams import rng
from sfumato.core.words import bring
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.noisy.lccn import LCCN, counts, drawn, posterior
from sfumato.learn.noisy.open_set_lccn import OpenSetLCCN
from sfumato.parts.losses import cross_entropy
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

Y = torch.tensor([0, 1, 2, 1, 0, 2, 2, 1])


def given(progress: float, z: torch.Tensor, method: Any) -> dict[str, Any]:
    values = {"z": z, "s": Noisy(Y, 3), "w": None, "k": 3, "progress": progress, "rng": rng(0, "step")}
    return {**values, "rows": bring(method.start, values), "bank": bring(method.stock, values)}


def test_the_posterior_by_hand_and_as_the_law_has_it() -> None:
    log_p = torch.log_softmax(torch.randn(8, 4, dtype=torch.float64, generator=rng(0, "test")), 1)
    matrix = torch.tensor([[0.8, 0.1, 0.1], [0.0, 0.9, 0.1], [0.2, 0.2, 0.6], [1 / 3, 1 / 3, 1 / 3]]).double()
    got = posterior(log_p, Noisy(Y, 3), matrix)
    for row, p, y in zip(got, log_p.exp(), Y, strict=True):
        joint = torch.stack([p[t] * matrix[t, y] for t in range(4)])
        torch.testing.assert_close(row, joint / joint.sum(), rtol=1e-12, atol=1e-300)
    square = ClassConditional.bound(transition=matrix[:3]).posterior(log_p[:, :3], Noisy(Y, 3))
    assert torch.equal(posterior(log_p[:, :3], Noisy(Y, 3), matrix[:3]), square)


def test_counts_have_a_row_more() -> None:
    assert counts(torch.tensor([3, 0, 3]), torch.tensor([1, 0, 2]), 3, more=1).tolist() == [
        [1, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
        [0, 1, 1],
    ]


def test_the_matrices() -> None:
    method, bank = OpenSetLCCN(smoothing=0.3, alpha=0.5), torch.tensor([[4, 1], [0, 3], [2, 0]])
    held = torch.tensor([[0.85, 0.15], [0.15, 0.85], [0.5, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(method.transition(bank, 0.39), held)
    counted = torch.tensor([[4.5 / 6, 1.5 / 6], [0.5 / 4, 3.5 / 4], [2.5 / 3, 0.5 / 3]], dtype=torch.float64)
    torch.testing.assert_close(method.transition(bank, 0.4), counted)


@pytest.mark.parametrize("progress", [0.1, 0.3, 0.9])
def test_loss_and_memory_take_the_same_draw(progress: float) -> None:
    method, z = OpenSetLCCN(), 2 * torch.randn(8, 4, dtype=torch.float64, generator=rng(1, "test"))
    values = given(progress, z, method)
    risk, new = bring(method.risk, values), bring(method.renew, values)
    if progress < method.warmup:
        assert torch.equal(new["rows"], z.argmax(1))
        torch.testing.assert_close(risk, cross_entropy(z, Y).mean())
    else:
        again = drawn(z, values["s"], method.transition(values["bank"], progress), rng(0, "step"))
        assert torch.equal(new["rows"], again)
        torch.testing.assert_close(risk, cross_entropy(z, again).mean())
    assert torch.equal(new["bank"], counts(new["rows"], Y, 3, more=1))
    assert torch.equal(new["bank"].sum(0), torch.bincount(Y, minlength=3))  # column sums are the given labels'


def test_where_no_row_can_be_of_none_it_is_lccn() -> None:
    z = torch.randn(8, 3, dtype=torch.float64, generator=rng(2, "test"))
    wide = torch.cat([z, torch.full((8, 1), -1e4, dtype=torch.float64)], 1)
    open_set, closed = OpenSetLCCN(), LCCN()
    for progress in (0.1, 0.9):
        more, less = given(progress, wide, open_set), given(progress, z, closed)
        torch.testing.assert_close(bring(open_set.risk, more), bring(closed.risk, less), rtol=1e-12, atol=0)
        assert torch.equal(bring(open_set.renew, more)["bank"][:3], bring(closed.renew, less)["bank"])


def test_prediction_is_among_the_classes() -> None:
    head, z = OpenSetLCCN().head_for(ClassConditional), torch.tensor([[1.0, 2.0, 9.0]])
    assert head.width(2) == 3
    torch.testing.assert_close(head.log_p(z), torch.log_softmax(z[:, :2], 1))
    torch.testing.assert_close(OpenSetLCCN.of_none(z), torch.softmax(z, 1)[:, 2])


def test_rows_of_no_class_are_told_apart() -> None:
    x, y = load_digits(return_X_y=True)
    data, truth = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    rows = torch.cat([torch.where(truth < 6)[0][:650], torch.where(truth >= 6)[0][:350]])
    strange = truth[rows] >= 6
    anything = torch.randint(6, (len(rows),), generator=rng(3, "test"))
    labels = Noisy(torch.where(strange, anything, truth[rows]), 6)

    def network(member: int) -> torch.nn.Module:
        return build("mlp", (64,), 7, member, (200,))

    run = Run(data[rows], labels, OpenSetLCCN(), network, Config(epochs=30, lr=3e-3), law=ClassConditional).fit()
    assert roc_auc_score(strange, OpenSetLCCN.of_none(run.logits(data[rows])[0])) > 0.8


def test_bounds() -> None:
    for wrong in ({"alpha": 0.0}, {"smoothing": 0.0}, {"smoothing": 1.0}, {"warmup": 0.5, "settle": 0.4}):
        with pytest.raises(ParameterError):
            OpenSetLCCN(**wrong)
