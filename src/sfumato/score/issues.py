r"""Confident learning: which given labels are likely wrong, by seven filters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.core.errors import ParameterError
from sfumato.parts.by_label import Least, largest, stretches, unpacked
from sfumato.parts.confident import NEAR, Bools, Confident, Floats, Ints, blocks, confident, room
from sfumato.score.quality import label_quality

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)
# parts of the probabilities' size: row numbers, one class's doubtful rows copied, a block whose quality is asked for
_ROWS, _COLUMNS, _QUALITY = 256, 64, 1024
_BLOCK = 1 << 16
_SHORT = 2000  # below this many rows one sort of all columns beats a selection per column


class PredictionsAsLabelsWarning(UserWarning):
    """The labels are the argmax of the probabilities in every row, so no label can look wrong."""


def find_label_issues(
    labels: ArrayLike, probabilities: ArrayLike, filter: str = "prune_by_noise_rate"
) -> NDArray[np.bool_]:
    r"""Mark the rows whose given label is likely wrong, from out-of-sample probabilities.

    With C the calibrated confident joint, ``prune_by_noise_rate`` takes, for each pair of given class k and other
    class j, the C[k, j] rows labelled k with the largest :math:`p_j - p_k`; ``prune_by_class`` takes, for each class,
    as many rows of least :math:`p_k` as C has outside its diagonal; ``both`` takes what the two agree on;
    ``confident_learning`` takes the rows counted outside the diagonal; ``predicted_neq_given`` those whose prediction
    differs; ``low_normalized_margin`` and ``low_self_confidence`` take as many rows as ``confident_learning`` finds,
    of lowest quality. Rows whose prediction is the given label (within 1e-6) are never marked, except by the last two
    (northcutt2021confident). Held beside the mask are two bits per row, the doubtful rows of one class at a time, and
    for ``prune_by_class`` and the last two filters a number for each row that stands to be marked.

    Args:
        labels: given class numbers (n,), 0 to K-1; classes may be absent.
        probabilities: (n, K) floats in [0, 1], out of sample; a memory map is read in blocks.
        filter: one of the seven names above.

    Returns:
        A mask (n,), true where the label is likely wrong. Ties at a cut go to the lowest row.

    Warns:
        PredictionsAsLabelsWarning: the labels equal the predictions in every row.
    """
    if filter not in FILTERS:
        raise ParameterError(f"filter {filter!r}", f"one of {', '.join(FILTERS)}")
    found = confident(labels, probabilities)
    p = np.asanyarray(probabilities)
    if found.agree:
        warnings.warn(
            "every label is the argmax of its probabilities: the labels look like this model's own predictions, "
            "so nothing can be found; pass the labels as they were given, and out-of-sample probabilities",
            PredictionsAsLabelsWarning,
            stacklevel=2,
        )
    return mark(found, p, filter)


def mark(found: Confident, p: Floats, filter: str) -> Bools:
    """The mask of one filter from counts already made."""
    n = len(found.labels)
    if filter == "predicted_neq_given":
        return unpacked(~found.near, 0, n).view(bool)
    if filter == "confident_learning":
        return unpacked(found.counted, 0, n).view(bool)
    mask = np.zeros(n, bool)
    if filter.startswith("low_"):
        _low(found, p, filter[4:], mask)
        return mask
    prune = _prune_counts(found.joint())
    barred = found.near
    if filter in ("prune_by_class", "both"):
        _by_class(found, p, prune, mask)
    if filter == "both":
        barred = barred | ~np.packbits(mask)
        mask[:] = False
    if filter in ("prune_by_noise_rate", "both"):
        _by_noise_rate(found, p, prune, mask)
    for low in range(0, n, _BLOCK):
        part = mask[low : low + _BLOCK]
        part &= unpacked(barred, low, low + len(part)) == 0
    return mask


def _low(found: Confident, p: Floats, score: str, mask: Bools) -> None:
    """As many rows as were counted, of least quality; the probabilities are read twice."""

    def qualities() -> Iterator[tuple[slice, Floats]]:
        for start, block in blocks(p, min(_BLOCK, room(p, _QUALITY))):
            here = slice(start, start + len(block))
            yield here, label_quality(found.labels[here], block, score, quality=True)

    least = Least(int(np.bitwise_count(found.counted).sum(dtype=np.int64)))
    for _, quality in qualities():
        least.push(quality)
    least.close()
    for here, quality in qualities():
        mask[here] = least.among(quality)


def _prune_counts(joint: Ints) -> Ints:
    """Rows to prune [true, given]: the joint transposed, with at least one row kept for every class."""
    count = joint.T.astype(np.float64)
    kept = np.maximum(count.diagonal(), 1)
    others = np.maximum(np.count_nonzero(count, axis=0) - 1.0, 1.0)
    count = np.maximum(count - (kept - count.diagonal()) / others, 0)
    np.fill_diagonal(count, kept)
    return np.asarray(count.astype(np.int64))


def _by_class(found: Confident, p: Floats, prune: Ints, mask: Bools) -> None:
    number = np.where(found.count > 1, found.count - prune.diagonal(), 0)
    least = {c: Least(n) for c, n in enumerate(number.tolist()) if n > 0}
    for given, parts in groupby(stretches(found.labels, found.count, room(p, _ROWS) // 4, only=least), itemgetter(0)):
        for _, rows in parts:
            least[given].push(p[rows, given])
        least[given].close()
    for given, rows in stretches(found.labels, found.count, room(p, _ROWS) // 4, only=least):
        mask[rows[least[given].among(p[rows, given])]] = True


def _by_noise_rate(found: Confident, p: Floats, prune: Ints, mask: Bools) -> None:
    most = room(p, _ROWS) // 4
    short: dict[int, list[int]] = {}
    for given, parts in groupby(stretches(found.labels, found.doubtful, most, found.near), itemgetter(0)):
        if found.count[given] > 1:
            short[given] = _among_doubtful(p, given, [rows for _, rows in parts], prune[:, given], mask)
    least = {given: {true: Least(int(prune[true, given])) for true in left} for given, left in short.items() if left}
    for given, parts in groupby(stretches(found.labels, found.count, most, only=least), itemgetter(0)):
        for _, rows in parts:
            for true, each in least[given].items():
                each.push(p[rows, given] - p[rows, true])
        for each in least[given].values():
            each.close()
    for given, rows in stretches(found.labels, found.count, most, only=least):
        for true, each in least[given].items():
            mask[rows[each.among(p[rows, given] - p[rows, true])]] = True


def _among_doubtful(p: Floats, given: int, parts: list[Ints], prune: Ints, mask: Bools) -> list[int]:
    """Mark among a class's doubtful rows; returned are the classes towards which all of its rows must compete."""
    doubtful = parts[0] if len(parts) == 1 else np.concatenate(parts)
    wanted: Ints = np.setdiff1d(np.flatnonzero(prune > 0), given)
    if wanted.size and 2 * doubtful.size * p.shape[1] * p.itemsize <= room(p, _COLUMNS):
        wanted = _columns(p, given, doubtful, wanted, prune[wanted], mask)
    left = []
    for true in wanted.tolist():
        number = int(prune[true])
        margin = p[doubtful, true]
        margin -= p[doubtful, given]  # looked up again rather than held, for the memory's sake
        # A row whose margin exceeds 2e-6 cannot be one of those dropped at the end, so where enough of them exist
        # they alone decide; otherwise every row of the class competes.
        if np.count_nonzero(margin > 2 * NEAR) >= number:
            mask[doubtful[largest(margin, number)]] = True
        else:
            left.append(true)
    return left


def _columns(p: Floats, given: int, doubtful: Ints, wanted: Ints, number: Ints, mask: Bools) -> Ints:
    """Mark towards many classes at once; what is left over, for too few doubtful rows or ties at a cut, is returned."""
    margin = p[doubtful]
    margin -= margin[:, [given]]
    towards = margin.T[wanted]
    place = (len(doubtful) - number).clip(min=0)
    if len(doubtful) < _SHORT:
        cut = np.sort(towards, axis=1)[np.arange(len(wanted)), place]
    else:
        cut = np.array([_nth_largest(line[line > 2 * NEAR], many) for line, many in zip(towards, number, strict=True)])
    chosen = towards >= cut[:, None]
    clear = (cut > 2 * NEAR) & (np.count_nonzero(chosen, axis=1) == number)
    mask[doubtful[chosen[clear].any(axis=0)]] = True
    return np.asarray(wanted[~clear])


def _nth_largest(value: NDArray[Any], number: int) -> Any:
    """The ``number``-th largest value, or 0 where there are fewer."""
    place = len(value) - number
    return np.partition(value, place)[place] if place >= 0 else 0
