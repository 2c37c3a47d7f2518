"""Words that bring features: embed, peer_features, and features of the clean pass after an epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.parts.losses import cross_entropy, mean
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build


@dataclass
class Watcher(Objective):
    """Two members that note what they are brought."""

    law = ClassConditional
    members = 2
    seen: list[Any] = field(default_factory=list)
    passes: list[Any] = field(default_factory=list)

    def risk(
        self,
        x: Tensor,
        z: Tensor,
        s: Noisy,
        features: Tensor,
        peer_features: Tensor,
        embed: Callable[[Tensor], tuple[Tensor, Tensor]],
    ) -> Tensor:
        self.seen.append((x, z.detach(), features, peer_features, *embed(2 * x)))
        return mean(cross_entropy(z, s.y), None)

    def epoch(self, z: Tensor, peer: Tensor, features: Tensor, peer_features: Tensor) -> dict[str, Any]:
        self.passes.append((z, peer, features, peer_features))
        return {}


def network(member: int) -> nn.Module:
    return build("mlp", (4,), 3, member, (6,), 0.5)


def watched(rows: int = 10) -> tuple[Run, Watcher, Tensor]:
    rng = torch.Generator().manual_seed(0)
    X, y = torch.randn(rows, 4, generator=rng), torch.randint(0, 3, (rows,), generator=rng)
    watcher = Watcher()
    run = Run(X, Noisy(y, 3), watcher, network, Config(epochs=1, batch_size=5, lr=1e-9), law=ClassConditional)
    return run.fit(), watcher, X


def test_embed_brings_z_and_the_features_of_its_own_pass() -> None:
    run, watcher, _ = watched()
    x, z, features, _, z2, h2 = watcher.seen[0]
    head: Any = run.nets[0].head
    torch.testing.assert_close(head(features), z, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(head(h2), z2, rtol=1e-5, atol=1e-5)
    assert h2.shape == features.shape == (len(x), 6)
    assert not torch.allclose(h2, features) and h2.requires_grad


def test_peer_features_are_the_other_members_detached() -> None:
    _, watcher, _ = watched()
    first, second = watcher.seen[:2]
    assert torch.equal(first[3], second[2]) and torch.equal(second[3], first[2])
    assert not first[3].requires_grad


def test_after_an_epoch_features_are_those_of_one_clean_pass_over_all_rows() -> None:
    run, watcher, X = watched()
    for m in (0, 1):
        net: Any = run.nets[m].eval()
        z, peer, features, peer_features = watcher.passes[m]
        torch.testing.assert_close(features, net.body(X), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(z, net(X), rtol=1e-6, atol=1e-6)
        assert torch.equal(peer, watcher.passes[1 - m][0]) and torch.equal(peer_features, watcher.passes[1 - m][2])


def test_a_clean_pass_in_several_chunks_is_whole() -> None:
    run, _, X = watched(9)
    net: Any = run.nets[0].eval()
    z, features = run.outputs(0, chunk=4)
    torch.testing.assert_close(features, net.body(X), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(z, net(X), rtol=1e-6, atol=1e-6)
