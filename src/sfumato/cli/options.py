"""Arguments that several commands share, and how a table becomes features and labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sfumato.data.labels import Spec
    from sfumato.data.readers import Table
    from sfumato.labels import Labels

TablePath = Annotated[
    Path,
    typer.Argument(metavar="TABLE", help="A .csv, .csv.gz, .parquet or .npz file (npz: the features under x)."),
]
LabelsText = Annotated[
    str,
    typer.Option(
        "--labels",
        metavar="KIND:COLUMN",
        help="Kind (exact, noisy, partial, complementary, pu, pu-single, semi) and column; partial and complementary "
        "take 'a|b|c' lists or several 0/1 columns, KIND:COLUMN,COLUMN. Of several rows: bags:bag,count (or a count "
        "per class), bag-shares:bag,share, bag-values:bag,any, sets:set,share, set-ranks:set,rank, "
        "pairs:pair,relation, comparisons:pair,first, triplets:triplet,place, "
        "confidence-differences:pair,lead, similarities:pair,chance. "
        "Classes that may hold at once: multi-label:a,b,c. A column per source: votes:s1,s2. Shares of the classes: "
        "distribution:share_a,share_b. Chances of positive rows: confidence:p. Numbers: targets:y, or lower:y where "
        "some were seen too low.",
    ),
]
Drop = Annotated[
    list[str] | None, typer.Option("--drop", metavar="COLUMN", help="Leave a column out. May be repeated.")
]
Missing = Annotated[
    list[str] | None,
    typer.Option("--missing", metavar="TEXT", help="A mark of missing csv entries, such as '?'. May be repeated."),
]
Classes = Annotated[
    str | None,
    typer.Option("--classes", metavar="A,B,...", help="Class names in order, where the column does not show them all."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The number that all randomness follows from.")]


def read(
    path: Path, labels: str, drop: list[str] | None, missing: list[str] | None, classes: str | None
) -> tuple[Table, Spec, Any, Labels]:
    """(the table, what --labels said, features without label and dropped columns, labels)."""
    import csv

    from sfumato.core.errors import ParameterError
    from sfumato.data.labels import parse, read_labels
    from sfumato.data.readers import read as read_table

    spec = parse(labels)
    held = read_table(path, missing or ())
    if drop and held.frame is None:
        raise ParameterError(
            f"--drop {drop[0]} for an npz file", "a csv or parquet file", "the features of an npz are its array x alone"
        )
    held.check(*spec.columns)
    x = held.features([*spec.columns, *(drop or ())])
    return held, spec, x, read_labels(held, spec, None if classes is None else next(csv.reader([classes])))
