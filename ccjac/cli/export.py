"""``ccjac export``: Jacobians for use without Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..terminal import console
from ..terminal.arguments import parse_order, resolve
from ..terminal.options import Arg, Argnums, Backend, Function, Shape

app = typer.Typer(help="Write a Jacobian down for use without Python.", no_args_is_help=True, add_completion=False)

EXAMPLES = """Examples:

ccjac export c flux.py:residual --arg 'f64\\[6]' -o residual_jacobian.c

ccjac export c RoeFlux_1d --value -o roe.c"""


@app.callback()
def _group() -> None:
    """Typer shows the help text given above; with a callback the one command keeps its name."""


@app.command(epilog=EXAMPLES)
def c(
    function: Function,
    arg: Arg = None,
    shape: Shape = None,
    argnums: Argnums = None,
    backend: Backend = None,
    order: Annotated[str, typer.Option(metavar="ORDER", help="The order to use, as for `ccjac plan`.")] = "auto",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The source file; the header is written beside it. By default both are printed as one.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of the C function.", show_default="that of the function, with _jacobian behind it"
        ),
    ] = None,
    value: Annotated[bool, typer.Option("--value", help="Compute the function's value too.")] = False,
    nonzeros: Annotated[
        bool,
        typer.Option("--nonzeros", help="Write only entries that are not always zero; tables tell where they lie."),
    ] = False,
) -> None:
    """C99 source and header of the Jacobian: one sample, and a loop over a batch. It needs nothing but math.h."""
    target, call, wrt = resolve(function, arg or [], shape or [], argnums, backend, "ccjac export c")
    plan = api.plan(target, *call.positional, argnums=wrt, backend=backend, order=parse_order(order), **call.keywords)
    written = plan.to_c(name, value=value, nonzeros=nonzeros)
    if output is None:
        typer.echo(str(written), nl=False)
        return
    source, header = written.save(output)
    console().print(f"written to {source} and {header}: {written.name}", markup=False, soft_wrap=True)
