"""LCCN: true labels are drawn from their posterior, and the noise is counted from what was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.labels.heads import log_softmax
from sfumato.labels.noisy import log_or_off
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import cross_entropy, mean


def counts(true: Tensor, given: Tensor, k: int, more: int = 0) -> Tensor:
    """(K, K) how many rows of each pair [true, given]; (K + more, K) where there are more true classes than given."""
    return torch.bincount(true * k + given, minlength=(k + more) * k).reshape(k + more, k)


def posterior(log_p: Tensor, s: Noisy, transition: Tensor) -> Tensor:
    """(n, K) P(true = k | x, given), proportional to p_k(x) T[k, given]; T may have more rows than columns."""
    return log_softmax(log_p + log_or_off(transition.to(log_p).t())[s.y]).exp()


def sampled(q: Tensor, rng: torch.Generator) -> Tensor:
    """(n,) classes drawn from q (n, K); the same whenever asked within one step."""
    again = torch.Generator(device=rng.device).manual_seed(rng.initial_seed())
    return torch.multinomial(q, 1, generator=again).squeeze(1)


def drawn(z: Tensor, s: Noisy, transition: Tensor, rng: torch.Generator) -> Tensor:
    """(n,) true classes drawn from P(true | x, given); the same whenever asked within one step."""
    wide = torch.log_softmax(z.detach().to(torch.promote_types(z.dtype, torch.float32)), dim=1)
    return sampled(posterior(wide, s, transition.to(wide.dtype)), rng)


def with_prior(bank: Tensor, alpha: float) -> Tensor:
    """(..., K, K) in float64 the mean of T under its posterior, alpha the prior's count per entry of the counts
    ``bank``; rows drawn twice in one batch may take a count below zero.
    """
    raised = bank.clamp_min(0).to(torch.float64) + alpha
    return raised / raised.sum(-1, keepdim=True)


@method("lccn", paper="yao2019safeguarded", also=("latent-class-conditional-noise",))
@dataclass
class LCCN(Objective):
    r"""Latent class-conditional noise: Gibbs sampling of the true labels under a Dirichlet prior on the rows of T.

    R = mean_i w_i (- log p_{t_i}),  t_i ~ P(t | x_i, y_i) proportional to p_t(x_i) T[t, y_i],
    T[t, j] = (C[t, j] + alpha) / sum_j' (C[t, j'] + alpha)

    C counts the pairs (t, y) of all rows and changes only by the rows of a batch, so one batch cannot spoil T. In
    warm-up the loss is cross entropy with the given labels while t_i follows the network's prediction, so that C begins
    as those counts. C always sums to n, and its column sums are the given labels'. T is taken from C at every step (the
    paper's code: every 200 steps, after 20,000 steps of warm-up).

    Args: alpha > 0, the prior's count per entry (the paper 1); warmup in [0, 1], a share of training: too long, and the
    network knows the wrong labels by heart before the first draw, so that C takes them for right. Assumes: noise
    that is the same for every x, and a network that is right more often than its labels after warm-up. Shapes: z
    (n, K), rows (n,) the drawn classes, bank (K, K) the counts [true, given].
    """

    law = ClassConditional
    alpha: float = 1.0
    warmup: float = 0.2

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0, low_open=True)
        check_number("warmup", self.warmup, 0, 1)

    def start(self, s: Noisy) -> Tensor:
        return s.y.clone()

    def stock(self, s: Noisy, k: int) -> Tensor:
        return counts(s.y, s.y, k)

    def transition(self, bank: Tensor) -> Tensor:
        """(K, K) the mean of T under its posterior."""
        return with_prior(bank, self.alpha)

    def risk(
        self, z: Tensor, s: Noisy, w: Tensor | None, bank: Tensor, progress: float, rng: torch.Generator
    ) -> Tensor:
        target = s.y if progress < self.warmup else drawn(z, s, self.transition(bank), rng)
        return mean(cross_entropy(z, target), w)

    def renew(
        self, z: Tensor, s: Noisy, rows: Tensor, bank: Tensor, progress: float, rng: torch.Generator
    ) -> dict[str, Tensor]:
        new = z.argmax(1) if progress < self.warmup else drawn(z, s, self.transition(bank), rng)
        return {"rows": new, "bank": bank - counts(rows, s.y, len(bank)) + counts(new, s.y, len(bank))}
