r"""Confident learning: which given labels are likely wrong, by seven filters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.core.errors import ParameterError
from sfumato.parts.by_label import Least, unpacked
from sfumato.parts.confident import Bools, Confident, Floats, blocks, confident, room
from sfumato.score.pruning import by_class, by_noise_rate, prune_counts
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
_QUALITY = 1024  # part of the probabilities' size: a block whose quality is asked for
_ENTRY = 8  # bytes that a number of such a block costs, with the copy that a margin is taken from
_BLOCK = 1 << 16


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
    prune = prune_counts(found.joint())
    barred = found.near
    if filter in ("prune_by_class", "both"):
        by_class(found, p, prune, mask)
    if filter == "both":
        barred = barred | ~np.packbits(mask)
        mask[:] = False
    if filter in ("prune_by_noise_rate", "both"):
        by_noise_rate(found, p, prune, mask)
    for low in range(0, n, _BLOCK):
        part = mask[low : low + _BLOCK]
        part &= unpacked(barred, low, low + len(part)) == 0
    return mask


def _low(found: Confident, p: Floats, score: str, mask: Bools) -> None:
    """As many rows as were counted, of least quality; the probabilities are read twice."""

    def qualities() -> Iterator[tuple[slice, Floats]]:
        for start, block in blocks(p, min(_BLOCK, room(p, _QUALITY) // _ENTRY)):
            here = slice(start, start + len(block))
            yield here, label_quality(found.labels[here], block, score, quality=True)

    least = Least(int(np.bitwise_count(found.counted).sum(dtype=np.int64)))
    for _, quality in qualities():
        least.push(quality)
    least.close()
    for here, quality in qualities():
        mask[here] = least.among(quality)
