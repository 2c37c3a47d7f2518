"""Dawid and Skene's model by hard decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.core.card import method
from sfumato.core.errors import ParameterError

from .dawid_skene import DawidSkene
from .em import Run
from .kernel import Floats, Kernel
from .skill import decided


@method("fast-dawid-skene", paper="sinha2018fast")
@dataclass
class FastDawidSkene(DawidSkene):
    r"""Dawid and Skene's model by classification EM: after each E-step an item belongs to its most likely class.

    .. math:: P_{ik} = 1[k = \arg\max_c \log \pi_c + \textstyle\sum_j \log \theta_j[c, l_{ij}]]

    The history is the log likelihood of the votes and those classes together, which never falls; ties are shared. The
    posterior is one soft E-step at the end, so that its most likely classes are those decisions. Assumes what Dawid
    and Skene's model assumes, and items with a clear class.

    Args:
        switch: first soft steps until no class's prior moves by more than this (the paper's hybrid, 0.005), at least
            0; None: hard from the start.
        diagonal, elsewhere, classes, iterations, tolerance: as in DawidSkene.
    """

    switch: float | None = None

    def begin(self, kernel: Kernel) -> Floats:
        posterior = super().begin(kernel)
        if self.switch is not None:
            if not self.switch >= 0:
                raise ParameterError(f"switch={self.switch}", "at least 0, or None")
            counts, totals = kernel.counts(posterior), kernel.totals(posterior)
            for _ in range(self.iterations):
                before = totals
                table, log_prior = self.m_step(counts, totals, kernel)
                counts, totals, _ = kernel.sweep(table, log_prior, posterior, lambda belief: belief)
                if np.abs(totals - before).max() <= self.switch * kernel.n:
                    break
        return decided(posterior)

    def settle(self, belief: Floats) -> Floats:
        return decided(belief)

    def run(self, kernel: Kernel, posterior: Floats) -> Run:
        found = super().run(kernel, posterior)
        kernel.sweep(found.table, found.log_prior, found.posterior, lambda belief: belief)
        return found
