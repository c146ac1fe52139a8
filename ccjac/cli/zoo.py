"""``ccjac zoo``: look into the order zoo, check it, share it, tidy it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..backends.discovery import cost_model
from ..errors import ZooError, nearest
from ..terminal import console, number, print_json, table
from ..terminal.options import Directory, Json

if TYPE_CHECKING:
    from ..zoo import Entry, Zoo

app = typer.Typer(
    help=(
        "Look into the order zoo, check it, share it, tidy it.\n\n"
        "The zoo keeps elimination orders by the structure of the graph: yours in a directory (see [bold]ccjac zoo "
        "path[/bold]), behind it those that installed packages ship, which are only read. Every order is checked "
        "before it is used, so nothing in a zoo can change a result."
    ),
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command()
def path(zoo: Directory = None) -> None:
    """Print the directory of your zoo. It need not exist: the first order that is remembered makes it."""
    console().out(_open(zoo, new=True).path, highlight=False)


@app.command("list")
def list_(
    zoo: Directory = None,
    mine: Annotated[bool, typer.Option("--mine", help="Leave the shipped zoos out.")] = False,
    pending: Annotated[
        bool, typer.Option("--pending", help="Only entries that wait for a better order than the greedy one.")
    ] = False,
    cost: Annotated[
        str, typer.Option(metavar="NAME", help="The cost model whose orders are listed.")
    ] = "multiplications",
    as_json: Json = False,
) -> None:
    """List the entries of all layers, in the order in which a lookup asks them."""
    model = cost_model(cost)
    rows: list[dict[str, Any]] = []
    for source, entry in _open(zoo).entries():
        order = entry.orders.get(model.name)
        if (mine and source not in ("user", "memory")) or (pending and not (order and order.pending)):
            continue
        rows.append(
            {
                "fingerprint": entry.fingerprint,
                "names": list(entry.names),
                "source": source,
                "inputs": entry.graph.n_inputs,
                "vertices": len(entry.graph.eliminable),
                "outputs": len(entry.graph.outputs),
                model.name: order.cost if order else None,
                "lower_bound": order.lower_bound if order else None,
                "method": order.method if order else "",
                "pending": bool(order and order.pending),
            }
        )
    if as_json:
        print_json(rows)
        return
    if not rows:
        console().print(
            "No entries. Every function that `ccjac.jacobian` plans for the first time adds one.", markup=False
        )
        return
    columns = ["entry", "names", "source", "method", "graph", "cost", "bound"]
    cells = [
        [
            row["fingerprint"][:8],
            ", ".join(row["names"]) or "-",
            row["source"],
            row["method"] + (" (pending)" if row["pending"] else "") or "-",
            f"{row['inputs']}>{row['vertices']}>{row['outputs']}",
            number(row[model.name]),
            number(row["lower_bound"] or None),
        ]
        for row in rows
    ]
    title = f"{len(rows)} entries; graph: inputs>intermediate vertices>outputs; cost: {model.name}"
    console().print(table(columns, cells, title=title, left=4))


@app.command()
def show(
    entry: Annotated[
        str,
        typer.Argument(
            metavar="ENTRY",
            help="The beginning of a fingerprint, or a name or a part of one, as `ccjac zoo list` shows them.",
        ),
    ],
    zoo: Directory = None,
    as_json: Json = False,
) -> None:
    """Show everything that is stored about one graph, in every layer that has it."""
    found = _find(_open(zoo), entry)
    if as_json:
        print_json([{"source": source, **_document(one)} for source, one in found])
        return
    out = console()
    for source, one in found:
        out.print(f"fingerprint  {one.fingerprint}", markup=False)
        out.print(f"names        {', '.join(one.names) or '-'}", markup=False, soft_wrap=True)
        out.print(f"source       {source}", markup=False)
        out.print(f"graph        {one.graph!r}", markup=False, soft_wrap=True)
        if one.created:
            out.print(f"created      {one.created}, updated {one.updated}", markup=False)
        columns = ["cost model", "method", "state", "cost", "bound", "seconds", "seed"]
        rows = [
            [
                name,
                order.method or "-",
                f"optimal by {order.proof}" if order.optimal else "pending" if order.pending else "-",
                order.cost,
                number(order.lower_bound or None),
                f"{order.seconds:.3g}",
                str(order.seed),
            ]
            for name, order in sorted(one.orders.items())
        ]
        out.print(table(columns, rows, left=3))


@app.command()
def verify(zoo: Directory = None, as_json: Json = False) -> None:
    """Check every entry of every layer: recompute the fingerprint, replay the orders, compare the costs.

    Exits with 1 if anything is wrong. What is wrong is already ignored by lookups; `ccjac zoo prune` removes it from
    your zoo.
    """
    opened = _open(zoo)
    findings = opened.verify()
    if as_json:
        print_json([{"source": f.source, "fingerprint": f.fingerprint, "problem": f.problem} for f in findings])
    elif findings:
        rows = [[f.source, f.fingerprint or "-", f.problem] for f in findings]
        console().print(table(["source", "fingerprint", "problem"], rows, title=f"{len(findings)} problems", left=3))
    else:
        console().print(f"All {sum(1 for _ in opened.entries())} entries are sound.")
    if findings:
        raise typer.Exit(1)


@app.command()
def export(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="The JSON file to write, replaced if it exists; with --package the directory, by default NAME.",
            show_default=False,
        ),
    ] = None,
    package: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write a Python package of this name instead, with the trained orders, a module and an entry point: "
            "who installs it finds the orders.",
            show_default=False,
        ),
    ] = None,
    zoo: Directory = None,
) -> None:
    """Write your entries to a JSON file, the form in which packages ship zoos, or as such a package."""
    if package is not None:
        directory = Path(package) if file is None else file
        shipped = _open(zoo).export_package(directory, package)
        message = f"{shipped} trained entries in the package {directory}; `pip install ./{directory}` installs it"
        if not shipped:
            message += ". `ccjac-train refresh` trains the orders that wait"
    elif file is None:
        raise typer.BadParameter("name the FILE to write, or a package with --package NAME")
    else:
        message = f"{_open(zoo).export(file)} entries written to {file}"
    console().print(message, markup=False, soft_wrap=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JSON file that `ccjac zoo export` wrote.")],
    zoo: Directory = None,
) -> None:
    """Merge the entries of a JSON file into your zoo. A stored order is replaced only by a cheaper one.

    Every entry is checked before; what fails is listed and left out, and the exit code is then 1.
    """
    done = _open(zoo, new=True).import_(file)
    console().print(
        f"{done.new} new, {done.improved} improved, {done.unchanged} unchanged, {len(done.rejected)} refused"
    )
    if done.rejected:
        rows = [[f.fingerprint or "-", f.problem] for f in done.rejected]
        console().print(table(["fingerprint", "problem"], rows, left=2))
        raise typer.Exit(1)


@app.command()
def prune(
    zoo: Directory = None,
    pending: Annotated[
        bool,
        typer.Option(
            "--pending", help="Also delete the greedy orders that wait for training; a lookup finds them anew."
        ),
    ] = False,
) -> None:
    """Delete from your zoo what is of no use: unreadable rows, and entries that a shipped zoo makes obsolete."""
    console().print(f"{_open(zoo).prune(pending=pending)} entries deleted")


def _open(directory: Path | None, *, new: bool = False) -> Zoo:
    """The zoo of a command; with ``new`` its directory need not exist."""
    from ..zoo import Zoo

    if directory is not None and not directory.is_dir():
        if directory.exists():
            raise ZooError(f"`--zoo` takes the directory of a zoo, but {str(directory)!r} is a file.")
        if not new:
            raise ZooError(f"there is no directory {str(directory)!r}; `ccjac zoo path` tells where your zoo lies.")
    return Zoo.default() if directory is None else Zoo(directory, shipped=None)


def _find(zoo: Zoo, wanted: str) -> list[tuple[str, Entry]]:
    found = [
        (source, entry)
        for source, entry in zoo.entries()
        if wanted in entry.names or (wanted and entry.fingerprint.startswith(wanted.lower()))
    ] or [
        # A part of a name, whatever its case, where no name is all of it.
        (source, entry)
        for source, entry in zoo.entries()
        if wanted and any(wanted.lower() in name.lower() for name in entry.names)
    ]
    if not found:
        hint = nearest(wanted, {name for _, entry in zoo.entries() for name in entry.names})
        raise ZooError(
            f"`ccjac zoo show` takes a name or the beginning of a fingerprint; no entry of {zoo!r} or of the "
            f"shipped zoos matches {wanted!r}.{hint} `ccjac zoo list` lists them."
        )
    return found


def _document(entry: Entry) -> dict[str, Any]:
    from ..zoo.codec import encode

    return encode(entry)
