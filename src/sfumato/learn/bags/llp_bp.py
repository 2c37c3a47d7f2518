"""LLP-BP: pseudo-labels by belief propagation between near rows and bags, embeddings from them, and again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Bags
from sfumato.labels.heads import Softmax
from sfumato.parts.belief_propagation import marginals
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean
from sfumato.parts.neighbours import nearest
from sfumato.parts.schedule import epochs_of

from .proportion import Proportion, proportion_losses

BLOCK = 1 << 12  # most rows among which neighbours are looked for, where there are more than WHOLE
WHOLE = 1 << 14


def blocks(x: Tensor, rng: torch.Generator) -> list[Tensor]:
    """Row numbers in blocks of at most BLOCK, halved by the median of random projections of the unit rows.

    Near rows mostly fall into one block (a random projection tree, dasgupta2008random).
    """
    left, done = [torch.arange(len(x))], []
    while left:
        rows = left.pop()
        if len(rows) <= BLOCK:
            done.append(rows)
            continue
        there = x[rows]
        way = torch.randn(x.shape[1], generator=rng, device=rng.device).to(x.device, x.dtype)
        at = (there @ way) / there.norm(dim=1).clamp_min(1e-30)
        left += rows[at.argsort(stable=True).cpu()].tensor_split(2)
    return done


def near_pairs(x: Tensor, k: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """(edges (2, E), similarity (E,)): the k nearest rows of each row by cosine, each pair once, and exp(-d / scale).

    d is the Euclidean distance, scale its median over pairs that differ. Among more than WHOLE rows neighbours are
    those of the own block of ``blocks``.
    """
    flat = x.detach().flatten(1).cpu()
    n = len(flat)
    pairs = [torch.zeros(2, 0, dtype=torch.long)]
    for rows in blocks(flat, rng) if n > WHOLE else [torch.arange(n)]:
        many = min(k, len(rows) - 1)
        if many:
            found = torch.from_numpy(nearest(flat[rows].double().numpy(), many, metric="cosine")[1])
            pairs.append(torch.stack([rows.repeat_interleave(many), rows[found.reshape(-1)]]))
    pair = torch.cat(pairs, 1).sort(0).values
    code = torch.unique(pair[0] * n + pair[1])
    edges = torch.stack([code // n, code % n])
    parts = [(flat[a].double() - flat[b].double()).norm(dim=1) for a, b in (p.unbind(0) for p in edges.split(WHOLE, 1))]
    distance = torch.cat(parts)
    apart = distance[distance > 0]
    scale = float(apart.median()) if len(apart) else 1.0
    return edges.to(x.device), torch.exp(-distance / scale).to(x.device)


def decided(q: Tensor) -> Tensor:
    """(rows, K) all on the likeliest class, shared evenly by classes that are as likely."""
    most = (q >= q.amax(1, keepdim=True) - 1e-9).to(q.dtype)
    return most / most.sum(1, keepdim=True)


@method("llp-bp", paper="havaldar2024learning")
@dataclass
class LLPBP(Proportion):
    r"""Pseudo-labels from a Gibbs distribution over the labels of all rows, by belief propagation; features learned
    from them give the next graph.

    P(y) ~ exp( -lam_near sum_{near a, b} k(x_a, x_b) [y_a != y_b] - lam_bag sum_bags sum_k (n_bk(y) - c_bk)^2 )
    R = mean_i w_i CE(q_i, p_i) + lam R_proportion,  q_i the decided marginals of P(y_i)

    near: the ``neighbours`` nearest rows by cosine; k(a, b) = exp(-|a - b| / scale), scale the median distance between
    near rows (released: 1, on features scaled by hand). Each round begins with P on the features that the network has
    learned by then, the first on x itself; the paper's two rounds train a network each, here one goes on. The bag's
    count is one factor, whose messages are exact (released: a factor for every pair of a bag, g^2 of them); with more
    than two classes, the paper has two, one factor per class and bag. The released network sees the bag's share
    through a pooled layer of its own; here it is the proportion loss. Among more than 16,384 rows neighbours are looked
    for in blocks of at most 4,096, the leaves of a tree of random projections. The graph is held as one: needs all rows
    in memory. The count is soft: near rows
    that are sure of themselves can outvote it, in small bags above all; a large lam_bag makes it hard.

    Args: lam_near >= 0 and lam_bag > 0 (both 10, as released); neighbours >= 1; rounds >= 1; iterations >= 1 of
    propagation; damping in [0, 1); lam >= 0; hard, whether the likeliest class is taken (released) or the marginals
    are. Assumes: near rows have like classes; features on comparable scales. Shapes: z (rows, K), rows (rows, K).
    """

    lam_near: float = 10.0
    lam_bag: float = 10.0
    neighbours: int = 5
    rounds: int = 2
    iterations: int = 100
    damping: float = 0.5
    lam: float = 0.1
    hard: bool = True

    def __post_init__(self) -> None:
        check_number("lam_near", self.lam_near, 0)
        check_number("lam_bag", self.lam_bag, 0, low_open=True)
        check_number("neighbours", self.neighbours, 1)
        check_number("rounds", self.rounds, 1)
        check_number("iterations", self.iterations, 1)
        check_number("damping", self.damping, 0, 1, high_open=True)
        check_number("lam", self.lam, 0)

    def start(self, s: Bags, x: Tensor, rng: torch.Generator) -> Tensor:
        edges, near = near_pairs(x, int(self.neighbours), rng)
        q = marginals(
            edges, self.lam_near * near, s.offsets, s.counts, self.lam_bag, int(self.iterations), self.damping
        )
        return decided(q) if self.hard else q

    def risk(  # type: ignore[override]  # more words than the base
        self, z: Tensor, s: Bags, w: Tensor | None, rows: Tensor, head: Softmax
    ) -> Tensor:
        log_p = head.log_p(z)
        fit = mean(-(rows * log_p).sum(1), None if w is None else s.spread(w))
        return fit + self.lam * mean(proportion_losses(log_p, s), w)

    def epoch(self, features: Tensor, s: Bags, rng: torch.Generator, progress: float, epochs: int) -> dict[str, Tensor]:
        done = epochs_of(progress, epochs)
        due = {epochs_of(times / self.rounds, epochs) for times in range(1, int(self.rounds))}
        return {"rows": self.start(s, features, rng)} if done in due and done < epochs else {}
