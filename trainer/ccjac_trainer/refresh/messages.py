"""What the parent process and its workers say to each other, over a private pipe."""

from __future__ import annotations

from dataclasses import dataclass

from .task import Task


@dataclass(frozen=True)
class Assignment:
    """Parent to worker: search for this long.

    Attributes:
        task: What to improve.
        method: The searcher's name.
        seconds: Budget of the search.
        seed: The search's seed.
    """

    task: Task
    method: str
    seconds: float
    seed: int


@dataclass(frozen=True)
class News:
    """Worker to parent: how the search stands.

    Attributes:
        cost: Of the best order so far, ``None`` if there is none yet.
        lower_bound: The best bound so far.
        seconds: Since the search began.
        method: The part of the search that is running.
    """

    cost: int | None
    lower_bound: int
    seconds: float
    method: str


@dataclass(frozen=True)
class Compiling:
    """Worker to parent: the search stopped its clock to load or compile kernels, or goes on.

    Attributes:
        now: Whether it compiles.
    """

    now: bool


@dataclass(frozen=True)
class Done:
    """Worker to parent: this task is over.

    Attributes:
        cost: What the zoo now holds, counted anew; ``None`` if nothing.
        lower_bound: The bound that the zoo now holds.
        seconds: What the search took.
        method: What found the order.
        problem: What went wrong with the search, or empty.
        unwritable: Why the zoo cannot be written, or empty; no other task has a chance then.
    """

    cost: int | None
    lower_bound: int
    seconds: float
    method: str
    problem: str = ""
    unwritable: str = ""


@dataclass(frozen=True)
class Lost:
    """What the parent tells itself when a worker ended in the middle of its work.

    Attributes:
        exit_code: Of the process, negative for a signal.
    """

    exit_code: int | None


Message = News | Compiling | Done | Lost
"""What the parent hears about an assignment."""
