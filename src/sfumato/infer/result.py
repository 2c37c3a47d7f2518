"""The table of estimates that every method of this room returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import t as student

from sfumato.parts.escape import visible

from .given import Floats


@dataclass(frozen=True)
class Estimates:
    """Estimates with standard errors, z and two-sided p against zero, and an interval at ``level``.

    Arrays run over ``names``; covariance (k, k); lam: how far the predictions were trusted, one number or one per
    coefficient; gold: the same from the true labels alone, None where those do not suffice; max_weight: the largest
    weight of a labelled row over their mean (1 where all had the same chance); pieces, pooled and effect: what
    ``labels_needed`` reads, effect (k,) the variance with clusters over the one of independent rows; df (k,): degrees
    of freedom of the standard errors, infinite where the interval is normal.
    """

    method: str
    estimand: str
    names: tuple[str, ...]
    estimate: Floats
    std_error: Floats
    low: Floats
    high: Floats
    covariance: Floats
    level: float
    lam: Floats
    labelled: int
    rows: int
    max_weight: float
    gold: Estimates | None = field(default=None, repr=False)
    pieces: Floats = field(default_factory=lambda: np.zeros((3, 0)), repr=False)
    pooled: bool = False
    effect: Floats = field(default_factory=lambda: np.ones(1), repr=False)
    df: Floats = field(default_factory=lambda: np.full(1, np.inf), repr=False)

    @property
    def z(self) -> Floats:
        """estimate / std_error."""
        off = np.where(self.estimate == 0, 0.0, np.sign(self.estimate) * np.inf)
        return np.divide(self.estimate, self.std_error, out=off, where=self.std_error > 0)

    @property
    def p(self) -> Floats:
        """Two-sided p of the estimate being zero, by Student's law with ``df`` (the normal one where infinite)."""
        return np.asarray(2 * student.sf(np.abs(self.z), self.df))

    @property
    def width(self) -> Floats:
        """Of the interval."""
        return self.high - self.low

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values, the gold-only table under "gold"; df is None where it is infinite."""
        columns = ("estimate", "std_error", "z", "p", "low", "high")
        df = [float(v) if np.isfinite(v) else None for v in np.broadcast_to(self.df, len(self.names))]
        rows: list[dict[str, Any]] = [
            {"name": name, "df": df[i]} | {c: float(getattr(self, c)[i]) for c in columns}
            for i, name in enumerate(self.names)
        ]
        plain = {k: getattr(self, k) for k in ("method", "estimand", "level", "labelled", "rows", "max_weight")}
        gold = None if self.gold is None else self.gold.to_dict()
        return plain | {"lambda": self.lam.tolist(), "coefficients": rows, "gold": gold}

    def __str__(self) -> str:
        wide = max(12, *(len(visible(n)) for n in self.names))
        ends = f"[{(1 - self.level) / 2:.3g}", f"{(1 + self.level) / 2:.3g}]"
        head = f"{'':{wide}}" + "".join(f"{c:>11}" for c in ("coef", "std err", "z", "P>|z|", *ends, "gold +-"))
        lam = ", ".join(f"{one:.3g}" for one in self.lam[: len(self.names)])
        lines = [
            f"{self.method}: {self.estimand}",
            f"labelled {self.labelled} of {self.rows} rows, lambda {lam}, largest weight {self.max_weight:.3g}",
            "=" * len(head),
            head,
            "-" * len(head),
        ]
        for i, name in enumerate(self.names):
            values = (self.estimate[i], self.std_error[i], self.z[i], self.p[i], self.low[i], self.high[i])
            beside = float("nan") if self.gold is None else self.gold.width[i] / 2
            lines.append(f"{visible(name):{wide}}" + "".join(f"{v:>11.4g}" for v in (*values, beside)))
        return "\n".join([*lines, "=" * len(head)])
