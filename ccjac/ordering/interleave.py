"""Several searches on one incumbent, taking turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from .incumbent import Incumbent

_SLICE = 0.1
"""Seconds of a turn."""


def _equal() -> float:
    return 1.0


@dataclass(frozen=True)
class Part:
    """A search that works step by step, and its weight when time is shared.

    Attributes:
        steps: Yields between two pieces of work, every few hundredths of a second at best.
        weight: Share of the time relative to the other parts, asked after every turn.
    """

    steps: Iterator[None]
    weight: Callable[[], float] = _equal


def interleave(incumbent: Incumbent, *parts: Part) -> None:
    """Let ``parts`` take turns until the search is done or none of them goes on.

    The part that had the least of its due is next, the first one if several had; an iterator that can be closed is
    closed in the end.
    """
    due = dict.fromkeys(range(len(parts)), 0.0)
    with ExitStack() as stack:
        for part in parts:
            stack.callback(getattr(part.steps, "close", lambda: None))
        while due and not incumbent.done():
            k = min(due, key=due.__getitem__)
            began = incumbent.elapsed
            for _ in parts[k].steps:
                incumbent.tick()
                if incumbent.done() or incumbent.elapsed - began > _SLICE:
                    due[k] += (incumbent.elapsed - began) / parts[k].weight()
                    break
            else:
                del due[k]
