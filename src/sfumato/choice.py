"""The card of ``method="auto"``: what was tried, by which criterion, why one was taken, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sfumato.portfolio import Learned, Table
from sfumato.select import NO_BASELINE


@dataclass(frozen=True)
class Choice:
    """How auto chose; ``lines()`` says it in words.

    Args: kind of the labels; chosen; naive, the baseline, always tried ("" where the kind has none); criterion, read
    off held-out weak labels; tried, per candidate value, low, high (95 % interval, None where unknown), and with a
    table past and score, or error; trust, how much past adds to the criterion; near, the nearest cells of the table as
    (set, law, weight); expected, what leaving one set out measured, in units of ``measure`` (empty = nobody knows);
    source, where the table comes from; reason, why expected is empty; measure, of which the table tells.
    """

    kind: str
    chosen: str
    naive: str
    criterion: str
    tried: Mapping[str, Mapping[str, Any]]
    trust: float = 0.0
    near: tuple[tuple[str, str, float], ...] = ()
    expected: Mapping[str, float] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    measure: str = "accuracy"
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON holds it."""
        return {**asdict(self), "near": [list(one) for one in self.near], "remarks": list(self.remarks)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Choice:
        """A card from what ``to_dict`` made."""
        near = tuple((str(s), str(law), float(w)) for s, law, w in told["near"])
        return cls(**{**told, "near": near, "remarks": tuple(told.get("remarks", ()))})

    def lines(self) -> list[str]:
        """What was tried and why, one sentence per line."""
        own, among = self.tried[self.chosen], f"among {', '.join(self.tried)}"
        if self.criterion:
            out = [f"{self.chosen} chosen {among}; {self.criterion} {_measured(own)} on held-out labels"]
        else:
            out = [f"{self.chosen} taken {among}: no criterion can be measured on the held-out labels"]
        out += self.remarks
        start = self.tried.get(self.naive, {})
        if not self.naive:
            out.append(f"{self.kind} labels suggest no class for a row alone: no naive baseline stands beside it")
        elif self.chosen == self.naive and self.criterion:
            out.append(f"{self.naive} is the naive baseline: nothing that was tried promised more")
        elif "value" in start:
            told = f"the naive baseline {self.naive} has {_measured(start)}"
            sure = own["low"] is not None and start["high"] is not None and own["low"] > start["high"]
            out.append(told if sure else f"{told}: by this alone the two cannot be told apart")
        if self.trust and "past" in own:
            where = ", ".join(f"{name} under {law} ({100 * w:.0f} %)" for name, law, w in self.near)
            first = self.naive or next(iter(self.tried))
            out.append(
                f"added to it: {100 * own['past']:+.1f} points that {self.chosen} won over {first} on labels like "
                f"these, nearest {where}"
            )
        out += [f"failed: {name}: {one['error']}" for name, one in self.tried.items() if "error" in one]
        return [*out, self._worth()]

    def _worth(self) -> str:
        if not self.expected:
            return f"what this choice costs is not known: {self.reason}"
        e, points = self.expected, "points" if self.measure == "accuracy" else "hundredths"
        said = (
            f"on {e['cells']:.0f} cells of {e['sets']:.0f} sets, each left out of the table in turn, auto lost "
            f"{100 * e['regret']:.1f} {points} of {self.measure} to the best of {e['methods']:.0f} methods (standard "
            f"deviation {100 * e['spread']:.1f})"
        )
        if not self.naive:
            return said
        return (
            f"{said} and won {100 * e['gain']:.1f} over {self.naive}; it was worse than {self.naive} "
            f"in {100 * e['worse']:.0f} % of the cells, by {100 * e['worse_by']:.1f} {points} there"
        )


def _measured(one: Mapping[str, Any]) -> str:
    value = f"{one['value']:.4g}"
    return value if one["low"] is None else f"{value} [{one['low']:.4g}, {one['high']:.4g}]"


def card(
    kind: str,
    chosen: str,
    first: str,
    criterion: str,
    tried: Mapping[str, Mapping[str, Any]],
    table: Table | None,
    learned: Learned | None,
    sources: Mapping[str, Mapping[str, Any]],
    remarks: tuple[str, ...] = (),
    asked: bool = True,
) -> Choice:
    """The card of a choice; without a table, or by another criterion than the table's, nothing is expected.

    Args: first, of the short list: the naive baseline where the kind has one; sources, by the name of a grid, where its
    runs come from; asked, whether somebody named the criterion.
    """
    naive = "" if kind in NO_BASELINE else first
    if table is None or learned is None:
        reason = f"no table was learned for {kind} labels under this law, and the short list is made by hand"
        return Choice(kind, chosen, naive, criterion, tried, reason=reason, remarks=remarks)
    source = sources.get(table.grid, {})
    if criterion != table.criterion:
        why = f"and {criterion} was asked for" if asked else "which could not be measured here"
        return Choice(
            *(kind, chosen, naive, criterion, tried),
            near=learned.near,
            source=source,
            reason=f"the table was made for {table.criterion}, {why}",
            remarks=remarks,
        )
    return Choice(
        *(kind, chosen, naive, criterion, tried, table.trust, learned.near, table.expected, source),
        measure=table.measure,
        remarks=remarks,
    )
