"""Observations of several rows each: how large they are, and which rows no observation speaks of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.audit.section import Data, Ints, percent
from sfumato.parts.svg import number


@dataclass(frozen=True)
class Coverage:
    """Groups (m,) by their ``size``; ``owner`` and ``members`` say which group holds which row; ``none`` and
    ``several`` count the rows in no group and in more than one."""

    size: Ints
    owner: Ints
    members: Ints
    none: int
    several: int
    rows: int

    @property
    def spread(self) -> str:
        """Sizes in words."""
        return least_to_most(self.size)

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Rows left out and rows used twice, for a section."""
        return (
            ("rows in none", f"{number(self.none)} ({percent(self.none / self.rows)})"),
            ("rows in several", f"{number(self.several)} ({percent(self.several / self.rows)})"),
        )

    @property
    def summary(self) -> dict[str, object]:
        """The same for JSON."""
        size = self.size
        return {
            "size": {"least": int(size.min()), "median": float(np.median(size)), "most": int(size.max())},
            "rows_in_none": self.none,
            "rows_in_several": self.several,
        }


def coverage(data: Data) -> Coverage:
    """Of a container with ``members`` and ``offsets``."""
    members, offsets = np.asarray(data.labels.members), np.asarray(data.labels.offsets)
    size = np.diff(offsets)
    times = np.bincount(members, minlength=len(data.x))
    return Coverage(
        size,
        np.repeat(np.arange(len(size)), size),
        members,
        int((times == 0).sum()),
        int((times > 1).sum()),
        len(data.x),
    )


def least_to_most(values: Ints) -> str:
    """Least, median and most as text; one number where they are all the same."""
    least, middle, most = (number(float(v)) for v in (values.min(), np.median(values), values.max()))
    return least if least == most else f"{least} to {most}, median {middle}"
