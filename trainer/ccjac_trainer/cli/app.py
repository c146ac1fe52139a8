"""The command line's root."""

from __future__ import annotations

import typer

from ccjac.terminal.options import Traceback, Version

from .curves import curves
from .evaluate import evaluate
from .explain import explain
from .finetune import finetune
from .pretrain import pretrain
from .refresh import refresh
from .search import search
from .status import status

app = typer.Typer(
    help=(
        "Look for better elimination orders, offline.\n\n"
        "`ccjac.jacobian` meets an unknown graph with a greedy order and remembers it as pending. This command spends "
        "minutes where the library spends milliseconds; the next run of your program uses what it found. Results of "
        "your program do not change, only their speed.\n\n"
        "Exit codes: 0 success, 1 an error that is explained on standard error or a search that failed, 2 wrong usage, "
        "130 interrupted (everything found so far is kept)."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(refresh)
app.command()(status)
app.command()(search)
for _command in (pretrain, finetune, evaluate, curves, explain):
    app.command()(_command)


@app.callback()
def options(version: Version = False, traceback: Traceback = False) -> None:
    """Options of ``ccjac-train`` itself; typer shows the help text given above."""
