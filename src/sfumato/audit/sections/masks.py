"""Masks, one class per pixel: which pixels stand alone, and, beside out-of-sample probabilities, which are likely wrong
and whether they lie together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sfumato.audit.section import Bools, Data, Floats, Ints, Issues, Light, Measure, Section, counted, percent
from sfumato.parts.confident import confident
from sfumato.parts.svg import bars, heat, histogram, number
from sfumato.score.issues import mark
from sfumato.score.segmentation_quality import segmentation_quality

MOST = 1 << 26  # probabilities that are looked at; of more, every second, third, ... row and column of the pictures
LONE = 0.01  # share of lone pixels from which on a look is asked for
WRONG = 0.01  # share of pixels likely wrong from which on something ought to be done
TOGETHER = 2.0  # how many times likelier wrong beside a wrong pixel, from which on they are said to lie together
_SHOWN = 20
_SIDES = ((0, 1), (1, 0))  # right and below


def agreements(same: Any, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """(n, H, W) how many of a pixel's neighbours (above, below, left, right) ``same`` holds for, and how many it has.

    Args: same(there, beside), a mask over the pixels at two equal-sized slices.
    """
    held, many = np.zeros(shape, np.int8), np.zeros(shape, np.int8)
    for down, right in _SIDES:
        there = (slice(None), slice(0, shape[1] - down), slice(0, shape[2] - right))
        beside = (slice(None), slice(down, None), slice(right, None))
        found = same(there, beside)
        for place in (there, beside):
            held[place] += found
            many[place] += 1
    return held, many


def lone(masks: Ints) -> Bools:
    """(n, H, W) which pixels have neighbours and none of their class."""
    same, many = agreements(lambda a, b: masks[a] == masks[b], masks.shape)
    return np.asarray((same == 0) & (many > 0))


def together(wrong: Bools) -> float | None:
    """P(a neighbour of a wrong pixel is wrong) / P(a neighbour of any pixel is wrong); 1 where pixels are wrong each on
    its own, None where none is or pixels have no neighbours."""
    pairs, many = agreements(lambda a, b: wrong[a] & wrong[b], wrong.shape)
    beside = float((wrong * many).sum())  # by symmetry, also how many neighbours of all pixels are wrong
    return None if not beside else float(pairs.sum()) / beside / (beside / float(many.sum()))


@dataclass(frozen=True)
class Wrong:
    """Of the pixels of every ``step``-th row and column: those likely wrong, ``marked`` (n, h, w), the class that the
    probabilities hold likeliest instead, ``guess``, ``counts`` [given, true] by confident learning, and how the wrong
    ones lie; of pictures, the ``score`` (n,)."""

    step: int
    marked: Bools
    guess: Ints
    counts: Ints
    score: Floats
    clumped: float | None


def judged(masks: Ints, p: Floats) -> Wrong:
    """Confident learning over pixels (prune by noise rate), pictures by the soft minimum over theirs."""
    score = segmentation_quality(masks, p).pictures
    step = max(1, int(np.ceil(np.sqrt(p.size / MOST))))
    y = masks[:, ::step, ::step]
    at = np.ascontiguousarray(np.moveaxis(p[:, :, ::step, ::step], 1, -1)).reshape(-1, p.shape[1])
    found = confident(y.reshape(-1), at)
    marked = mark(found, at, "prune_by_noise_rate").reshape(y.shape)
    return Wrong(step, marked, at.argmax(1).reshape(y.shape), found.joint(), score, together(marked))


def masks(data: Data) -> Section:
    """Classes by pixel and picture, lone pixels, and what probabilities beside them say."""
    y = np.asarray(data.labels.y)
    pixels, alone = np.bincount(y.reshape(-1), minlength=data.k), lone(y)
    within = np.array([(y == c).any((1, 2)).sum() for c in range(data.k)])
    apart, never = float(alone.mean()), np.flatnonzero(pixels == 0)
    facts = [
        ("pixels of a picture", f"{y.shape[1]} x {y.shape[2]}"),
        ("lone pixels", f"{number(int(alone.sum()))} ({percent(apart)})"),
        ("pictures of one class", number(int((y == y[:, :1, :1]).all((1, 2)).sum()))),
    ]
    notes = ["A lone pixel has no neighbour of its class: speckle of wrong pixels makes many, thin objects some."]
    summary: dict[str, Any] = {
        "names": list(data.names),
        "pixels": pixels.tolist(),
        "pictures": within.tolist(),
        "lone": apart,
    }
    shown = np.sort(np.argsort(-pixels, kind="stable")[:_SHOWN])
    names = [data.names[c] for c in shown]
    light: Light = "look" if apart >= LONE else "unknown" if data.probabilities is None else "good"
    measures = [Measure("lone pixels", apart, "lower")]
    figures, issues, part = (
        [("Pictures that hold a class", bars(names, within[shown], "Pictures per class"))],
        None,
        None,
    )
    verdict = ""
    headline = ("lone pixels", percent(apart))
    if data.probabilities is None:
        verdict = (
            f"{counted(len(y), 'mask')} of {y.shape[1]} x {y.shape[2]} pixels; {percent(apart)} of them stand alone."
        )
        notes.append(
            "Which pixels are wrong is not judged: it takes out-of-sample probabilities of a segmentation model "
            "(probabilities of shape (pictures, classes, height, width))."
        )
    else:
        wrong = judged(y, data.probabilities)
        share = float(wrong.marked.mean())
        part = np.bincount(y[:, :: wrong.step, :: wrong.step][wrong.marked], minlength=data.k)[shown] * wrong.step**2
        issues = _issues(data, y[:, :: wrong.step, :: wrong.step], wrong)
        estimated = float(1 - np.trace(wrong.counts) / wrong.counts.sum())
        verdict, more = _told(data, wrong, share, issues)
        notes += more
        light = "act" if share >= WRONG else "look" if share else light
        headline = ("pixels likely wrong", percent(share))
        measures.append(Measure("pixels likely wrong", share, "lower"))
        facts.append(("wrong pixels by the counts of confident learning", percent(estimated)))
        given = wrong.counts[np.ix_(shown, shown)] / np.maximum(wrong.counts.sum(1), 1)[shown, None]
        figures += [
            ("P(true class is column | row is given), by confident counting", heat(names, names, given, "Pixels")),
            ("Pixels likely wrong, by picture", histogram(wrong.marked.mean((1, 2)), "Shares", span=(0.0, 1.0))),
        ]
        summary |= {
            "marked": share,
            "noise_rate": estimated,
            "together": wrong.clumped,
            "every": wrong.step,
            "counts": wrong.counts.tolist(),
        }
    if never.size:
        verdict += (
            f" {counted(never.size, 'class')} never occurs."
            if never.size == 1
            else (f" {counted(never.size, 'class')} never occur.")
        )
        light = "act"
    title = "Pixels per class" if part is None else "Pixels per class, and those likely wrong"
    figures.insert(
        0, (title, bars(names, pixels[shown], title, part=None if part is None else np.minimum(part, pixels[shown])))
    )
    return Section(
        "masks",
        "Masks",
        verdict,
        False,
        headline,
        tuple(notes),
        tuple(facts),
        tuple(figures),
        issues,
        summary,
        light=light,
        measures=tuple(measures),
    )


def _told(data: Data, wrong: Wrong, share: float, issues: Issues) -> tuple[str, list[str]]:
    """The finding in a sentence or two, and notes on it."""
    verdict = f"Likely wrong: {percent(share)} of the pixels of {counted(len(wrong.score), 'mask')}."
    notes = [
        "Pixels are marked by confident learning from the probabilities that were passed in; pictures are ranked by "
        "the soft minimum over their pixels of the probability of the label."
    ]
    if len(issues.row) and issues.given and issues.suggested:
        verdict += (
            f" Start with picture {data.rows[issues.row[0]]}: {issues.given[0]} there looks most like "
            f"{issues.suggested[0]}."
        )
    if wrong.clumped is not None:
        times = number(round(wrong.clumped, 1))
        if wrong.clumped >= TOGETHER:
            verdict += f" They lie together: beside one of them a pixel is {times} times as likely to be marked."
            notes.append(
                "Wrong pixels that lie together are shifted borders or objects that are missed, which a noise rate per "
                "pixel does not describe; the method spatial-noise models them. A model's own errors lie together too."
            )
        else:
            verdict += f" They do not lie together: beside one of them a pixel is {times} times as likely to be marked."
    if wrong.step > 1:
        notes.append(
            f"Judged on a grid, one in {number(wrong.step)} rows and columns of the pictures: there are more "
            f"probabilities than {number(MOST)}. Neighbours are {number(wrong.step)} pixels apart there."
        )
    return verdict, notes


def _issues(data: Data, y: Ints, wrong: Wrong) -> Issues:
    """Pictures with marked pixels, most urgent first, each with its commonest confusion among them."""
    rows = np.flatnonzero(wrong.marked.any((1, 2)))
    rows = rows[np.argsort(-wrong.score[rows], kind="stable")]
    pairs = []
    for i in rows:
        code = y[i][wrong.marked[i]].astype(np.int64) * data.k + wrong.guess[i][wrong.marked[i]]
        pairs.append(divmod(int(np.bincount(code).argmax()), data.k))
    given, instead = ([data.names[pair[j]] for pair in pairs] for j in (0, 1))
    return Issues("mask", rows, wrong.score[rows].astype(np.float64), given, instead)
