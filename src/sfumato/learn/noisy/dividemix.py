"""DivideMix: each epoch splits the rows by a mixture of the other network's losses; rows with doubtful labels are
trained on without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.parts.augment import weak
from sfumato.parts.bounds import check_number
from sfumato.parts.level import from_uniform
from sfumato.parts.losses import cross_entropy, mean, mean_cross_entropy
from sfumato.parts.mixmatch import mixed, sharpened, squared_gap
from sfumato.parts.mixture import two_normals
from sfumato.parts.schedule import line

from .lccn import posterior


@method(
    "dividemix",
    paper="li2020dividemix",
    waived={
        "cost": "two views of each row are guessed by both networks and both are trained on: ten passes for three",
        "learns": "a tenth of 20 epochs of 16 steps is too short a warm-up for the losses to part: accuracy .72, "
        "naive .78; .86 with warmup = .3, .90 with lam_u = 0",
    },
)
@dataclass
class DivideMix(Objective):
    r"""DivideMix: two networks, each trained by MixMatch on the split into clean and doubtful rows that the other's
    losses give.

    c_i <- P(component of lower mean | - log q_{i, y_i}) after each epoch, by a mixture of two normals fitted to the
    losses of the other network q;  a row is labeled where c_i > threshold
    target of a labeled row: sharpen(c_i onehot(y_i) + (1 - c_i) pbar_i),  of another: sharpen((pbar_i + qbar_i) / 2),
    pbar and qbar the predictions of both networks averaged over two weak views, sharpen(p) ~ p^(1 / temperature)
    R = mean_{labeled} CE(z, target) + lam_u g(t) mean_{others} |p - target|^2 / K + sum_k (1 / K) log(1 / (K pbar_k))

    z of rows mixed over both views, x = m x_a + (1 - m) x_b and targets alike, m = max(b, 1 - b), b ~ Beta(alpha,
    alpha); a mixed row counts where its larger part stands; pbar_k here is the mean prediction over the mixed rows;
    g rises from 0 at t = warmup to 1 at t = warmup + ramp, t the share of training done. Up to t = warmup R is the
    cross entropy.

    Args: warmup and ramp in [0, 1] (the paper: 10 to 30 and 16 of 300 epochs); threshold in [0, 1]; temperature > 0;
    alpha > 0; lam_u >= 0 (the paper sets 0 to 150 by noise and data, 25 in between). Assumes: wrong labels have the
    larger losses after the warm-up; weak views keep the class; classes of equal shares. Shapes: x (n, ...), peer
    (n, K), rows (n,).
    """

    law = ClassConditional
    members = 2
    warmup: float = 0.1
    ramp: float = 0.05
    threshold: float = 0.5
    temperature: float = 0.5
    alpha: float = 4.0
    lam_u: float = 25.0

    def __post_init__(self) -> None:
        for name in ("warmup", "ramp", "threshold"):
            check_number(name, getattr(self, name), 0, 1)
        for name in ("temperature", "alpha"):
            check_number(name, getattr(self, name), 0, low_open=True)
        check_number("lam_u", self.lam_u, 0)

    def start(self, n: int) -> Tensor:
        return torch.ones(n)

    def epoch(self, peer: Tensor, s: Noisy) -> dict[str, Tensor]:
        losses = cross_entropy(peer, s.y)
        upper = two_normals(losses.double().cpu().numpy()).upper
        return {"rows": 1 - torch.from_numpy(upper).to(losses)}

    def targets(self, own: Tensor, other: Tensor, s: Noisy, clean: Tensor, transition: Tensor | None = None) -> Tensor:
        """(n, K) what the rows are trained towards; own and other (n, K) mean predictions over the views; with a
        transition matrix the label enters once more, by the posterior of the own prediction.
        """
        said, c = F.one_hot(s.y, own.shape[1]).to(own.dtype), clean[:, None]
        likely = own if transition is None else posterior(own.log(), s, transition)
        guess = torch.where(c > self.threshold, c * said + (1 - c) * likely, (own + other) / 2)
        return sharpened(guess, self.temperature)

    def terms(self, z: Tensor, target: Tensor, labeled: Tensor, w: Tensor | None, progress: float) -> Tensor:
        """R on mixed rows: z, target (m, K), labeled (m,) ones and zeros, w (m,)."""
        p, weight = torch.softmax(z, dim=1), torch.ones_like(labeled) if w is None else w
        grown = line(progress, self.warmup, self.warmup + self.ramp)
        fit = mean(cross_entropy(z, target), labeled * weight)
        apart = squared_gap(p, target, (1 - labeled) * weight)
        return fit + self.lam_u * grown * apart + from_uniform(p, w)

    def risk(
        self,
        x: Tensor,
        forward: Callable[[Tensor], Tensor],
        peer_forward: Callable[[Tensor], Tensor],
        s: Noisy,
        w: Tensor | None,
        rows: Tensor,
        progress: float,
        rng: torch.Generator,
    ) -> Tensor:
        return self.on_views(x, forward, peer_forward, s, w, rows, progress, rng)

    def on_views(
        self,
        x: Tensor,
        forward: Callable[[Tensor], Tensor],
        peer_forward: Callable[[Tensor], Tensor],
        s: Noisy,
        w: Tensor | None,
        rows: Tensor,
        progress: float,
        rng: torch.Generator,
        transition: Tensor | None = None,
    ) -> Tensor:
        """R of one batch."""
        if progress < self.warmup:
            return mean_cross_entropy(forward(x), s.y, w)
        views = torch.cat([weak(x, rng), weak(x, rng)])

        def average(z: Tensor) -> Tensor:
            return torch.softmax(z, dim=1).reshape(2, len(x), -1).mean(0)

        with torch.no_grad():
            target = self.targets(average(forward(views)), average(peer_forward(views)), s, rows, transition)
        inputs, target = mixed(views, target.repeat(2, 1), self.alpha, rng)
        z = forward(inputs)
        labeled = (rows > self.threshold).to(z.dtype).repeat(2)
        return self.terms(z, target.to(z.dtype), labeled, None if w is None else w.repeat(2), progress)
