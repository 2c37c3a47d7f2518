"""What is measured of a model: every weak criterion on the validation labels, and the oracle on the test rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato import select
from sfumato.core.errors import InputError, ParameterError

from .cell import Cell, at
from .record import finite
from .truths import TRUTHS, measured, truth_of

ORACLE = TRUTHS["class"].criterion
BY_LAW = ("likelihood", "unbiased-accuracy")  # the criteria that ask the law
ROUNDING = 1e-3  # how far probabilities of one row may be from a sum of one
OWN = " (own law)"  # after the name of a criterion that was judged by the law that drew the labels


class Measures:
    """Measures of a run on its cell, epoch by epoch: ``history`` holds a row per measured epoch."""

    def __init__(self, cell: Cell, told: dict[str, Any]) -> None:
        self.cell = cell
        self.judge, self.sources = cell.judge(told)
        self.weak, self.truth = cell.weak, truth_of(cell.observed.kind)
        held = slice(cell.train, cell.train + cell.held)
        self.law = at(self.judge, held)
        found = cell.own_judge(told)
        self.own_law = None if found is None else found[0].at(held)
        self.own = {} if found is None else {"own": {"law": type(found[0]).__name__, **found[1]}}
        self.test: Tensor | None = None
        self.fit: list[str] | None = None
        self.history: list[dict[str, float | None]] = []

    @property
    def rows(self) -> slice:
        """Where the rows that are predicted stand in the cell: those that validation observations show, those for
        the oracle alone, test rows.
        """
        return slice(self.cell.train, len(self.cell.X))

    def add(self, log_p: Tensor, epoch: int, risk: float | None = None) -> None:
        """Measure predictions of log P(truth | x) on ``rows``. Errors: shares of classes that do not sum to one."""
        if self.truth in (TRUTHS["class"], TRUTHS["shares"]):
            check_sums(log_p)
        entry: dict[str, float | None] = {"epoch": epoch, "risk": None if risk is None else finite(risk)}
        held, test = log_p[: self.cell.held], log_p[len(log_p) - len(self.cell.y_test) :]
        if self.fit is None:
            names = [*(name for name in select.CRITERIA if name != ORACLE), *(name + OWN for name in BY_LAW)]
            self.fit = [name for name in names if self._one(name, held) is not None]
        values = {name: self._one(name, held) for name in self.fit}
        entry |= {name: None if value is None else finite(value) for name, value in values.items()}
        entry[self.truth.criterion] = finite(self.truth.score(log_p[self.cell.clean], self.cell.y_clean))
        entry["oracle-test"] = finite(self.truth.score(test, self.cell.y_test))
        self.test = test
        self.history.append(entry)

    def _one(self, name: str, log_p: Tensor) -> float | None:
        """A criterion, not always finite; None where this run does not have it at any epoch."""
        law = self.own_law if name.endswith(OWN) else self.law
        name = name.removesuffix(OWN)
        if law is None or (name in BY_LAW and isinstance(law, type)):
            return None  # the law is not known, or a fact of it is missing
        try:
            return float(select.criterion(name, log_p, self.weak, law))
        except InputError:
            return None  # this kind or law does not have it

    def result(self) -> dict[str, Any]:
        """The columns of a record: the last epoch, and for every criterion the epoch it would have chosen."""
        last, law = self.history[-1], self.judge if isinstance(self.judge, type) else type(self.judge)
        criteria: dict[str, Any] = {}
        for name in [*(self.fit or []), self.truth.criterion]:
            known = [e for e in self.history if e[name] is not None]
            if not known:
                continue
            best = max(known, key=lambda e: (e[name], -(e["epoch"] or 0)))
            criteria[name] = {
                "last": last[name],
                "chosen": best[name],
                "epoch": best["epoch"],
                "oracle_test": best["oracle-test"],
            }
        assert self.test is not None
        others = measured(self.cell.observed.kind, self.test, self.cell.y_test)
        return {
            "oracle_test_accuracy": last["oracle-test"] if self.truth.criterion == ORACLE else None,
            "oracles": {name: finite(value) for name, value in others.items()},
            "criteria": criteria,
            "history": self.history,
            "judge": {"law": law.__name__, **self.sources, **self.own},
            "n_train": self.cell.train,
            "n_validation": self.cell.held,
            "n_test": len(self.cell.y_test),
            "k": self.cell.observed.k,
        }


def normalised(probabilities: Any) -> Tensor:
    """(n, K) log probabilities from those that an external method returned. Errors: values that are none."""
    p = torch.as_tensor(probabilities, dtype=torch.float64)
    if not bool(((p >= 0) & (p <= 1 + ROUNDING)).all()):  # not of a number that is none either
        low, high = float(p.min()), float(p.max())
        raise ParameterError(f"probabilities from {low:.6g} to {high:.6g}", "values from 0 to 1")
    return p.clamp_min(1e-300).log()


def check_sums(log_p: Tensor) -> None:
    """Refuse rows of log P(class | x) whose probabilities do not sum to one."""
    off = (log_p.detach().double().exp().sum(1) - 1).abs()
    if bool((off > ROUNDING).any()):
        at = int(off.nan_to_num(0.0).argmax())
        total = float(log_p[at].double().exp().sum())
        raise ParameterError(f"probabilities of row {at} that sum to {total:.6g}", "rows that sum to one")
