"""``sfumato aggregate``: a table of votes in, one label per item out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import AsJson, Missing
from sfumato.cli.show import as_json, progress, say, table

if TYPE_CHECKING:
    import pyarrow as pa

    from sfumato.data.readers import Table
    from sfumato.labels import Votes


OF_ITEMS = ("label", "confidence", "votes", "majority")
OF_SOURCES = ("votes", "declined", "quality", "low", "high", "with_majority")


def aggregate(
    path: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A .csv, .csv.gz or .parquet file with one line per vote.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write: .csv or .parquet.")],
    item: Annotated[str, typer.Option(metavar="COLUMN", help="What was voted on.")] = "item",
    source: Annotated[str, typer.Option(metavar="COLUMN", help="Who voted.")] = "source",
    label: Annotated[str, typer.Option(metavar="COLUMN", help="What was said.")] = "label",
    method: Annotated[
        str, typer.Option(help="A name of `sfumato methods --role aggregate`, or auto: chosen by votes held out.")
    ] = "auto",
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="A field of the method, such as restarts=5. May be repeated."
        ),
    ] = None,
    sources: Annotated[
        Path | None, typer.Option("--sources", metavar="FILE", help="Also write one row per source: .csv or .parquet.")
    ] = None,
    abstain: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The label of a source that was asked and declined; '' is an empty cell."),
    ] = None,
    duplicates: Annotated[
        str, typer.Option(help="Where a source speaks twice of an item: error, last (the later line counts), or all.")
    ] = "error",
    missing: Missing = None,
    json: AsJson = False,
) -> None:
    """Turn the votes of many sources into one label per item, without any true label.

    Writes a row per item, in the order in which items first appear: item, label, confidence, votes, majority (the label
    that most sources named; empty on a tie) and one column p(class) per class.

    Example:

    sfumato aggregate votes.csv --item task --source worker --label answer --out labels.csv --sources workers.csv
    """
    from sfumato.cli import settings
    from sfumato.cli.predict import ENDINGS, packed
    from sfumato.core.errors import FileError, ParameterError
    from sfumato.data.readers import read
    from sfumato.parts.files import write_atomic

    for option, file in (("--out", out), ("--sources", sources)):
        if file is not None and not file.name.lower().endswith(ENDINGS):
            raise FileError(f"{option} {file} has none of the endings {', '.join(ENDINGS)}", "a .csv or .parquet file")
    if sources is not None and sources.resolve() == out.resolve():
        raise ParameterError(f"--out and --sources {out}", "two files")
    if len({item, source, label}) < 3:
        raise ParameterError(f"--item {item}, --source {source}, --label {label}", "three columns")
    for option, name, taken in (("--item", item, OF_ITEMS), ("--source", source, OF_SOURCES)):
        if name in taken:
            raise ParameterError(
                f"{option} {name}", f"a column with another name than {', '.join(taken)}: they are written"
            )
    model = settings.aggregator(method, field)
    held = read(path, missing or ())
    if held.frame is None:
        raise ParameterError(f"{path.name} holds arrays", "a csv or parquet file with one line per vote")
    votes = _votes(held, (item, source, label), abstain, duplicates)
    with progress("aggregating", None, "tables"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = model.fit(votes)
    doubts = list(dict.fromkeys(str(w.message) for w in caught))
    items, who = _items(found, item), _sources(found, votes, source)
    write_atomic(out, packed(items, out))
    if sources is not None:
        write_atomic(sources, packed(who, sources))
    told = {
        "out": str(out),
        "method": getattr(found, "chosen", model.card.name),
        "items": len(votes),
        "sources": votes.sources,
        "votes": len(votes.source),
        "classes": [str(c) for c in votes.classes or ()],
        "unlike_majority": sum(
            m is not None and m != v
            for m, v in zip(*(items[c].to_pylist() for c in ("majority", "label")), strict=True)
        ),
        "ties": items["majority"].null_count,
        "converged": bool(found.converged),
        "warnings": doubts,
    }
    if json:
        as_json(told)
        return
    _tell(told, who)


def _votes(held: Table, columns: tuple[str, str, str], abstain: str | None, duplicates: str) -> Votes:
    import numpy as np

    from sfumato.core.errors import LabelError
    from sfumato.labels import Votes

    held.check(*columns)
    items, sources, labels = (held.column(name) for name in columns)
    declined: Any = object()
    if abstain is None and None in labels:
        raise LabelError(
            f"column {columns[2]!r}: {labels.count(None)} empty labels, the first in row {labels.index(None)}",
            "a label on every line",
            "fill them, drop the lines, or say that the source declined: --abstain ''",
        )
    said = np.empty(len(labels), object)
    said[:] = [declined if abstain is not None and ("" if v is None else str(v)) == abstain else v for v in labels]
    if abstain is not None and declined not in said:
        raise LabelError(f"no label {abstain!r} in column {columns[2]!r}", "the label of sources that declined")
    for name, column in zip(columns, (items, sources, said), strict=True):
        if any(v is None for v in column):
            raise LabelError(f"column {name!r} has empty cells", "a name on every line", "fill them, or drop the lines")
    return Votes.from_table(
        items, sources, said, items=list(dict.fromkeys(items)), abstain=declined, duplicates=duplicates
    )


def _items(found: Any, item: str) -> pa.Table:
    import pyarrow as pa

    names = [str(c) for c in found.classes]
    top = found.majority >= found.majority.max(1, keepdims=True) - 1e-12
    chosen, voted, tied = found.posterior.argmax(1), top.argmax(1), top.sum(1) > 1
    values = (
        [found.classes[c] for c in chosen],
        found.posterior.max(1),
        found.n_votes,
        [None if t else found.classes[c] for c, t in zip(voted, tied, strict=True)],
    )
    columns: dict[str, Any] = {item: list(found.items)} | dict(zip(OF_ITEMS, values, strict=True))
    return pa.table(columns | {f"p({name})": found.posterior[:, j] for j, name in enumerate(names)})


def _sources(found: Any, votes: Votes, source: str) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    said, who = votes.said.numpy(), votes.source.numpy().astype(np.int64)
    spoke = said >= 0
    alike = found.majority.argmax(1)[votes.item().numpy()] == said
    many = np.bincount(who[spoke], minlength=votes.sources)
    with_vote = np.bincount(who[spoke & alike], minlength=votes.sources)
    sure = found.interval()
    values = (
        many,
        np.bincount(who[~spoke], minlength=votes.sources),
        found.quality,
        sure.low,
        sure.high,
        np.where(many > 0, with_vote / np.maximum(many, 1), np.nan),
    )
    return pa.table({source: list(votes.who or ())} | dict(zip(OF_SOURCES, values, strict=True)))


def _tell(told: dict[str, Any], who: pa.Table) -> None:
    rows = sorted(zip(*(who.column(i).to_pylist() for i in range(7)), strict=True), key=lambda r: (r[3], str(r[0])))
    shown = rows if len(rows) <= 10 else rows[:5] + rows[-5:]
    title = "Sources by estimated accuracy, with 95 % intervals" + (
        "" if len(rows) <= 10 else f": the lowest and highest five of {len(rows)}"
    )
    table(["source", "votes", "declined", "quality", "low", "high", "with majority"], shown, title)
    for doubt in told["warnings"]:
        say(f"note: {doubt}")
    if not told["converged"]:
        say("note: it had not converged when its iterations were used up")
    say(
        f"{told['method']} on {told['votes']} votes of {told['sources']} sources: {told['items']} items, "
        f"{told['unlike_majority']} unlike the majority and {told['ties']} tied there: {told['out']}"
    )
