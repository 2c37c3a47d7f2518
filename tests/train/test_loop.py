"""The loop: what it brings, when hooks are called, stopping, saving, choosing, and what it refuses."""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from sfumato.core.errors import DivergedError, FileError, ParameterError
from sfumato.labels import PU, CaseControl, ClassConditional, Noisy, Symmetric
from sfumato.learn.objective import Objective
from sfumato.parts.losses import cross_entropy, mean
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build
from tests.checks.toys import Bank, Epochs, Matrix, Peer, Plain, Rows, Teacher

X = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0.5).long()
S = Noisy(Y, 3)


def make(objective: Objective | None = None, labels: Any = S, x: Tensor = X, dropout: float = 0.0, **given: Any) -> Run:
    keys = ("law", "needs", "w", "group", "sides", "sampling")
    others = {k: given.pop(k) for k in keys if k in given}
    others.setdefault("law", ClassConditional)
    settings = {"epochs": 3, "batch_size": 8, "lr": 0.01} | given
    return Run(
        x,
        labels,
        objective or Plain(),
        lambda m: build("mlp", (4,), labels.k, m, (8,), dropout),
        Config(**settings),
        **others,
    )


def weights(run: Run) -> Tensor:
    return torch.cat([p.detach().flatten() for net in run.nets for p in net.parameters()])


def test_training_lowers_the_risk_and_keeps_a_history() -> None:
    run = make(epochs=20).fit()
    assert [entry["epoch"] for entry in run.history] == list(range(1, 21))
    assert run.history[-1]["risk"] < 0.7 * run.history[0]["risk"]
    assert (run.epoch, run.step) == (20, 0)


def test_the_loop_is_plain_adam_on_the_sampler_s_batches() -> None:
    run = make()
    net = build("mlp", (4,), 3, 0, (8,), 0.0)
    optimizer = torch.optim.Adam(net.parameters(), 0.01, weight_decay=1e-5)
    for epoch in range(3):
        for batch in run.sampler.epoch(epoch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(X[batch]), Y[batch]).backward()
            optimizer.step()
    run.fit()
    by_hand = torch.cat([p.detach().flatten() for p in net.parameters()])
    assert torch.allclose(weights(run), by_hand, atol=1e-6)


@dataclass
class Spy(Objective):
    """Tells which words came, and counts hooks."""

    law = ClassConditional
    calls: ClassVar[list[str]] = []

    def start(self, s: Any, n: int, k: int, x: Tensor, group: Tensor, epochs: int, rng: torch.Generator) -> Tensor:
        assert len(s) == n == len(x) == len(group) == 30 and (k, epochs) == (3, 3)
        return torch.arange(30)

    def risk(
        self, z: Tensor, s: Any, x: Tensor, w: Tensor, rows: Tensor, group: Tensor, progress: float, features: Tensor
    ) -> Tensor:
        self.calls.append("risk")
        assert torch.equal(x, X[rows]) and torch.equal(s.y, Y[rows]) and torch.equal(group, rows % 2)
        assert torch.equal(w, rows + 1.0)
        assert 0 <= progress < 1 and features.shape == (len(x), 8) and features.requires_grad
        return mean(cross_entropy(z, s.y), w)

    def renew(self, z: Tensor, features: Tensor) -> dict[str, Any]:
        self.calls.append("renew")
        assert not z.requires_grad and not features.requires_grad
        return {}

    def epoch(self, z: Tensor) -> dict[str, Any]:
        self.calls.append("epoch")
        assert z.shape == (30, 3)
        return {}


def test_words_belong_to_the_rows_of_the_batch_and_hooks_come_in_order() -> None:
    Spy.calls.clear()
    make(Spy(), w=torch.arange(30) + 1.0, group=torch.arange(30) % 2).fit()
    assert Spy.calls == (["risk", "renew"] * 4 + ["epoch"]) * 3


def test_memory_of_rows_is_written_where_it_was_read() -> None:
    @dataclass
    class Count(Objective):
        law = ClassConditional

        def start(self, n: int) -> Tensor:
            return torch.zeros(n)

        def risk(self, z: Tensor, s: Any) -> Tensor:
            return cross_entropy(z, s.y).mean()

        def renew(self, rows: Tensor) -> dict[str, Tensor]:
            return {"rows": rows + 1}

    assert make(Count()).fit().memory[0]["rows"].tolist() == [3.0] * 30


def test_memory_follows_observations_where_two_speak_of_one_row() -> None:
    """Labeled positives that point at rows of the unlabeled sample keep a memory of their own."""
    flags = torch.tensor([True] * 5 + [False] * 30)
    pointer = torch.cat([torch.arange(5), torch.arange(30)])
    labels = PU(flags, pointer=pointer)

    @dataclass
    class Mark(Objective):
        law = CaseControl

        def start(self, s: Any) -> Tensor:
            return s.flag.float()

        def risk(self, z: Tensor, s: Any, rows: Tensor) -> Tensor:
            assert torch.equal(rows > 0, s.flag)
            return cross_entropy(z, s.flag.long()).mean()

        def renew(self, s: Any, rows: Tensor) -> dict[str, Tensor]:
            return {"rows": rows + s.flag.to(rows)}

        def epoch(self, s: Any, rows: Tensor) -> dict[str, Tensor]:
            assert torch.equal(rows > 0, s.flag)
            return {"rows": rows}

    run = make(Mark(), labels, law=CaseControl).fit()
    assert run.memory[0]["rows"].tolist() == [4.0] * 5 + [0.0] * 30


def test_needs_per_row_follow_the_batch() -> None:
    @dataclass
    class Own(Objective):
        law = ClassConditional

        def risk(self, z: Tensor, x: Tensor, propensity: Tensor) -> Tensor:
            assert torch.equal(propensity, x[:, 0])
            return z.mean()

    make(Own(), needs={"propensity": X[:, 0].clone()}, epochs=1).fit()


def test_a_learned_need_moves_and_rebuilds_the_law() -> None:
    seen: list[Tensor] = []

    @dataclass
    class Learn(Objective):
        law = ClassConditional
        learned = ("transition",)
        rates = {"transition": 1.0}

        def learns(self, k: int) -> dict[str, nn.Module]:
            return {"transition": Matrix(k)}

        def risk(self, z: Tensor, s: Any, law: Any, head: Any, transition: Tensor) -> Tensor:
            assert law.transition is transition
            seen.append(transition.detach().clone())
            return mean(-law.log_prob(head.log_p(z), s), None)

    make(Learn()).fit()
    assert not torch.equal(seen[0], seen[-1]) and torch.allclose(seen[-1].sum(1), torch.ones(3))


def test_the_head_is_known_where_no_hook_asks_for_the_law() -> None:
    @dataclass
    class Head(Objective):
        law = ClassConditional

        def risk(self, z: Tensor, s: Any, head: Any) -> Tensor:
            return -head.log_p(z).gather(1, s.y[:, None]).mean()

    assert torch.allclose(weights(make(Head()).fit()), weights(make(Plain()).fit()), atol=1e-5)


def test_the_teacher_is_the_average_of_past_weights() -> None:
    run = make(Teacher(), epochs=1)
    nets, averages = [weights(run)], [weights(run)]
    for done in range(4):
        run.fit(stop_after=1)
        decay = min(0.999, (1 + done) / (10 + done))
        averages.append(decay * averages[-1] + (1 - decay) * weights(run))
        nets.append(weights(run))
    teacher = torch.cat([p.flatten() for p in run.teachers[0].parameters()])
    assert torch.allclose(teacher, averages[-1], atol=1e-6) and not torch.allclose(teacher, nets[-1])
    assert run.final() is run.nets
    assert make(Plain(), average=0.9).final()[0] is not None


def test_averages_predict_where_asked_for() -> None:
    run = make(Plain(), average=0.9).fit()
    assert run.final() is run.teachers
    assert not torch.equal(run.logits(X)[0], run.logits(X, run.nets)[0])


def test_members_start_apart_and_share_one_forward_pass_each() -> None:
    run = make(Peer(), epochs=1)
    counts = [0, 0]
    for m, net in enumerate(run.nets):
        net.register_forward_hook(lambda *_, m=m: counts.__setitem__(m, counts[m] + 1))
    assert not torch.equal(run.logits(X)[0], run.logits(X)[1])
    counts[:] = [0, 0]
    run.fit(stop_after=1)
    assert counts == [1, 1]


@pytest.mark.parametrize(
    "objective", [Plain(), Rows(), Bank(), Epochs(), Teacher(), Peer()], ids=lambda o: type(o).__name__
)
def test_nothing_is_left_of_the_global_generator_s_state(objective: Objective) -> None:
    labels = S
    if isinstance(objective, Rows):
        from sfumato.labels import FlipSets

        labels = FlipSets(0.3).sample(Y, 3, torch.Generator().manual_seed(0))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    make(objective, labels, dropout=0.5).fit()
    assert torch.equal(before, torch.get_rng_state())


class Shaken(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(x, 0.5, self.training))


def test_a_foreign_network_that_draws_draws_the_same_again() -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        net = Shaken(4, 3)
        nn.init.constant_(net.weight, 0.1)
        nn.init.zeros_(net.bias)
        config = Config(epochs=2, batch_size=8)
        run = Run(X, S, Plain(), lambda m, net=net: build(net, (4,), 3, m), config, law=ClassConditional)
        found.append(weights(run.fit()))
    assert torch.equal(*found)


def test_a_network_that_draws_nothing_leaves_the_default_generator_alone() -> None:
    seen = []
    run = make()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run.nets[0].register_forward_hook(lambda *_: seen.append(torch.equal(before, torch.get_rng_state())))
    run.fit()
    assert seen and all(seen)


def test_evaluation_switches_dropout_off_and_back_on() -> None:
    run = make(dropout=0.9)
    assert torch.equal(run.logits(X)[0], run.logits(X)[0])
    assert all(net.training for net in run.nets)
    assert torch.allclose(run.logits(X, chunk=7)[0], run.logits(X)[0], atol=1e-6)


# ---------------------------------------------------------------- stop, save, choose


@pytest.mark.parametrize("stop", range(1, 12))
def test_stopping_anywhere_changes_nothing(stop: int, tmp_path: Path) -> None:
    whole = make(dropout=0.5, schedule="cosine").fit()
    path = tmp_path / "run"
    make(dropout=0.5, schedule="cosine").fit(stop_after=stop, save=path)
    torch.manual_seed(stop)
    again = make(dropout=0.5, schedule="cosine").fit(save=path)
    assert torch.equal(weights(whole), weights(again)) and whole.history == again.history


def test_resuming_keeps_the_best_epoch_and_patience(tmp_path: Path) -> None:
    scores = iter([1.0, 3.0, 2.0, 2.5, 1.0, 0.0])
    path = tmp_path / "run"
    first = make(epochs=2).config
    assert first.epochs == 2

    def validate(run: Run) -> float:
        return next(scores)

    run = make(epochs=6)
    run.fit(validate=validate, stop_after=10, save=path)  # in the middle of the third epoch
    again = make(epochs=6).fit(validate=validate, patience=2, save=path)
    assert again.best is not None and again.best[:2] == (3.0, 2) and again.epoch == 4
    assert [entry["validation"] for entry in again.history] == [1.0, 3.0, 2.0, 2.5]


def test_the_chosen_weights_are_those_of_the_best_epoch() -> None:
    seen: list[Tensor] = []

    def validate(run: Run) -> float:
        seen.append(weights(run))
        return [0.0, 2.0, 1.0][len(seen) - 1]

    run = make().fit(validate=validate)
    assert run.best is not None
    assert torch.equal(torch.cat([t.flatten() for t in run.best[2][0].values()]), seen[1])


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weights_that_are_not_kept_row_by_row_resume_with_the_same_bits(optimizer: str, tmp_path: Path) -> None:
    images = torch.randn(30, 3, 4, 4, generator=torch.Generator().manual_seed(0))

    def last(m: int) -> nn.Module:
        parts = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
        return build(lambda: nn.Sequential(*parts), (3, 4, 4), 3, m).to(memory_format=torch.channels_last)

    start = copy.deepcopy(last(0))

    def fresh() -> Run:
        config = Config(epochs=3, batch_size=8, lr=0.01, optimizer=optimizer)
        return Run(images, S, Plain(), lambda _: copy.deepcopy(start), config, law=ClassConditional)

    whole = fresh().fit()
    fresh().fit(stop_after=5, save=tmp_path / "run")
    assert torch.equal(weights(whole), weights(fresh().fit(save=tmp_path / "run")))


def test_a_criterion_that_is_no_number_is_never_the_best() -> None:
    scores = iter([float("nan"), 1.0, float("nan"), 2.0, 0.0, 0.0])
    run = make(epochs=6).fit(validate=lambda run: next(scores), patience=2)
    assert run.best is not None and run.best[:2] == (2.0, 4) and run.epoch == 6
    assert make().fit(validate=lambda run: float("nan")).best is None


@pytest.mark.parametrize(
    "other",
    [
        {"x": X + 1},
        {"labels": Noisy((Y + 1) % 3, 3)},
        {"lr": 0.02},
        {"epochs": 4},
        {"seed": 1},
        {"w": torch.arange(30.0)},
        {"objective": Teacher()},
        {"law": Symmetric(0.1)},
        {"needs": {"noise_rate": 0.2}},
        {"group": torch.zeros(30)},
        {"sides": {"target": X}},
        {"sampling": torch.ones(30)},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_run_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "run"
    make().fit(stop_after=2, save=path)
    with pytest.raises(FileError, match="another run"):
        make(**other).fit(save=path)


def test_a_model_file_is_no_checkpoint(tmp_path: Path) -> None:
    from sfumato.train import checkpoint

    checkpoint.save(tmp_path / "run", {}, {"kind": "model"})
    with pytest.raises(FileError):
        make().load(tmp_path / "run")


def test_ctrl_c_saves_and_then_interrupts(tmp_path: Path) -> None:
    path = tmp_path / "run"
    before = signal.getsignal(signal.SIGINT)

    def interrupt(run: Run) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        make().fit(save=path, on_epoch=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.equal(weights(make().fit(save=path)), weights(make().fit()))


def test_ctrl_c_after_the_last_step_is_not_lost(tmp_path: Path) -> None:
    def interrupt(run: Run) -> None:
        if run.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        make().fit(save=tmp_path / "run", on_epoch=interrupt)
    again = make()
    again.load(tmp_path / "run")
    assert again.epoch == 3


def test_a_handler_that_python_did_not_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("a handler was set"))
    assert make(epochs=1).fit().epoch == 1


def test_a_risk_that_is_not_finite_stops_the_run() -> None:
    @dataclass
    class Burst(Objective):
        law = ClassConditional

        def risk(self, z: Tensor) -> Tensor:
            return (z * float("inf")).sum()

    with pytest.raises(DivergedError, match="epoch 1"):
        make(Burst()).fit()


def test_a_missing_side_stream_is_named_before_training() -> None:
    from tests.checks.toys import Sides

    with pytest.raises(ParameterError, match="Sides needs a side stream 'target'"):
        make(Sides(), sides={"outliers": X})


def test_side_rows_come_in_whole_passes_where_batches_differ_in_size() -> None:
    seen = torch.zeros(29)

    @dataclass
    class Look(Objective):
        law = ClassConditional

        def risk(self, z: Tensor, target: Tensor) -> Tensor:
            assert len(target) == len(z)
            seen.index_add_(0, target[:, 0].long(), torch.ones(len(target)))
            return z.mean()

    side = torch.arange(29.0)[:, None].expand(29, 4)
    make(Look(), epochs=40, batch_size=8, sides={"target": side}).fit()  # batches of 8, 8, 7 and 7
    assert seen.sum() == 40 * 30 and seen.max() - seen.min() <= 8


def test_a_learned_need_that_draws_draws_the_same_again() -> None:
    class OfRows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix, self.drop = Matrix(3), nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            return self.matrix() + self.drop(x[:, :1]).mean()  # type: ignore[no-any-return]

    class Whole(Matrix):
        def forward(self) -> Tensor:
            return nn.functional.dropout(super().forward())

    @dataclass
    class Learn(Objective):
        law = ClassConditional
        learned = ("transition", "confusion")

        def learns(self, k: int) -> dict[str, nn.Module]:
            return {"transition": OfRows(), "confusion": Whole(k)}

        def risk(self, transition: Tensor, confusion: Tensor, z: Tensor, s: Any) -> Tensor:
            return cross_entropy(z @ transition @ confusion, s.y).mean()

    found = []
    for seed in (1, 2):
        run = make(Learn())
        assert run.draws
        torch.manual_seed(seed)
        found.append(weights(run.fit()))
    assert torch.equal(*found)


def test_a_row_may_be_drawn_by_sampling_weights() -> None:
    seen: list[Tensor] = []

    @dataclass
    class Look(Objective):
        law = ClassConditional

        def risk(self, z: Tensor, x: Tensor) -> Tensor:
            seen.append(x)
            return z.mean()

    make(Look(), sampling=(torch.arange(30) == 3).double(), epochs=1).fit()
    assert all(torch.equal(row, X[3]) for row in torch.cat(seen))


def test_bfloat16_is_an_autocast_and_the_risk_stays_float32() -> None:
    run = make(precision="bfloat16", epochs=10).fit()
    assert all(p.dtype == torch.float32 for p in run.nets[0].parameters())
    assert run.history[-1]["risk"] < run.history[0]["risk"]


def test_forward_moves_no_statistics_and_has_dropout_of_its_own() -> None:
    found: list[Tensor] = []

    @dataclass
    class Look(Objective):
        law = ClassConditional

        def risk(self, x: Tensor, s: Any, forward: Callable[[Tensor], Tensor]) -> Tensor:
            one, two = forward(x), forward(x)
            assert not torch.equal(one, two)
            found.append(one.detach())
            return cross_entropy(one, s.y).mean()

    for seed in (1, 2):
        torch.manual_seed(seed)
        make(Look(), dropout=0.5, epochs=1).fit(stop_after=1)
    assert torch.equal(found[0], found[1])
