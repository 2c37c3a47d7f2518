"""A whole grid before its first run: its size, where its facts come from, its laws on their sets, its methods' fields.

What a spec says is right in form by then; here it is tried: every law draws once for every set, every method is built.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

import torch

from sfumato import catalogue
from sfumato.core.errors import LabelError, ParameterError, SfumatoError
from sfumato.core.streams import rng

from . import laws, peers, sets
from .perform import objective_of
from .spec import RUNS, LawEntry, Spec
from .truths import PRIOR


def size(spec: Spec, each: int) -> None:
    """Refuse a grid of too many runs; each, how many there are per seed."""
    runs = each * len(spec.seeds)
    if runs > RUNS:
        saw = f"a grid of {runs:,} runs ({len(spec.seeds):,} seeds, {spec.draws:,} draws)"
        raise ParameterError(saw, f"at most {RUNS:,}", "make several grids; they may share one store")


def needs(spec: Spec, kinds: Collection[str]) -> None:
    """Refuse an estimator that is none, estimates something else, or fits none of these kinds of labels."""
    for name, given in spec.needs.items():
        if not isinstance(given, str) or given == "law":
            continue
        told = f"needs.{name} = {given!r}"
        try:
            card = catalogue.method(given, "estimate")
        except ParameterError as error:
            raise ParameterError(f"{told}: {error.saw}", error.wants, error.do) from None
        fitting = [c for kind in kinds if kind != PRIOR for c in catalogue.methods("estimate", kind)]
        need = getattr(card.cls, "need", None)
        if need != name or card not in fitting:
            able = ", ".join(dict.fromkeys(c.name for c in fitting if getattr(c.cls, "need", None) == name))
            raise ParameterError(
                f"{told}, which estimates {need} from {card.kind} labels",
                f"an estimator of {name} from {' or '.join(kinds)} labels ({able or 'there is none'}), or 'law'",
            )


def law(held: sets.Set, entry: LawEntry) -> None:
    """Refuse parameters that a law cannot draw labels of a set by: it draws once, for all rows."""
    if entry.name == laws.GIVEN:
        return
    found, y, random = laws.law(entry.name, entry.params), torch.from_numpy(held.y), rng(0, "bench check")
    x = torch.randn(len(y), 2, generator=random)  # the features' own values do not matter here
    beside = () if found.beside is None else (torch.full((len(y),), 0.5, dtype=torch.float64),)
    told = f"the law {entry.label} on {held.name}"
    try:
        found.draw(x, y, held.k, random, *beside, **entry.params)
    except LabelError:
        return  # these rows, not the parameters: a run with other rows may do
    except SfumatoError as error:
        raise ParameterError(f"{told}: {error.saw}", error.wants, error.do) from None
    except Exception as error:  # what torch refuses
        raise ParameterError(f"{told}: {type(error).__name__}: {error}", "parameters that it can draw by") from None


def methods(jobs: Iterable[dict[str, Any]]) -> None:
    """Refuse fields, given or drawn, that their method refuses."""
    seen: set[str] = set()
    for job in jobs:
        method, role = job["method"], "estimate" if job["kind"] == PRIOR else "learn" if job["train"] else "aggregate"
        key = json.dumps([role, method], sort_keys=True)
        if key in seen or method["name"].startswith(peers.PREFIX):
            continue
        seen.add(key)
        try:
            if role == "learn":
                objective_of(job)
            else:
                catalogue.method(method["name"], role, (method["kind"],)).cls(**method["fields"])
        except SfumatoError as error:
            raise ParameterError(f"{job['label']}, draw {job['draw']}: {error.saw}", error.wants, error.do) from None
        except Exception as error:  # a value of a type that it cannot compare
            saw = f"{job['label']}, draw {job['draw']}: {type(error).__name__}: {error}"
            raise ParameterError(saw, "values that its fields can have") from None
