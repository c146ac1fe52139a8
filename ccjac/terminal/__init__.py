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


def complain(message: str) -> None:
    """An error on standard error, in one paragraph."""
    errors().print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", left: int = 1) -> Table:
    """A table whose first ``left`` columns are text and whose others are numbers; the very first is never folded."""
    built = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column in enumerate(columns):
        built.add_column(column, justify="left" if i < left else "right", overflow="fold", no_wrap=i == 0 or i >= left)
    for row in rows:
        built.add_row(*(Text(_cell(value)) for value in row))
    return built


def progress_table(words: Sequence[str], numbers: Sequence[str], *, caption: str = "") -> Table:
    """An empty table of columns with words, cut if there is no room, and of columns with numbers, which never are."""
    built = Table(
        box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption=caption or None, caption_justify="left"
    )
    for column in words:
        # Not `no_wrap`: rich takes room away only from columns that may wrap.
        built.add_column(column, overflow="ellipsis", min_width=8)
    for column in numbers:
        built.add_column(column, justify="right", no_wrap=True, min_width=len(column))
    return built


def shortened(text: str, most: int = 48) -> str:
    """A line of code or text without its indentation, cut if it is long."""
    text = text.strip()
    return text if len(text) <= most else text[: most - 1] + "…"


def number(value: int | None) -> str:
    """With thousands separators; a dash for nothing."""
    return "-" if value is None else f"{value:,}"


def print_json(value: Any) -> None:
    """``value`` as JSON on standard output, nothing else."""
    console().out(json.dumps(value, indent=2), highlight=False)


def progress() -> Progress:
    """A progress bar on standard error; it vanishes when the work is done, and is not drawn into files."""
    stream = errors()
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    return Progress(*columns, console=stream, transient=True, disable=not stream.is_terminal)


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
