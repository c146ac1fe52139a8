"""``ccjac explain``: a plan beside the source of its function."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..planning import explain as explaining
from ..terminal import console, shortened, table
from ..terminal.arguments import parse_order, resolve
from ..terminal.options import Arg, Argnums, Backend, Function, Shape


def explain(
    function: Function,
    arg: Arg = None,
    shape: Shape = None,
    argnums: Argnums = None,
    backend: Backend = None,
    order: Annotated[str, typer.Option(metavar="ORDER", help="The order to explain, as for `ccjac plan`.")] = "auto",
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a page with the graph drawn in layers, every step and its cost, the heaviest vertices, bound "
            "and proof. It needs no other file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show an order beside the lines of the function: when their vertices are eliminated, and what that costs."""
    target, call, wrt = resolve(function, arg or [], shape or [], argnums, backend, "ccjac explain")
    plan = api.plan(target, *call.positional, argnums=wrt, backend=backend, order=parse_order(order), **call.keywords)
    out = console()
    out.print(plan.describe(), markup=False, soft_wrap=True)
    columns = ["line", "source", "eliminated as", *explaining.MODES]
    for name, piece in explaining.explained(plan):
        rows = [
            [line.place, shortened(line.text), line.when, *line.costs.values()]
            for line in explaining.lines(piece, target)
        ]
        title = "Multiplications by line, in this order and in two others" + (f"; {name}" if name else "")
        out.print(table(columns, rows, title=title, left=3))
    if html is not None:
        html.write_text(explaining.document(plan, function, target), encoding="utf-8")
        out.print(f"written to {html}", markup=False, soft_wrap=True)
