"""Belief propagation over the labels of rows: neighbours that agree, and bags whose counts are known."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.labels.heads import log_softmax

from .count_messages import from_counts

EDGES = 1 << 17  # edges whose messages are renewed at a time


def agree(odds: Tensor, coupling: Tensor) -> Tensor:
    r"""(edges, K - 1) what a neighbour's labels say across an edge, from what the neighbour is told, both as log odds
    against class 0: log sum_l exp(m_l - coupling [k != l]), less the same of k = 0.
    """
    if odds.shape[1] == 1:  # log (e^(m + J) + 1) / (e^m + e^J)
        both, j = odds[:, 0], coupling
        return (F.softplus(both + j) - F.softplus(both - j) - j)[:, None]
    whole = F.pad(odds, (1, 0))
    stay = torch.log(-torch.expm1(-coupling))[:, None]  # log(1 - e^-J); -inf where J = 0
    said = torch.logaddexp(torch.logsumexp(whole, 1, keepdim=True) - coupling[:, None], stay + whole)
    return said[:, 1:] - said[:, :1]


def marginals(
    edges: Tensor,
    coupling: Tensor,
    offsets: Tensor,
    counts: Tensor,
    weight: float,
    iterations: int = 100,
    damping: float = 0.5,
    tolerance: float = 1e-6,
) -> Tensor:
    r"""(rows, K) P(y_i) under P(y) ~ exp(-sum_edges J_e [y_a != y_b] - weight sum_bags sum_k (n_bk(y) - c_bk)^2).

    Sum-product with damped messages in rounds, until no probability moves by more than ``tolerance`` or ``iterations``
    are done. With two classes the counts of one class are one factor per bag; with more there is one per class, each an
    exact count of two classes, so that large bags stay within reach. Exact on a graph without cycles.

    Args: edges (2, E) pairs of rows, each pair once; coupling (E,) J >= 0; offsets (bags + 1,): rows are bag after bag;
    counts (bags, K); weight > 0; iterations >= 1; damping in [0, 1), the share of the old message that is kept.
    """
    n, k = int(offsets[-1]), counts.shape[1]
    e = edges.shape[1]
    source, goal = torch.cat([edges[0], edges[1]]), torch.cat([edges[1], edges[0]])
    coupling = coupling.double()
    told = (1,) if k == 2 else tuple(range(k))
    across = torch.zeros(2 * e, k - 1, dtype=torch.float64, device=edges.device)  # log odds against class 0
    bag = across.new_zeros(n, k)
    total, belief = across.new_zeros(n, k - 1), across.new_full((n, k), 1 / k)
    for _ in range(iterations):
        _renew(across, total, source, coupling, damping)
        field = F.pad(torch.zeros_like(total).index_add(0, goal, across), (1, 0))
        total, new = field + bag, torch.zeros_like(bag)
        for j in told:
            rest = total[:, 1 - j] if k == 2 else torch.cat([total[:, :j], total[:, j + 1 :]], 1).logsumexp(1)
            new[:, j] = from_counts(total[:, j] - bag[:, j] - rest, offsets, counts[:, j], weight)
        bag = damping * bag + (1 - damping) * new
        total = field + bag
        after = log_softmax(total).exp()
        total = total[:, 1:] - total[:, :1]
        moved = float((after - belief).abs().max())
        belief = after
        if moved < tolerance:
            break
    return belief


def _renew(across: Tensor, total: Tensor, source: Tensor, coupling: Tensor, damping: float) -> None:
    """The messages across every edge, both ways, in place: an edge's two messages need each other's old one alone."""
    e = len(coupling)
    for first in range(0, e, EDGES):
        there = slice(first, min(e, first + EDGES))
        back = slice(e + there.start, e + there.stop)
        old, answer = across[there], across[back]
        j = coupling[there]
        new = [agree(total[source[a]] - b, j) for a, b in ((there, answer), (back, old))]
        across[there], across[back] = (damping * m + (1 - damping) * n for m, n in zip((old, answer), new, strict=True))
