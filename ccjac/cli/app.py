"""The command line's root: commands and common options."""

from __future__ import annotations

import typer

from ..terminal.options import Traceback, Version
from .demo import demo
from .explain import explain
from .export import app as export
from .plan import EXAMPLES, plan
from .zoo import app as zoo

app = typer.Typer(
    help=(
        "Exact Jacobians by cross-country elimination.\n\n"
        "Exit codes: 0 success, 1 an error that is explained on standard error or a check that failed, 2 wrong usage."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command(epilog=EXAMPLES)(plan)
app.command()(explain)
app.add_typer(export, name="export")
app.add_typer(zoo, name="zoo")


@app.callback()
def options(version: Version = False, traceback: Traceback = False) -> None:
    """Options of ``ccjac`` itself; typer shows the help text given above."""
