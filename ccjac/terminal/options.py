"""Options that commands share: which function is meant, with which arguments, and which zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .catalogue import complete
from .failures import TRACEBACK


def _print_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"{context.find_root().info_name} {__version__}")
        raise typer.Exit


# Options of the command lines themselves.
Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]
# Shown in the help; taken off the words before they are parsed, so that it may stand anywhere.
Traceback = Annotated[bool, typer.Option(TRACEBACK, help="Show the whole traceback of an unexpected error.")]

# Which function is meant, with which arguments.
Function = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:FUNCTION",
        help="A function: MODULE:FUNCTION, importable from here, or FILE.py:FUNCTION, or the name of a catalogue "
        "task (which brings its own arguments).",
        show_default=False,
        autocompletion=complete,
    ),
]
Arg = Annotated[
    list[str] | None,
    typer.Option(
        "--arg",
        "-a",
        metavar="VALUE",
        help="One argument of the function; repeat in order. An array's type (f32\\[3,4], f64\\[]), a "
        "Python literal (1.5, 3, \"'text'\"), a list for an array (\\[1.0, 2.0]), a tuple or dict of these for a "
        "container; NAME=VALUE for a keyword. Only types and shapes matter, unless the value is static (ints, "
        "strings).",
        show_default=False,
    ),
]
Shape = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        "-s",
        metavar="SIZES",
        help="One float32 array argument, by its sizes: 6, 3,4 or () for a scalar; repeat in order. Not together "
        "with --arg.",
        show_default=False,
    ),
]
Argnums = Annotated[
    str | None,
    typer.Option(
        metavar="INDICES",
        help="Positions of the differentiated arguments: 0 or 0,2. By default 0, or what the catalogue task says.",
        show_default=False,
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The framework that traces the function, such as jax.", show_default="jax"),
]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--zoo",
        metavar="DIR",
        help="Use this directory as your zoo, instead of CCJAC_ZOO or the platform's place for user data.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
