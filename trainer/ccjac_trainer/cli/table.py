"""A run on the screen: one live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ccjac.terminal import number, progress_table

from ..refresh.state import Row, Run
from ..refresh.task import gap

_REFRESH = 0.2
"""Seconds between two drawings."""

_QUIET = 5.0
"""Seconds between two plain lines about the same search, unless it ends."""

_AROUND = 10
"""Lines of the terminal that the live table leaves to its own frame and to messages."""

_NUMBERS = ("vertices", "start", "best", "bound", "gain", "time left")
_STYLES = {"running": "bold", "failed": "red", "waiting": "dim", "done": ""}


class LiveTable:
    """The table of a run, redrawn in place; it vanishes at the end, when the summary takes its place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0

    def __enter__(self) -> LiveTable:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def update(self, run: Run) -> None:
        """Draw the table, but not more often than people can read."""
        now = time.monotonic()
        if now - self._drawn < _REFRESH:
            return
        self._drawn = now
        rows = visible(run.rows, max(3, self._console.height - _AROUND))
        self._live.update(table(rows, now, caption=_caption(run, now)), refresh=True)

    def improved(self, row: Row) -> None:
        """The next drawing shows it."""

    def ended(self, row: Row) -> None:
        """The next drawing shows it; an error is kept above the table."""
        if row.problem:
            self.say(f"{row.task.label} ({row.task.cost}) failed: {row.problem}")

    def say(self, text: str) -> None:
        """Print above the table."""
        self._console.print(text, markup=False, soft_wrap=True)


class PlainLines:
    """A line per improvement and per end, for files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[tuple[str, str], tuple[float, int | None]] = {}

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, run: Run) -> None:
        """Nothing moves in a file."""

    def improved(self, row: Row) -> None:
        """Say it if the cost is a new one and the last line about this search is old enough."""
        now, key = time.monotonic(), (row.task.fingerprint, row.task.cost)
        last, cost = self._shown.get(key, (now - _QUIET, row.task.best))
        if row.best != cost and now - last >= _QUIET:
            self._shown[key] = now, row.best
            self.say(_line(row, f"{row.left(now):.0f} s left"))

    def ended(self, row: Row) -> None:
        """Say how it ended."""
        self.say(_line(row, f"failed: {row.problem}" if row.problem else f"{_outcome(row)} after {row.seconds:.1f} s"))

    def say(self, text: str) -> None:
        """Print a line, at once even into a pipe."""
        self._console.print(text, markup=False, soft_wrap=True)
        self._console.file.flush()


def display(console: Console) -> LiveTable | PlainLines:
    """What suits the console."""
    return LiveTable(console) if console.is_terminal else PlainLines(console)


def visible(rows: Sequence[Row], most: int) -> list[Row]:
    """The rows to show if there is no room for all: the running ones, what ended last, what comes next."""
    if len(rows) <= most:
        return list(rows)
    running = [row for row in rows if row.state == "running"]
    ended = [row for row in rows if row.state in ("done", "failed")]
    waiting = [row for row in rows if row.state == "waiting"]
    room = max(0, most - len(running))
    # A look ahead is worth less than what has been achieved.
    ahead = waiting[: max(room - len(ended), min(room // 4, len(waiting)))]
    back = ended[len(ended) - min(len(ended), room - len(ahead)) :]
    return [*back, *running[:most], *ahead]


def table(rows: Sequence[Row], now: float, *, caption: str = "") -> Table:
    """Rows as a table: graph, size, what was known, what is known now, what may still be gained."""
    # One cost model is the rule, and its column the widest.
    several = len({row.task.cost for row in rows}) > 1
    built = progress_table(["graph", *(["cost model"] if several else [])], list(_NUMBERS), caption=caption)
    for row in rows:
        cells = [
            Text(row.task.label),
            *([Text(row.task.cost)] if several else []),
            Text(f"{len(row.task.graph.eliminable):,}"),
            Text(number(row.task.best)),
            Text(number(row.best), "bold green" if row.improved else ""),
            Text(number(row.lower_bound or None)),
            Text(_gain(row)),
            Text(_time_left(row, now) if row.state == "running" else _outcome(row)),
        ]
        built.add_row(*cells, style=_STYLES[row.state])
    return built


def summary(run: Run, met: int) -> str:
    """What the run achieved, in a sentence or two.

    Args:
        run: A run that is over.
        met: Number of orders that needed no work.
    """
    ended = [row for row in run.rows if row.state in ("done", "failed")]
    parts = [
        f"{sum(row.improved for row in ended)} improved",
        f"{sum(row.optimal for row in ended)} optimal",
    ]
    if failed := sum(row.state == "failed" for row in ended):
        parts.append(f"{failed} failed")
    if rest := len(run.rows) - len(ended):
        parts.append(f"{rest} left for the next run")
    if met:
        parts.append(f"{met} skipped because they meet their bound")
    return f"{len(ended)} of {len(run.rows)} orders searched: {', '.join(parts)}."


def conclude(console: Console, run: Run, met: int) -> None:
    """The end of a run: on a terminal what was searched as a table, and everywhere one sentence.

    Args:
        console: Where to.
        run: A run that is over.
        met: Number of orders that needed no work.
    """
    if console.is_terminal:
        console.print(table([row for row in run.rows if row.state != "waiting"], time.monotonic()))
    console.print(summary(run, met), markup=False, soft_wrap=True)


def _caption(run: Run, now: float) -> str:
    ended = sum(row.state in ("done", "failed") for row in run.rows)
    better = sum(row.improved for row in run.rows)
    minutes, seconds = divmod(int(run.left(now)), 60)
    hours, minutes = divmod(minutes, 60)
    last = "stopping" if run.stopping else "Ctrl-C stops, nothing is lost"
    return (
        f"{ended} of {len(run.rows)} done, {better} improved, at most {hours}:{minutes:02}:{seconds:02} left "
        f"on {run.jobs} processes; {last}"
    )


def _line(row: Row, end: str) -> str:
    costs = number(row.best) if row.best == row.task.best else f"{number(row.task.best)} -> {number(row.best)}"
    gain = f", gain {_gain(row)}" if row.improved and row.task.best else ""
    method = f", {row.method}" if row.method else ""
    return f"{row.task.label} ({row.task.cost}): {costs} (bound {number(row.lower_bound or None)}{gain}{method}); {end}"


def _time_left(row: Row, now: float) -> str:
    return "compiling" if row.compiling is not None else f"{row.left(now):.0f} s"


def _outcome(row: Row) -> str:
    match row.state:
        case "done" if row.optimal:
            return "optimal"
        case "done":
            return "done" if row.improved else "no gain"
    return row.state


def _gain(row: Row) -> str:
    if row.best is None or row.task.best is None or not row.improved:
        return "-"
    return f"{gap(row.task.best, row.best):.1%}"
