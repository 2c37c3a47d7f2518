"""Votes of many sources: how far they reach, where they part, and what each source is worth by known truths."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sfumato.aggregate import OneCoin, SourcesWarning
from sfumato.audit.coverage import least_to_most
from sfumato.audit.section import Data, Ints, Light, Measure, Section, counted, percent
from sfumato.estimate.interval import wilson
from sfumato.labels.votes import ABSTAIN
from sfumato.parts.svg import bars, number

_SHOWN = 30


def votes(data: Data) -> Section:
    """Coverage, overlap and conflict of items; votes, abstentions and accuracy on gold items per source."""
    held = data.labels
    source, said = np.asarray(held.source), np.asarray(held.said)
    n, m = len(held), held.sources
    owner = np.repeat(np.arange(n), np.diff(np.asarray(held.offsets)))
    spoke = said != ABSTAIN
    per_item = np.bincount(owner[spoke], minlength=n)
    kinds = np.unique(np.stack([owner[spoke], said[spoke]]), axis=1)
    parted = int((np.bincount(kinds[0], minlength=n) > 1).sum())
    per_source = np.bincount(source[spoke], minlength=m)
    several = int((per_item > 1).sum())
    empty, mute = int((per_item == 0).sum()), int((per_source == 0).sum())
    verdict = (
        f"{counted(m, 'source')} on {number(n)} items: {least_to_most(per_item)} votes per item, "
        f"{percent(parted / n)} of the items with different statements."
    )
    light: Light = "good"
    if empty:
        verdict += f" {counted(empty, 'item')} without a vote."
        light = "look"
    if mute:
        verdict += f" {counted(mute, 'source')} without a vote."
    if not several:
        verdict += " No item has two votes: what the sources are worth cannot be told from them."
        light = "act"
    names = [str(v) for v in (held.who if held.who is not None else (f"source {j}" for j in range(m)))]
    shares = _shares(held, said[spoke], data.k)
    known = _on_gold(held, owner, source, said, names)
    notes = [
        "Different statements on an item are what a model of the sources learns from; where all agree, it repeats "
        "them.",
    ]
    if held.means is not None:
        notes.append("A statement may stand for several classes; its vote is counted in parts for each of them.")
    if held.weight is not None:
        notes.append("The votes carry weights; here every statement counts as one.")
    if known:
        worst = min(known, key=lambda k: k["accuracy"])
        notes.append(
            f"On items of known truth {worst['source']} is right least often: {percent(worst['accuracy'])} of "
            f"{counted(worst['items'], 'vote')} ({percent(worst['low'])} to {percent(worst['high'])})."
        )
    believed = _without_gold(held, per_source, names) if several else []
    if believed:
        worst = min(believed, key=lambda k: k["accuracy"])
        notes.append(
            f"By their agreement alone (one-coin model, no truth) {worst['source']} is right least often: "
            f"{percent(worst['accuracy'])} ({percent(worst['low'])} to {percent(worst['high'])})."
        )
    order = np.argsort(-per_source, kind="stable")[:_SHOWN]
    top = np.sort(np.argsort(-shares, kind="stable")[:_SHOWN])
    if m > _SHOWN:
        notes.append(f"The {_SHOWN} sources of most votes are shown; summary.json holds all {m}.")
    return Section(
        "votes",
        "Votes",
        verdict,
        False,
        ("items with different statements", percent(parted / n)),
        tuple(notes),
        (
            ("votes", number(int(spoke.sum()))),
            ("abstentions", number(int((~spoke).sum()))),
            ("items without a vote", f"{number(empty)} ({percent(empty / n)})"),
            (
                "items with two votes or more",
                f"{number(several)} ({percent(several / n)})",
            ),
            ("items of known truth", number(0 if held.gold is None else int((np.asarray(held.gold) >= 0).sum()))),
        ),
        (
            ("Votes per source", bars([names[j] for j in order], per_source[order], "Votes per source")),
            (
                "Share of the votes per class, in percent",
                bars([data.names[c] for c in top], 100 * shares[top], "Votes"),
            ),
        ),
        None,
        {
            "sources": m,
            "source_names": names,
            "votes": int(spoke.sum()),
            "abstentions": int((~spoke).sum()),
            "items_without_vote": empty,
            "items_with_two": several,
            "items_by_votes": np.bincount(per_item).tolist(),
            "items_that_part": parted,
            "votes_per_source": per_source.tolist(),
            "names": list(data.names),
            "vote_share": shares.tolist(),
            "on_gold": known,
            "without_gold": believed,
        },
        light=light,
        measures=(Measure("items without a vote", empty / n, "lower"),),
    )


def _shares(held: Any, said: Ints, k: int) -> Any:
    """(K,) of the votes, those for several classes in parts."""
    count = np.bincount(said, minlength=held.statements).astype(np.float64)
    if held.means is not None:
        means = np.asarray(held.means, np.float64)
        count = count @ (means / means.sum(axis=1, keepdims=True))
    return count[:k] / max(count.sum(), 1)


def _on_gold(held: Any, owner: Ints, source: Ints, said: Ints, names: list[str]) -> list[dict[str, Any]]:
    """Per source with votes on items of known truth: how many it has and how many are right (the truth is among the
    classes of the statement)."""
    if held.gold is None:
        return []
    truth = np.asarray(held.gold)[owner]
    at = np.flatnonzero((truth >= 0) & (said != ABSTAIN))
    means = np.eye(held.k, dtype=bool) if held.means is None else np.asarray(held.means)
    right = means[said[at], truth[at]]
    count = np.bincount(source[at], minlength=held.sources)
    hit = np.bincount(source[at], weights=right, minlength=held.sources)
    told = []
    for j in np.flatnonzero(count):
        share = float(hit[j] / count[j])
        low, high = wilson(share, count[j])
        told.append({"source": names[j], "items": int(count[j]), "accuracy": share, "low": low, "high": high})
    return told


def _without_gold(held: Any, per_source: Ints, names: list[str]) -> list[dict[str, Any]]:
    """Per source with votes its accuracy by agreement with the others, with the interval of the likelihood's curvature.
    None where fewer than three sources speak, or one declined: silence would have to be modelled first."""
    if int((per_source > 0).sum()) < 3 or bool((np.asarray(held.said) == ABSTAIN).any()) or held.weight is not None:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SourcesWarning)
        sure = OneCoin().fit(held).interval()
    table = zip(names, per_source.tolist(), sure.value.tolist(), sure.low.tolist(), sure.high.tolist(), strict=True)
    return [{"source": s, "votes": m, "accuracy": q, "low": low, "high": high} for s, m, q, low, high in table if m]
