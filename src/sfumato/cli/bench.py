"""``sfumato bench``: a grid of methods, laws, sets, seeds and draws; its results as tables, differences and a
report.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import AsJson
from sfumato.cli.show import Interrupted, as_json, progress, say, table

if TYPE_CHECKING:
    from sfumato.bench.content import Table

bench = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]}
)
StorePath = Annotated[Path, typer.Argument(metavar="STORE", help="The folder that `bench run` wrote.")]


@bench.callback()
def _bench() -> None:
    """Say what works: run a grid, look at its results, compare, report."""


@bench.command()
def run(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC.toml",
            help="A .toml file, or a packaged protocol: bags, complementary, confidence, crowds, distribution, "
            "instances, multilabel, noisy, pairs, partial, pu, quantification, regression, sets, votes.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="STORE", help="Folder of the results; bench-NAME where not given.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes or Ray tasks with one thread each.")] = 1,
    executor: Annotated[str, typer.Option(metavar="NAME", help="Where they work: processes, or ray.")] = "processes",
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster that runs, such as auto or ray://host:10001; else one is started.")
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="The spec's own small scale, its table [small].")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed; the old failures stay in the store's parts.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Do the runs of a grid that the store does not have yet.

    May be stopped at any time: the same command goes on. Several processes or machines may share one store; machines
    of a Ray cluster must see it at the same path.

    Example:

    sfumato bench run noisy --small --out bench-noisy
    """
    from sfumato.bench.plan import plan
    from sfumato.bench.run import execute
    from sfumato.bench.spec import read
    from sfumato.bench.store import Store
    from sfumato.core.errors import ParameterError

    where: Any = workers
    if executor not in ("processes", "ray"):
        raise ParameterError(f"--executor {executor!r}", "processes or ray")
    if executor == "ray":
        from sfumato.train.executor import Ray

        where = Ray(workers, address)
    elif address is not None:
        raise ParameterError(f"--address {address!r} without a cluster", "--executor ray beside it")
    asked = read(spec, small)
    folder = Path(f"bench-{asked.name}") if out is None else out
    runs = plan(asked)
    store = Store(folder, create=True)
    grid = store.add(runs, retry_failed)
    before = store.counts(grid)
    finished = before["done"] + before["failed"]
    with progress("running", before["todo"] + before["claimed"], "runs") as step:

        def watch(counts: dict[str, int]) -> None:
            nonlocal finished
            now = counts["done"] + counts["failed"]
            step("running" if not counts["failed"] else f"running, {counts['failed']} failed", now - finished)
            finished = now

        try:
            counts = execute(store, grid, where, watch)
        except KeyboardInterrupt:
            raise Interrupted(
                f"{finished} of {len(runs)} runs are in {folder}: the same command goes on from there"
            ) from None
    if json:
        as_json({"store": str(folder), "grid": grid, "runs": counts})
        return
    say(f"{counts['done']} of {len(runs)} runs done, {counts['failed']} failed, {counts['skipped']} skipped: {folder}")
    for reason, count in store.skipped(grid):
        say(f"skipped {count}: {reason}")
    if counts["failed"]:
        say(f"why they failed: sfumato bench show {folder}; the same command with --retry-failed tries them again")


@bench.command()
def show(store: StorePath, json: AsJson = False) -> None:
    """Show the state of a store and the leaderboard of every kind of labels.

    Example:

    sfumato bench show bench-noisy
    """
    from sfumato.bench.content import content
    from sfumato.bench.store import Store

    sections = content(Store(store))
    if json:
        as_json([{"title": s.title, "notes": s.notes, "tables": [_plain(t) for t in s.tables]} for s in sections])
        return
    for section in sections:
        say(section.title)
        for found in section.tables:
            table(found.columns, [["" if v is None else v for v in row] for row in found.rows], found.title)
        for note in section.notes:
            say(note)


@bench.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A store, or a method of --store.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What A is compared with.")],
    store: Annotated[
        Path | None, typer.Option("--store", metavar="STORE", help="The store that has both methods.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Paired differences A - B with 95 % intervals, in points of the oracle on true test labels.

    Example:

    sfumato bench compare gce ce --store bench-noisy
    """
    from sfumato.bench.compare import compare as paired
    from sfumato.bench.store import Store

    found = paired(a, b, None if store is None else Store(store))
    if json:
        as_json(found.as_dict())
        return
    rows = [
        [d.where, d.pairs, f"{d.mean:+.2f}", "" if d.low is None else f"{d.low:+.2f} to {d.high:+.2f}"]
        for d in (*found.each, found.overall)
    ]
    table(
        ["condition", "pairs", "difference", "95 % interval"], rows, f"{a} minus {b}, points of the oracle on test rows"
    )
    say(f"{a} is better in {found.wins}, equal in {found.ties}, worse in {found.losses} conditions")
    if found.unpaired:
        say(f"{found.unpaired} runs have no partner and are left out")


@bench.command()
def report(
    store: StorePath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the report.")] = Path("bench-report"),
    title: Annotated[str, typer.Option(help="Title of the report.")] = "Benchmark",
    json: AsJson = False,
) -> None:
    """Write report.html, report.md with figures, and csv files.

    Leaderboards with ranks and critical differences, selection regret, accuracy by condition, cost against accuracy.

    Example:

    sfumato bench report bench-noisy --out report
    """
    from sfumato.bench.report import report as write
    from sfumato.bench.store import Store

    files = write(Store(store), out, title)
    if json:
        as_json({"files": [str(f) for f in files]})
        return
    say(f"report: {out / 'report.html'}")


def _plain(found: Table) -> dict[str, Any]:
    return {"title": found.title, "columns": list(found.columns), "rows": [list(row) for row in found.rows]}
