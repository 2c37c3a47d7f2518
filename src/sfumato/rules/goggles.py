"""Labeling functions from clusters of affinities to prototypes, named by a few labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import FunctionMaker
from sfumato.core.streams import key, numpy_rng
from sfumato.labels import Semi

from .functions import Floats, Functions, Ints, LabelingFunction, door


@dataclass(frozen=True, eq=False)
class Affinities:
    """Cosines to prototypes, and a mixture of normals over them: prototypes (m, q), mixture, order (K,) the component
    that stands for each class.
    """

    centre: Floats
    scale: Floats
    prototypes: Floats
    mixture: Any
    order: Ints

    def affinity(self, z: Floats) -> Floats:
        """(n, m) cosines of standardised rows (n, q) to the prototypes."""
        return np.asarray(_unit((z - self.centre) / self.scale) @ self.prototypes.T)

    def probabilities(self, z: Floats) -> Floats:
        """(1, n, K) of rows (1, n, q)."""
        return np.asarray(self.mixture.predict_proba(self.affinity(z[0])))[None, :, self.order]


@method("goggles", paper="das2020goggles")
@dataclass
class Goggles(FunctionMaker):
    r"""Affinity coding: clusters of similarities to prototypes, made alike by an ensemble, named by few labels.

    .. math:: A^f_{im} = \cos(x_i^f, x_m^f), \qquad P^f = \text{mixture of } K \text{ normals on the rows of } A^f,
              \qquad P = \text{mixture of Bernoullis on the one-hot } P^1 \dots P^F

    One function per affinity f, here the cosine on a random share of the standardised columns to rows drawn as
    prototypes (the paper takes patches of pictures from layers of a network, and all rows). The ensemble P is fitted
    without labels; the assignment of its clusters to classes that most labelled rows agree with names them, and each
    function's clusters are matched to the ensemble's. So labels only choose among K! names. Assumes that classes are
    clusters.

    Args:
        affinities: functions, at least 1.
        share: of the columns that each affinity sees, in (0, 1].
        prototypes: at least 2.
        sure: probability below which a function abstains, in [0, 1].
    """

    affinities: int = 10
    share: float = 0.5
    prototypes: int = 50
    sure: float = 0.8

    def make(self, X: Floats, labels: Semi, seed: int = 0) -> Functions:
        """The functions."""
        told = door(X, labels)
        if self.affinities < 1 or not 0 < self.share <= 1 or self.prototypes < 2 or not 0 <= self.sure <= 1:
            raise ParameterError(f"{self}", "affinities >= 1, share in (0, 1], prototypes >= 2, sure in [0, 1]")
        n, d = told.x.shape
        centre, scale = told.x.mean(0), told.x.std(0)
        scale = np.where(scale > 0, scale, 1.0)
        made, columns = [], []
        for f in range(self.affinities):
            draw = numpy_rng(seed, "affinity", f)
            seen = np.sort(draw.choice(d, max(1, round(self.share * d)), replace=False))
            rows = draw.choice(n, min(self.prototypes, n), replace=False)
            z = (told.x[:, seen] - centre[seen]) / scale[seen]
            mixture = GaussianMixture(
                told.k,
                covariance_type="diag",
                random_state=key(seed, "mixture", f) % 2**32,
                reg_covar=1e-4,
                max_iter=200,
            )
            model = Affinities(centre[seen], scale[seen], _unit(z[rows]), mixture, np.arange(told.k))
            mixture.fit(model.affinity(told.x[:, seen]))
            made.append(model)
            columns.append(tuple(int(c) for c in seen))
        clusters = [m.mixture.predict(m.affinity(told.x[:, list(c)])) for m, c in zip(made, columns, strict=True)]
        whole = ensemble(np.stack(clusters, axis=1), told.k)
        named = matched(whole[told.rows], np.eye(told.k)[told.y])
        whole = whole[:, named]
        found = []
        for f, (m, c) in enumerate(zip(made, columns, strict=True)):
            order = matched(np.eye(told.k)[clusters[f]], whole)
            model = Affinities(m.centre, m.scale, m.prototypes, m.mixture, order)
            found.append(LabelingFunction(f"affinity {f} on {len(c)} columns", c, model, self.sure))
        return Functions(tuple(found), told.k, told.x.shape[1:], told.classes)


def matched(clusters: Floats, classes: Floats) -> Ints:
    """(K,) the cluster for each class, of shares (n, K) each: the assignment of most common mass."""
    return np.asarray(linear_sum_assignment(-(classes.T @ clusters))[1])


def ensemble(clusters: Ints, k: int, rounds: int = 200) -> Floats:
    r"""(n, K) a mixture of products of Bernoullis over one-hot clusters (n, F), by EM from the clusters of each
    function in turn; the likeliest fit. Each :math:`P(f \text{ says } l \mid k)` is the share of its mass, with one
    count on top.
    """
    n, f = clusters.shape
    place = (clusters + k * np.arange(f)).ravel()
    shown = csr_array((np.ones(n * f), place, np.arange(n + 1) * f), shape=(n, f * k))
    best = -np.inf
    found: Floats = np.empty((n, k))
    for start in clusters.T:
        belief: Floats = 0.5 / k + 0.5 * np.eye(k)[start]
        last = -np.inf
        for _ in range(rounds):
            mass = belief.sum(0)
            rate = (shown.T @ belief + 1) / (mass + 2)
            silent = np.log1p(-rate)
            score = shown @ (np.log(rate) - silent) + silent.sum(0) + np.log((mass + 1) / (n + k))
            total = logsumexp(score, axis=1, keepdims=True)
            belief = np.exp(score - total)
            now = float(total.sum())
            if now - last < 1e-7 * abs(now):
                break
            last = now
        if now > best:
            best, found = now, belief
    return found


def _unit(z: Floats) -> Floats:
    """Rows of length one; a row of zeros stays."""
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return np.asarray(np.divide(z, length, out=np.zeros_like(z), where=length > 0))
