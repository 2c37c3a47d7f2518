"""One call: features and labels in, a report out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sfumato.audit.beside import GIVEN, beside
from sfumato.audit.items import Items
from sfumato.audit.judge import judge
from sfumato.audit.modules import KINDS, LAST, PREDICTED, REAL, SINGLE, WEAK, further
from sfumato.audit.report import SCHEMA, Report, module_line, plain
from sfumato.audit.scale import like, standardised
from sfumato.audit.section import Data, Floats, Ints, Section, Seen
from sfumato.audit.sections.classes import classes
from sfumato.audit.sections.duplicates import duplicates
from sfumato.audit.sections.label_errors import label_errors
from sfumato.audit.sections.noise import noise
from sfumato.audit.sections.outliers import outliers
from sfumato.core.errors import ParameterError, RefusedError, ShapeError
from sfumato.parts.confident import blocks
from sfumato.parts.linear import as_features
from sfumato.score.issues import PredictionsAsLabelsWarning
from sfumato.score.near_duplicate import twins


def audit(
    X: ArrayLike,
    labels: Any,
    *,
    probabilities: ArrayLike | None = None,
    folds: int = 5,
    seed: int = 0,
    items: Sequence[Any] | None = None,
    feature_names: Sequence[str] | None = None,
    groups: ArrayLike | None = None,
    votes: ArrayLike | None = None,
    split: ArrayLike | None = None,
    X_test: ArrayLike | None = None,
    truth: ArrayLike | None = None,
    provenance: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    variables: Any = None,
    rows: ArrayLike | None = None,
    title: str = "Audit of a dataset",
    on_step: Callable[[str], None] | None = None,
) -> Report:
    """Look over a dataset with imperfect labels and report what deserves a person's attention.

    Single labels (exact, noisy, partly missing): out-of-fold probabilities of a linear head, likely label errors with
    suggested labels, noise rate and transition matrix with bootstrap intervals, class counts. Every other kind:
    what it tells and leaves open, in a module of its own (set sizes and ambiguity of candidate sets, the prior of
    positive-unlabeled data, rank and condition of bags and sets, contradictions of pairs, missing shares of
    multi-labels, reach and conflict of votes, wrong pixels of masks, ...). Always: near-duplicates and outliers over
    standardised columns, metadata and provenance. What is given beside adds modules of its own.

    Args:
        X: features (n, d), finite numbers; a data frame of numbers will do.
        labels: a container of ``sfumato.labels``, or one label per row, taken as noisy.
        probabilities: out-of-sample (n, K) in the order of the classes, in place of the linear head; for
            positive-unlabeled data (n, 2) of being labelled, for masks (n, K, H, W). Only for the kinds that read
            them: single labels, candidate sets, complementary and positive-unlabeled ones, masks.
        folds: of the out-of-fold probabilities, from 2 to n.
        seed: of folds, samples and resamples.
        items: what to show beside each row: n texts, pictures (n, h, w) or (n, h, w, 3), or ``pathlib.Path`` of files
            that hold a text or a picture (PNG, JPEG, GIF, WebP; large ones need Pillow, else the name is shown).
        feature_names: names (d,) of the columns, for the notes on constant columns.
        groups: a name per row (n,) of a group that ought not to matter, such as a hospital or a batch.
        votes: class numbers (n, m) of m annotators, -1 where one is absent, or ``sf.labels.Votes``.
        split: a name per row (n,) of the split it belongs to, such as train and test.
        X_test: features (m, d) of a test set without labels, in place of ``split``.
        truth: true labels (n,), -1 where unknown; read by the ground-truth module alone, an oracle.
        provenance: statements such as source, authors and licence, as a mapping or a TOML file.
        variables: the data frame of n rows behind the features; a data frame ``X`` is its own.
        rows: whole numbers (n,) that the rows are known by, such as those of the raw data behind a curated set.
        title: of the page.
        on_step: called with a short text before each step, for progress.

    Returns:
        A :class:`Report` with ``issues``, ``summary``, ``to_html``, ``to_json``, ``to_parquet`` and ``save``.

    Raises:
        ShapeError, LabelError, ParameterError: what does not fit. RefusedError: a kind of labels without an audit.

    Warns:
        PredictionsAsLabelsWarning: the labels equal the predictions of the probabilities in every row.
    """
    say = on_step or (lambda _: None)
    x = as_features(X)
    columns = list(getattr(X, "columns", [])) if feature_names is None else list(feature_names)
    if columns and len(columns) != x.shape[1]:
        raise ShapeError(f"{len(columns)} feature names", f"{x.shape[1]}, one per column")
    held = _container(labels)
    if len(x) < 2 or not 2 <= folds <= len(x):
        raise ParameterError(f"folds={folds} with {len(x)} rows", "at least two rows, and folds from 2 to their number")
    at = _rows(held, len(x))
    known = np.arange(len(x)) if rows is None else _known(rows, len(x))
    shown = None if items is None else Items(items, known)
    names = () if held.kind in REAL else held.classes if held.classes is not None else range(held.k)
    scaled, flat = standardised(x[at] if len(at) != len(x) or (at != np.arange(len(x))).any() else x)
    p = None if probabilities is None else _probabilities(probabilities, len(at), held)
    given = dict(zip(GIVEN, (groups, votes, split, X_test, truth, provenance, variables), strict=True))
    more = beside(given, X, x, columns, flat, at, held)
    if more.test is not None:
        more = replace(more, test=like(x[at], more.test))
    say("looking for near-duplicates")
    copies, words = twins(scaled, seed=seed), tuple(str(c) for c in names)
    data = Data(scaled, held, len(words), words, known[at], folds, seed, p, copies, more)
    seen = Seen()
    sections: list[Section] = []
    if data.kind in SINGLE:
        say("predicting every label out of fold" if p is None else "reading the probabilities")
        judged = judge(data)
        if judged.echoed:
            warnings.warn(
                "every label is the argmax of its probabilities: pass the labels as they were given",
                PredictionsAsLabelsWarning,
                stacklevel=2,
            )
        errors = label_errors(data, judged)
        say("resampling for intervals")
        doubtful = errors.issues.row if errors.issues is not None else np.empty(0, np.int64)
        confusions = noise(data, judged)
        seen = Seen(judged, doubtful, confusions.summary["noise_rate"]["value"])
        sections += [errors, confusions, classes(data, seen)]
    else:
        module, doing = WEAK[data.kind]
        say(doing)
        sections.append(module(data))
    say("looking for outliers")
    sections += [duplicates(data), outliers(data)]
    say("looking at the table, its groups and its splits")
    sections += further(data, seen)
    return _report(title, data, sections, shown)


def _report(title: str, data: Data, sections: list[Section], shown: Items | None) -> Report:
    from sfumato import __version__

    order = ("act", "look", "unknown", "good")
    verdict = [s.verdict for s in sorted(sections, key=lambda s: (s.name in LAST, order.index(s.word)))]
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "title": title,
        "kind": data.kind,
        "rows": len(data.x),
        "columns": data.x.shape[1],
        "class_count": data.k,
        "class_names": list(data.names),
        "folds": data.folds,
        "seed": data.seed,
        "probabilities_given": data.probabilities is not None,
        "constant_columns": list(data.beside.constant),
        "verdict": verdict,
    }
    summary["modules"] = [module_line(s) for s in sections]
    summary |= {s.name: s.summary for s in sections}
    summary["issues"] = {s.issues.issue: len(s.issues.row) for s in sections if s.issues is not None}
    return Report(title, tuple(verdict), plain(summary), tuple(sections), data.rows, shown)


def _container(labels: Any) -> Any:
    if hasattr(labels, "kind") and hasattr(labels, "k"):
        if labels.kind not in KINDS:
            raise RefusedError(
                f"{labels.kind} labels", f"one of {', '.join(KINDS)}", "audit the single labels behind them"
            )
        return labels
    from sfumato.labels import Noisy

    return Noisy.from_labels(labels)


def _rows(labels: Any, n: int) -> Ints:
    """The row of X that each observation speaks of."""
    if hasattr(labels, "members"):  # observations of several rows: the audit looks at every row of X
        most = int(labels.members.max())
        if most >= n:
            raise ShapeError(f"an observation of row {most} with {n} rows of features", f"rows from 0 to {n - 1}")
        return np.arange(n)
    pointer = labels.row
    if pointer is None:
        if len(labels) != n:
            raise ShapeError(f"{len(labels)} labels for {n} rows of features", "as many labels as rows")
        return np.arange(n)
    rows = np.asarray(pointer)
    if rows.max() >= n:
        raise ShapeError(f"an observation of row {rows.max()} with {n} rows of features", f"rows from 0 to {n - 1}")
    return rows


def _known(rows: ArrayLike, n: int) -> Ints:
    """The numbers that the rows are known by."""
    known = np.asarray(rows)
    if known.shape != (n,) or known.dtype.kind not in "iu" or len(np.unique(known)) != n or known.min(initial=0) < 0:
        raise ShapeError(
            f"row numbers of shape {known.shape} and type {known.dtype}", f"({n},) distinct whole numbers, not negative"
        )
    return known.astype(np.int64)


def _probabilities(probabilities: ArrayLike, n: int, labels: Any) -> Floats:
    kind = labels.kind
    if kind not in PREDICTED:
        raise ParameterError(f"probabilities beside {kind} labels", f"none: they are read for {', '.join(PREDICTED)}")
    p = probabilities if isinstance(probabilities, np.ndarray) else np.asarray(probabilities)
    if kind == "masks":  # their section checks the values, one picture at a time
        size = (n, labels.k, *labels.y.shape[1:])
        if p.shape != size or p.dtype.kind != "f":
            raise ShapeError(f"probabilities of shape {p.shape} and type {p.dtype}", f"{size} floating point numbers")
        return p
    if p.ndim != 2 or len(p) != n or p.dtype.kind != "f":
        raise ShapeError(
            f"probabilities of shape {p.shape} and type {p.dtype}", f"({n}, classes) floating point numbers"
        )
    for _ in blocks(p):
        pass  # each block is checked as it is read
    return p
