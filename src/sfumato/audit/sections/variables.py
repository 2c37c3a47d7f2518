"""The columns of the table, one by one: what they hold, what is missing, and which of them gives the label away."""

from __future__ import annotations

from typing import Any

import numpy as np

from sfumato.audit.section import Data, Ints, Section, Seen, counted, percent
from sfumato.core.streams import numpy_rng
from sfumato.data.columns import CATEGORICAL, EMPTY, absent, kind_of, numbers, texts
from sfumato.parts.dependence import crossed, entropy, mutual_information
from sfumato.parts.svg import number

LEAK = 0.9  # share of the label's entropy that one column tells from which on it is said to give the label away
MISSING = 0.05  # share of missing entries from which on a column is named
_BINS, _ROWS, _SHOWN = 20, 20_000, 30


def variables(data: Data, seen: Seen) -> Section | None:
    """Statistics by type, and how much of the label each column tells by itself."""
    table, at = data.beside.variables, data.beside.at
    if table is None:
        return None
    said = data.said
    rows = np.arange(len(data.rows)) if said is None else np.flatnonzero(said >= 0)
    if len(rows) > _ROWS:
        rows = np.sort(numpy_rng(data.seed, "variables").choice(rows, _ROWS, replace=False))
    held = {name: _described(name, column) for name, column in table.items()}
    if said is not None:
        for name, column in table.items():
            held[name]["tells_of_label"] = _tells(name, column, said[rows], at[rows], data.k)
    gaps = [n for n, h in held.items() if h["missing"] >= MISSING]
    flat = [n for n, h in held.items() if h["unique"] == 1]
    leaks = [n for n, h in held.items() if (h.get("tells_of_label") or 0.0) >= LEAK]
    verdict = f"{counted(len(held), 'column')}."
    for found, what in (
        (leaks, f"tell at least {percent(LEAK)} of the label by themselves, as a leak of it would"),
        (gaps, f"miss at least {percent(MISSING)} of their entries"),
        (flat, "hold one value alone"),
    ):
        if found:
            verdict += f" {', '.join(found[:5])}{' ...' if len(found) > 5 else ''} {what}."
    shown = sorted(held, key=lambda n: -(held[n].get("tells_of_label") or 0.0))[:_SHOWN]
    notes = [
        "Told of the label: the share of the label's entropy that the column tells by itself (numbers in 20 bins of "
        "equal counts, at most 20 000 rows), less what chance would reach on as many cells.",
    ]
    if len(shown) < len(held):
        notes.append(f"The {len(shown)} that tell most are shown; summary.json holds all {len(held)}.")
    return Section(
        "variables",
        "Variables",
        verdict,
        bool(leaks),
        ("columns", number(len(held))),
        tuple(notes),
        tuple((name, _line(held[name])) for name in shown),
        summary={"columns": held, "leaks": leaks, "with_missing": gaps, "constant": flat},
        light="act" if leaks else "look" if gaps or flat else "good",
    )


def _described(name: str, column: Any) -> dict[str, Any]:
    kind = kind_of(name, column)
    out: dict[str, Any] = {"type": str(column.type), "missing": column.null_count / max(len(column), 1), "unique": 0}
    if kind == EMPTY:
        return out | {"missing": 1.0}
    if kind == CATEGORICAL:
        words = texts(column)
        value, count = np.unique(words[~absent(words)].astype(str), return_counts=True)
        most = int(count.argmax())
        return out | {"unique": len(value), "most_frequent": str(value[most]), "most_frequent_count": int(count[most])}
    v = numbers(name, column)
    out["missing"] = float(np.isnan(v).mean())
    v = np.sort(v[~np.isnan(v)])
    return out | {
        "unique": 1 + int((np.diff(v) > 0).sum()),
        "zeros": int((v == 0).sum()),
        "min": float(v[0]),
        "median": float(np.median(v)),
        "mean": float(v.mean()),
        "max": float(v[-1]),
        "std": float(v.std()),
    }


def _codes(name: str, column: Any, rows: Ints) -> Ints:
    """A column as codes: categories, or bins of equal counts; missing entries are a code of their own."""
    kind = kind_of(name, column)
    if kind == EMPTY:
        return np.zeros(len(rows), np.int64)
    if kind == CATEGORICAL:
        words = texts(column)[rows]
        gone = absent(words)
        words[gone] = ""
        return np.unique(words.astype(str), return_inverse=True)[1].reshape(-1) * 2 + gone
    v = numbers(name, column)[rows]
    gone = np.isnan(v)
    known = v[~gone]
    if not known.size:
        return np.zeros(len(rows), np.int64)
    edges = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS))
    return np.where(gone, len(edges) + 1, np.searchsorted(edges, np.where(gone, 0.0, v), side="left"))


def _tells(name: str, column: Any, y: Ints, rows: Ints, k: int) -> float | None:
    code = np.unique(_codes(name, column, rows), return_inverse=True)[1].reshape(-1)
    cells = int(code.max()) + 1
    counts = crossed(y, code, k, cells)
    whole = entropy(counts.sum(axis=1))
    if whole == 0:
        return None
    # what independent columns reach on average with so many cells (the bias of the plug-in estimate)
    chance = (np.count_nonzero(counts.sum(axis=1)) - 1) * (np.count_nonzero(counts.sum(axis=0)) - 1) / (2 * len(y))
    return float(np.clip((mutual_information(counts) - chance) / whole, 0, 1))


def _line(held: dict[str, Any]) -> str:
    told = [] if held.get("tells_of_label") is None else [f"tells {percent(held['tells_of_label'])} of the label"]
    if held["missing"]:
        told.append(f"{percent(held['missing'])} missing")
    told.append(f"{counted(held['unique'], 'value')}")
    if "median" in held:
        told.append(f"{number(held['min'])} to {number(held['max'])}, median {number(held['median'])}")
    elif "most_frequent" in held:
        told.append(f"most often {held['most_frequent'][:40]}")
    return "; ".join(told)
