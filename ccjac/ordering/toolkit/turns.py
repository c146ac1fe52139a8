"""Searchers whose parts take turns on one incumbent."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from ...cost import CostModel
from ...errors import UnsupportedError
from ...graph import Graph
from ..protocol import Listener, SearchResult
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


class Interleaved(ABC):
    """A :class:`ccjac.ordering.protocol.Searcher` that improves on the greedy orders part by part.

    Attributes:
        name: The searcher.
        largest: Intermediate vertices of a graph beyond which its tables of bits take too much memory.
    """

    name: str
    largest: int = sys.maxsize

    @abstractmethod
    def parts(self, incumbent: Incumbent, seed: int) -> Iterable[Part]:
        """What takes turns to improve ``incumbent``, which knows the start and the greedy orders already."""

    def search(
        self,
        graph: Graph,
        *,
        cost: CostModel,
        seconds: float,
        seed: int,
        start: Sequence[Sequence[int]] = (),
        progress: Listener | None = None,
    ) -> SearchResult:
        """See :class:`ccjac.ordering.protocol.Searcher`.

        Raises:
            UnsupportedError: The graph has more than :attr:`largest` intermediate vertices.
        """
        if (n := len(graph.eliminable)) > self.largest:
            raise UnsupportedError(
                f"`method={self.name!r}` keeps {n} x {n} bits several times over, which is more memory than it should "
                "take; use `method='lns'` or `'portfolio'`, which search a window at a time."
            )
        incumbent = Incumbent.begin(graph, cost, seconds, self.name, start, progress)
        # A Ctrl-C ends the search, not the program: the best order so far is the result.
        with suppress(KeyboardInterrupt):
            interleave(incumbent, *self.parts(incumbent, seed))
        return incumbent.result()
