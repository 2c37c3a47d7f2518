"""What a bag whose count is nearly known says of each of its rows: exact messages at a cost linear in rows."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.labels.counts import log_counts

ROOM = 1 << 19  # numbers of one table (rows x frequencies), so that tables stay in the cache
FULL_ROOM = 1 << 22  # squared sizes of the bags that are worked out in full at a time
TAIL = 41.0  # exp(-TAIL) = 1.6e-18 is left out
FAINT = 1e-7  # a sum below it has lost too many digits; the bag is worked out in full


def from_counts(log_odds: Tensor, offsets: Tensor, count: Tensor, weight: float) -> Tensor:
    r"""(rows,) the message of each bag to its rows: the log odds of y_i = 1 that the others and the count leave.

    The factor of a bag is exp(-weight (sum_i y_i - count)^2); with P_i the distribution of the count of the others,

    message_i = log sum_c P_i(c) exp(-weight (c + 1 - count)^2) - log sum_c P_i(c) exp(-weight (c - count)^2).

    Odds are first multiplied by e^t, which moves the factor's centre to count - t / (2 weight) and adds t to the
    message; with t where the mean count is that centre, all that matters lies near the middle of P_i. Both sums are
    then taken from the characteristic function prod_j (1 - p_j + p_j e^{iw}) / (1 - p_i + p_i e^{iw}) at the few
    frequencies where it is not below 1e-18, in float64: errors of a message are about 1e-9 or less. Bags where a sum is
    too faint for that are worked out in full (``in_full``).

    Args: log_odds (rows,) float64, what the rest of the graph says of each row; offsets (bags + 1,) where bags begin;
    count (bags,); weight > 0.
    """
    out = torch.empty_like(log_odds)
    sizes = offsets[1:] - offsets[:-1]
    level = torch.ceil(4 * torch.log2(sizes.double()))
    faint = torch.zeros(len(sizes), dtype=torch.bool, device=offsets.device)
    for each in torch.unique(level).tolist():  # bags of like size together, so that one large bag pads no small ones
        bags = (level == each).nonzero().squeeze(1)
        place = torch.arange(int(sizes[bags].max()), device=offsets.device)
        for here in bags.split(max(1, ROOM // (32 * len(place)))):
            inside = place < sizes[here, None]
            at = (offsets[:-1][here, None] + place).clamp_max(len(log_odds) - 1)
            told, lost = _messages(log_odds[at], inside, count[here].double(), weight)
            out[at[inside]] = told[inside]
            faint[here] = lost
    left = faint.nonzero().squeeze(1)
    if len(left):
        rows = torch.repeat_interleave(faint, sizes).nonzero().squeeze(1)
        ends = F.pad(sizes[left].cumsum(0), (1, 0))
        out[rows] = in_full(log_odds[rows], ends, count[left], weight)
    return out


def _tilt(h: Tensor, inside: Tensor, count: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """(bags,) t with sum_j sigmoid(h_j + t) = count - t / (2 weight), nearly, and (bags, size) these probabilities."""
    size = inside.sum(1)
    low, high = 2 * weight * (count - size), 2 * weight * count
    t = torch.zeros_like(count)
    for _ in range(60):  # Newton's steps, by halves where they leave what is known to hold the answer
        p = torch.where(inside, torch.sigmoid(h + t[:, None]), 0.0)
        gap = p.sum(1) + t / (2 * weight) - count
        if bool((gap.abs() < 0.05).all()):
            break
        low, high = torch.where(gap < 0, t, low), torch.where(gap < 0, high, t)
        t = t - gap / ((p * (1 - p)).sum(1) + 1 / (2 * weight))
        t = torch.where((t <= low) | (t >= high), (low + high) / 2, t)
    return t, torch.where(inside, torch.sigmoid(h + t[:, None]), 0.0)


def _messages(h: Tensor, inside: Tensor, count: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """(bags, size) the messages and (bags,) whether too few digits are left."""
    t, p = _tilt(h, inside, count, weight)
    size, mean = inside.sum(1), p.sum(1)
    spread = (p * (1 - p)).sum(1)
    reach = math.ceil(math.sqrt(TAIL / weight)) + 1  # counts that the factor lets through
    # Bernstein: what lies further than ``far`` from the mean is below exp(-TAIL); beyond it a period may wrap around
    far = TAIL / 3 + torch.sqrt(TAIL**2 / 9 + 2 * TAIL * spread)
    period = torch.minimum(size + 1.0, far + reach + 3).ceil().long()
    period = period + 1 - period % 2  # odd: no factor 1 - p + p e^{iw} is zero
    needed = TAIL / 2 / (spread - 0.25).clamp_min(TAIL / 2)  # |E e^{iwc}| <= exp(-2 spread sin^2(w / 2))
    half = torch.minimum((period - 1) // 2, (period / math.pi * torch.asin(torch.sqrt(needed))).ceil().long())
    step = torch.arange(int(half.max()) + 1, device=h.device)
    scale = torch.where(step == 0, 1.0, 2.0) * (step <= half[:, None]) / period[:, None]
    unit = 2 * math.pi / period.to(h.dtype)[:, None, None]
    angle = step * unit  # (bags, 1, frequencies)
    u, v = 1 + p[..., None] * (torch.cos(angle) - 1), p[..., None] * torch.sin(angle)
    # the factor's transform over counts c of the others: centre - reach .. centre + reach, within 0 .. size - 1
    wide = min(reach, int(size.max()))
    c = mean.round().long()[:, None] + torch.arange(-wide - 1, wide + 2, device=h.device)
    off = c - (count - t / (2 * weight))[:, None]
    legal = (c >= 0) & (c < size[:, None])
    f = torch.stack([torch.exp(-weight * (off + more) ** 2) * legal for more in (0, 1)], 1)  # (bags, 2, counts)
    turn = ((c[..., None] * step) % period[:, None, None]) * unit
    waves = (
        torch.complex(f @ torch.cos(turn), -(f @ torch.sin(turn))) * (scale * _product(torch.complex(u, v)))[:, None]
    )
    length = u * u + v * v
    waves = waves.transpose(1, 2)
    sums = (u / length) @ waves.real + (v / length) @ waves.imag  # real part of waves / (u + i v)
    lost = ((sums < FAINT).any(2) & inside).any(1)
    odds = sums.clamp_min(FAINT).log()
    return t[:, None] + odds[..., 1] - odds[..., 0], lost


def _product(factors: Tensor) -> Tensor:
    """(bags, frequencies) the product over rows, by halves."""
    while factors.shape[1] > 1:
        many = factors.shape[1] // 2
        rest = factors[:, 2 * many :]
        factors = factors[:, :many] * factors[:, many : 2 * many]
        if rest.shape[1]:
            factors[:, :1] *= rest
    return factors[:, 0]


def _slices(offsets: Tensor) -> list[tuple[int, int]]:
    """Ranges of bags whose squared sizes make up about FULL_ROOM each."""
    part = torch.cumsum((offsets[1:] - offsets[:-1]).double() ** 2, 0).div(FULL_ROOM).floor()
    ends = [0, *((part[1:] != part[:-1]).nonzero().squeeze(1) + 1).tolist(), len(part)]
    return list(itertools.pairwise(ends))


def in_full(log_odds: Tensor, offsets: Tensor, count: Tensor, weight: float) -> Tensor:
    r"""The same from the exact distribution of every count: g^2 work for a bag of g rows, in log space.

    The messages are the gradient of log sum_c P(c) exp(-weight (c - count)^2), less what the row itself says;
    cut where the row's belief would fall below the smallest number.
    """
    out = torch.empty_like(log_odds)
    tiny = torch.finfo(log_odds.dtype).tiny
    for first, last in _slices(offsets):
        here = slice(int(offsets[first]), int(offsets[last]))
        with torch.enable_grad():
            h = log_odds[here]
            at = torch.stack([F.logsigmoid(-h), F.logsigmoid(h)], 1).detach().requires_grad_()
            table = log_counts(at, offsets[first : last + 1] - offsets[first])
            off = torch.arange(table.shape[1], device=h.device) - count[first:last, None]
            total = torch.logsumexp(table - weight * off.to(table.dtype) ** 2, 1).sum()
            (b,) = torch.autograd.grad(total, at)
        out[here] = b[:, 1].clamp_min(tiny).log() - b[:, 0].clamp_min(tiny).log() - h
    return out
