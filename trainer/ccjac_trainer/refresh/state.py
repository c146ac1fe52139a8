"""How a run stands: its limits, its rows, and who shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from .task import Task

State = Literal["waiting", "running", "done", "failed"]

LEAST_SHARE = 1.0
"""Seconds below which no search is worth starting a share of its own for."""

DEFAULT_SHARE = 10.0
"""Seconds per order if the user gives no budget at all."""


@dataclass(frozen=True)
class Limits:
    """How much a run may take.

    Attributes:
        share: Seconds per order; ``None`` to divide ``total`` evenly, or for :data:`DEFAULT_SHARE`.
        total: Seconds for everything, or infinity.
        jobs: Number of processes.
    """

    share: float | None = None
    total: float = math.inf
    jobs: int = 1

    def round(self, orders: int) -> float:
        """Seconds that each of ``orders`` gets in one run."""
        if self.share is not None:
            return self.share
        if math.isinf(self.total) or not orders:
            return DEFAULT_SHARE
        return max(LEAST_SHARE, self.total * self.jobs / orders)


@dataclass(eq=False)
class Row:
    """How one task stands.

    Attributes:
        task: What is to be improved.
        best: Cost of the best order so far, ``None`` if there is none.
        lower_bound: Best bound so far.
        method: What found the order, or what is searching.
        state: Whether it is being worked on.
        began: ``time.monotonic()`` at which its search began, without the time in which it compiled.
        compiling: ``time.monotonic()`` since when it has been compiling, ``None`` if it is not.
        compiled: Seconds for which it has compiled so far.
        share: Seconds that the search got.
        seconds: What the search took, once it is over.
        problem: Why it failed, or empty.
    """

    task: Task
    best: int | None
    lower_bound: int
    method: str
    state: State = "waiting"
    began: float | None = None
    compiling: float | None = None
    compiled: float = 0.0
    share: float = 0.0
    seconds: float = 0.0
    problem: str = ""

    @classmethod
    def of(cls, task: Task) -> Row:
        """A task that waits."""
        return cls(task, task.best, task.lower_bound, task.method)

    @property
    def optimal(self) -> bool:
        """Whether nothing is left to find."""
        return self.best is not None and self.best <= self.lower_bound

    @property
    def improved(self) -> bool:
        """Whether the run found a cheaper order than was known, or the first one."""
        return self.best is not None and (self.task.best is None or self.best < self.task.best)

    @property
    def searching(self) -> bool:
        """Whether time passes for it: its process has started, and has compiled what it needs."""
        return self.state == "running" and self.began is not None and self.compiling is None

    def left(self, now: float) -> float:
        """Seconds that the search still has."""
        until = now if self.compiling is None else self.compiling
        return max(0.0, self.share - (until - self.began)) if self.began is not None else self.share


@dataclass(eq=False)
class Run:
    """The state of a run, for whoever shows it.

    Attributes:
        rows: All tasks, the most urgent first.
        finish: ``time.monotonic()`` at which the budget is spent, or infinity; it moves while nobody searches yet.
        jobs: Number of processes.
        share: Seconds that each task gets.
        stopping: Whether Ctrl-C was seen.
    """

    rows: Sequence[Row]
    finish: float
    jobs: int
    share: float
    stopping: bool = False

    def left(self, now: float) -> float:
        """Seconds until the run is over at the latest, if no search ends before its time."""
        waiting = sum(self.share for row in self.rows if row.state == "waiting")
        running = sum(row.left(now) for row in self.rows if row.state == "running")
        return max(0.0, min(self.finish - now, (waiting + running) / self.jobs))


class Display(Protocol):
    """Shows a run while it lasts."""

    def update(self, run: Run) -> None:
        """A quarter of a second has passed, or something has happened."""

    def improved(self, row: Row) -> None:
        """A search reported something."""

    def ended(self, row: Row) -> None:
        """A task is done or has failed."""

    def say(self, text: str) -> None:
        """A word to the user."""
