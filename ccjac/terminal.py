"""What the commands share when they speak: consoles, tables, progress, errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


def console() -> Console:
    """Standard output as it is now, so that redirecting it works."""
    return Console(highlight=False)


def errors() -> Console:
    """Standard error as it is now."""
    return Console(stderr=True, highlight=False)


def complain(error: Exception) -> None:
    """An error on standard error, in one paragraph and without a traceback."""
    errors().print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", left: int = 1) -> Table:
    """A table whose first ``left`` columns are text and whose others are numbers; the very first is never folded."""
    built = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column in enumerate(columns):
        built.add_column(column, justify="left" if i < left else "right", overflow="fold", no_wrap=i == 0 or i >= left)
    for row in rows:
        built.add_row(*(Text(_cell(value)) for value in row))
    return built


def print_json(value: Any) -> None:
    """``value`` as JSON on standard output, nothing else."""
    console().out(json.dumps(value, indent=2), highlight=False)


def progress() -> Progress:
    """A progress bar on standard error; it vanishes when the work is done, and is not drawn into files."""
    stream = errors()
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    return Progress(*columns, console=stream, transient=True, disable=not stream.is_terminal)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
