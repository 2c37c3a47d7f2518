"""What ``method="auto"`` costs on the kinds of labels whose short list was made by hand: read off the grid of kinds.py.

    python benchmarks/auto_kinds.py --store STORE --into docs/measurements/auto-kinds.md

Nothing is trained here. The runs are those of ``python benchmarks/kinds.py run --store STORE``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kinds import BOUNDS

from sfumato import select
from sfumato.bench.spec import LawEntry
from sfumato.bench.store import Store
from sfumato.bench.truths import truth_of
from sfumato.train.checkpoint import write_atomic

MARK = "<!-- below: written by benchmarks/auto_kinds.py -->"
TIE = 1e-9  # measures on test rows are shares of whole rows: smaller differences are rounding


@dataclass(frozen=True)
class Choice:
    """One cell: what the list held, what was chosen, and the scores (larger is better) of methods on test rows."""

    kind: str
    law: str
    data: str
    chosen: str
    scores: dict[str, float]

    @property
    def lost(self) -> float:
        """To the best method of the whole grid."""
        return max(self.scores.values()) - self.scores[self.chosen]

    @property
    def won(self) -> float | None:
        """Over the naive baseline; None where the kind has none."""
        if self.kind in select.NO_BASELINE:
            return None
        return self.scores[self.chosen] - self.scores[select.SHORT_LIST[self.kind][0]]


def choices(store: Store) -> Iterator[Choice]:
    """Every cell whose whole list was run, with its choice by the kind's criterion at the last epoch."""
    cells: dict[tuple[str, str, str, int], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in store.table().to_pylist():
        if row["status"] != "done" or row["kind"] not in select.SHORT_LIST or row["draw"] != 0:
            continue
        job = json.loads(row["job"])
        law = LawEntry(job["law"]["name"], job["law"]["params"]).label
        if law != BOUNDS.get(row["kind"], ("clean", ""))[0]:
            cells[row["kind"], law, row["dataset"], row["seed"]][row["method"]] = row
    for (kind, law, data, _), rows in sorted(cells.items()):
        names = [m for m in select.SHORT_LIST[kind] if m in rows]
        rule, truth = select.default(kind), truth_of(kind)
        values = {m: json.loads(rows[m]["criteria"]).get(rule, {}).get("last") for m in names}
        values = {m: v for m, v in values.items() if v is not None}
        if len(values) < 2 or (kind not in select.NO_BASELINE and select.SHORT_LIST[kind][0] not in values):
            continue
        scores = {
            m: r["oracle_test_accuracy"]
            if r["oracle_test_accuracy"] is not None
            else truth.signed(json.loads(r["oracles"])[truth.measure])
            for m, r in rows.items()
        }
        yield Choice(kind, law, data, max(values, key=lambda m: values[m]), scores)


def line(kind: str, own: list[Choice]) -> str:
    """The row of a kind."""
    truth = truth_of(kind)
    scale = abs(truth.scale)
    lost = scale * np.array([c.lost for c in own])
    taken = Counter(c.chosen for c in own)
    cells = [
        kind,
        str(len(own)),
        str(len({c.data for c in own})),
        str(max(len(c.scores) for c in own)),
        truth.title,
        f"{lost.mean():.2f}",
        *against(scale, [c.won for c in own if c.won is not None]),
        select.default(kind),
        ", ".join(f"{m} {n}" for m, n in taken.most_common()),
    ]
    return f"| {' | '.join(cells)} |"


def against(scale: float, won: list[float]) -> list[str]:
    """Three columns beside the naive baseline: mean, share of worse cells, and by how much there."""
    if not won:
        return ["no baseline", "-", "-"]
    gain = scale * np.array(won)
    worse = gain < -TIE
    by = f"{-gain[worse].mean():.2f}" if worse.any() else "-"
    return [f"{gain.mean():+.2f}", f"{100 * worse.mean():.0f}", by]


def main() -> None:
    """Write the table below the mark of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    asked = parser.parse_args()
    found: dict[str, list[Choice]] = defaultdict(list)
    for one in choices(Store(asked.store)):
        found[one.kind].append(one)
    head = (
        "| kind | cells | sets | methods | oracle | regret | over naive | worse % | by | criterion | chosen |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    )
    prose = asked.into.read_text(encoding="utf-8").split(MARK)[0] if asked.into.exists() else ""
    rows = [line(kind, own) for kind, own in found.items()]
    write_atomic(asked.into, (prose + MARK + "\n\n" + "\n".join([*head, *rows]) + "\n").encode())


if __name__ == "__main__":
    main()
