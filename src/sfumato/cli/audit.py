"""``sfumato audit``: a table in, a report out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sfumato.cli.options import AsJson, Classes, Drop, LabelsText, Missing, Seed, TablePath, read
from sfumato.cli.show import as_json, progress, say, table


def audit(
    path: TablePath,
    labels: LabelsText,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the report.")] = Path("sfumato-audit"),
    drop: Drop = None,
    missing: Missing = None,
    classes: Classes = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            "--probabilities",
            metavar="FILE",
            help="Out-of-sample class probabilities, a .npy file (rows, classes), in place of the linear model's.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the out-of-fold probabilities.")] = 5,
    seed: Seed = 0,
    group: Annotated[
        str | None, typer.Option("--group", metavar="COLUMN", help="A group that ought not to matter; no feature.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", metavar="COLUMN", help="The split a row belongs to; no feature.")
    ] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", metavar="COLUMN", help="The true label, an oracle; no feature.")
    ] = None,
    votes: Annotated[
        list[str] | None,
        typer.Option("--vote", metavar="COLUMN", help="An annotator's labels; no feature. May be repeated."),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="COLUMN", help="The numbers rows are known by, as curated_row; no feature."),
    ] = None,
    provenance: Annotated[
        Path | None, typer.Option("--provenance", metavar="FILE", help="Source, authors, licence, ...: a TOML file.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="OTHER", help="An earlier audit (its folder or summary.json) to compare to."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Look over a table and report what deserves attention.

    Likely label errors, noise rates, what weak labels of any kind tell and leave open, near-duplicates, outliers; and
    where they are named, groups, splits, annotators and true labels.

    Writes report.html, issues.parquet and summary.json to --out; with --compare also comparison.html and .json.

    Example:

    sfumato audit adult.csv.gz --labels noisy:income --drop split --missing '?' --out audit
    """
    import warnings

    import numpy as np

    from sfumato.audit import audit as look_over
    from sfumato.audit.codes import class_numbers
    from sfumato.audit.compare import compare as compared
    from sfumato.audit.compare import read as load_summary
    from sfumato.core.errors import FileError
    from sfumato.data.encoder import TableEncoder
    from sfumato.score.issues import PredictionsAsLabelsWarning

    if out.exists() and not out.is_dir():
        raise FileError(f"--out {out} is a file", "a folder")
    with progress("reading", None, "steps") as step, warnings.catch_warnings():
        warnings.simplefilter("ignore", PredictionsAsLabelsWarning)  # the verdict says it
        beside = [c for c in (group, split, truth, rows, *(votes or ())) if c is not None]
        source, _, x, held = read(path, labels, [*(drop or ()), *beside], missing, classes)
        earlier = None if compare is None else load_summary(compare)
        encoder = TableEncoder()
        features = encoder.fit_transform(x)
        report = look_over(
            features.reshape(len(features), -1),
            held,
            probabilities=None if probabilities is None else _stored(probabilities),
            folds=folds,
            seed=seed,
            feature_names=encoder.feature_names(),
            title=f"Audit of {path.name}",
            groups=None if group is None else _names(source.column(group)),
            split=None if split is None else _names(source.column(split)),
            truth=None if truth is None else source.column(truth),
            votes=None
            if not votes
            else np.stack([class_numbers(source.column(v), held.classes, held.k, v) for v in votes], axis=1),
            rows=None if rows is None else source.column(rows),
            provenance=provenance,
            variables=x if source.frame is not None else None,
            on_step=lambda text: step(text, 1),
        )
        report.save(out)
        change = None if earlier is None else compared(earlier, report)
        if change is not None:
            change.to_json(out / "comparison.json")
            change.to_html(out / "comparison.html")
    if json:
        as_json(report.summary if change is None else report.summary | {"comparison": change.summary})
        return
    for sentence in report.verdict:
        say(sentence)
    table(["light", "module", "what", "value"], [(s.word, s.title, *(s.headline or ("", ""))) for s in report.sections])
    if change is not None:
        lines = [(m["measure"], m["before"], m["after"], m["change"]) for m in change.summary["measures"]]
        table(["number", "before", "after", "change"], lines)
        say(change.verdict)
    say(f"report: {out / 'report.html'}")


def _stored(path: Path) -> Any:
    """The array of a .npy file, read in blocks where it is used."""
    import numpy as np

    from sfumato.core.errors import FileError

    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise FileError(f"--probabilities {path} that cannot be read ({problem})", "a .npy file of numbers") from None


def _names(values: Any) -> list[str]:
    """A column of names; a missing entry is a name of its own."""
    return ["(missing)" if v is None else str(v) for v in values]
