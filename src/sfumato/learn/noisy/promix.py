"""ProMix: as many clean rows as can be had, by class-wise small loss and by matched high confidence, and predictions
freed from the bias that this selection has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import cross_entropy, mean, mean_cross_entropy
from sfumato.parts.mixmatch import sharpened
from sfumato.parts.mixup import larger_share, shuffled_within
from sfumato.parts.schedule import epochs_of, line

from .auxiliary import WithAuxiliary
from .matched import matched, one_hot, small_in_class, sure_of_label
from .selection_bias import even, renewed, tilts


@method("promix", paper="xiao2023promix")
@dataclass
class ProMix(Objective):
    r"""ProMix: two networks learn from the labels of rows of small loss within their class, or on which the network is
    sure of the label; an auxiliary head learns from guesses on the others.

    chosen i: among the rho(t) n / K rows of smallest loss that have its label (after each epoch), or p_{i, y_i} > tau;
    from t = guess_at on also, up to a share ``enough`` of the batch, those of which both networks are sure (> tau) of
    the same class, with argmax_k (z_k - b log pi_k) for a label
    R_head = mean_chosen [ l(z', yhat) + g(t) l(z'^strong, yhat) + g(t) l(z'^mixed, yhat^mixed) ],  z' = z + b log pi
    R = R_primary + R_auxiliary + lam_u(t) mean_others [ l(a', q) + g(t) l(a'^strong, q) ],  a' = a + b log rho'

    a is the auxiliary head's output; q = sharpen(softmax(z - b log rho')), sharpen(p) ~ p^(1 / temperature); mixed:
    chosen rows m x_i + (1 - m) x_j and labels alike, m = max(c, 1 - c), c ~ Beta(4, 4). pi and rho' are running means
    of the network's predictions on chosen rows and on others, from uniform. rho rises from rho_start to rho_end and g
    from 0 to 1 up to t = ramp, lam_u from 0 to .1 up to t = 2 ramp, and is 0 from there on, as in the released code; t
    is the share of training done. Up to t = warmup, in whole epochs, R is the primary head's cross entropy. The paper's
    second mixture (cut by masks from Fourier space) is for images alone and left out; z stands for its weak view.

    Args: rho_start and rho_end in [0, 1] (the released commands set them by the known noise, .7 for 20 % and .5 for
    40 % to 50 %; the defaults are the code's own); tau in [0, 1]; debias b >= 0; momentum in [0, 1] of pi; temperature
    > 0; enough in [0, 1]; warmup, ramp and guess_at in [0, 1] (10, 50 and 350 of 600 epochs). Assumes: within a class
    wrong labels have the larger losses; about even classes. Shapes: z, peer and strong (n, 2 K), x (n, ...), rows (n,),
    bank (2, K).
    """

    law = ClassConditional
    members = 2
    rho_start: float = 0.2
    rho_end: float = 0.6
    tau: float = 0.99
    debias: float = 0.8
    momentum: float = 0.9999
    temperature: float = 0.5
    enough: float = 0.9
    warmup: float = 0.016
    ramp: float = 0.083
    guess_at: float = 0.583

    def __post_init__(self) -> None:
        for name in ("rho_start", "rho_end", "tau", "momentum", "enough", "warmup", "ramp", "guess_at"):
            check_number(name, getattr(self, name), 0, 1)
        check_number("debias", self.debias, 0)
        check_number("temperature", self.temperature, 0, low_open=True)

    def head_for(self, law: Any) -> WithAuxiliary:
        return WithAuxiliary()

    def start(self, n: int) -> Tensor:
        return torch.ones(n)

    def stock(self, k: int) -> Tensor:
        return even(k)

    def epoch(self, z: Tensor, s: Noisy, w: Tensor | None, n: int, k: int, progress: float) -> dict[str, Tensor]:
        """Class-wise small loss: the share of each row's weight that is kept; no class goes without."""
        rho = self.rho_start + (self.rho_end - self.rho_start) * line(progress, 0.0, self.ramp)
        return {"rows": small_in_class(cross_entropy(z[:, :k], s.y), s.y, n, k, rho, w)}

    def chosen(
        self, z: Tensor, peer: Tensor, s: Noisy, w: Tensor | None, rows: Tensor, bank: Tensor, progress: float
    ) -> tuple[Tensor, Tensor]:
        """((n,) the share of each row that is chosen, (n, K) its label)."""
        z, peer = z[:, : z.shape[1] // 2], peer[:, : z.shape[1] // 2]
        p, said = torch.softmax(z, dim=1), one_hot(s.y, z)
        own = sure_of_label(p, said, rows, self.tau)
        if progress < self.guess_at:
            return own, said
        guess = one_hot((z - tilts(bank, self.debias)[0]).argmax(1), z)
        return matched(p, torch.softmax(peer, dim=1), own, said, guess, w, self.tau, self.enough)

    def risk(
        self,
        x: Tensor,
        z: Tensor,
        peer: Tensor,
        strong: Tensor,
        forward: Callable[[Tensor], Tensor],
        s: Noisy,
        w: Tensor | None,
        rows: Tensor,
        bank: Tensor,
        progress: float,
        epochs: int,
        rng: torch.Generator,
    ) -> Tensor:
        k = z.shape[1] // 2
        if progress < epochs_of(self.warmup, epochs) / epochs:
            return mean_cross_entropy(z[:, :k], s.y, w)
        tilt, rest_tilt = tilts(bank, self.debias).to(z.dtype)
        chosen, label = self.chosen(z.detach(), peer, s, w, rows, bank, progress)
        weight = chosen if w is None else chosen * w
        others = 1 - chosen if w is None else (1 - chosen) * w
        grown = line(progress, 0.0, self.ramp)
        share, other = larger_share(4.0, x, rng), shuffled_within(chosen > 0, rng)
        both = share.to(z.dtype) * label + (1 - share.to(z.dtype)) * label[other]
        blend = forward(share * x + (1 - share) * x[other])
        risk = z.new_zeros(())
        for own, far, between in zip(*(v.chunk(2, 1) for v in (z, strong, blend)), strict=True):
            far_fit, between_fit = cross_entropy(far + tilt, label), cross_entropy(between + tilt, both)
            risk = risk + mean(cross_entropy(own + tilt, label) + grown * (far_fit + between_fit), weight)
        q = sharpened(torch.softmax(z[:, :k].detach() - rest_tilt, dim=1), self.temperature)
        guessed = cross_entropy(z[:, k:] + rest_tilt, q) + grown * cross_entropy(strong[:, k:] + rest_tilt, q)
        lam_u = 0.1 * line(progress, 0.0, 2 * self.ramp) if progress < 2 * self.ramp else 0.0
        return risk + lam_u * mean(guessed, others)

    def renew(
        self,
        z: Tensor,
        peer: Tensor,
        s: Noisy,
        w: Tensor | None,
        rows: Tensor,
        bank: Tensor,
        progress: float,
        epochs: int,
    ) -> dict[str, Tensor]:
        if progress < epochs_of(self.warmup, epochs) / epochs:
            return {}
        chosen, _ = self.chosen(z, peer, s, w, rows, bank, progress)
        p = torch.softmax(z[:, : z.shape[1] // 2], dim=1)
        return {"bank": renewed(bank, p, chosen, w, self.momentum)}
