"""The bookkeeping that every searcher shares: best order so far, clock, history, progress reports."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...cost import CostModel
from ...graph import Graph
from .. import greedy
from ..bounds import menger as bound
from ..protocol import Certificate, Listener, Progress, SearchResult
from .warm_up import announced

_REPORT_EVERY = 1.0


@dataclass
class Incumbent:
    """The best order of ``graph`` that a search knows, and until when it may look for better ones.

    Attributes:
        graph, cost: What is searched, at which prices.
        seconds: The budget.
        name: The searcher.
        progress: Receives reports.
        order, total: The best order and what it costs.
        method: The part of the search that found it.
        lower, certificate: The best bound and why it holds.
    """

    graph: Graph
    cost: CostModel
    seconds: float
    name: str
    progress: Listener | None = None
    order: tuple[int, ...] = ()
    total: int = 1 << 62
    method: str = ""
    lower: int = 0
    certificate: Certificate = field(default_factory=Certificate)

    def __post_init__(self) -> None:
        self._began = time.perf_counter()
        self._reported = 0.0
        self._history: list[tuple[float, int]] = []

    @classmethod
    def begin(
        cls,
        graph: Graph,
        cost: CostModel,
        seconds: float,
        name: str,
        start: Sequence[Sequence[int]] = (),
        progress: Listener | None = None,
    ) -> Incumbent:
        """Start the clock and take the best of ``start`` and the greedy orders."""
        incumbent = cls(graph, cost, seconds, name, progress)
        with incumbent.paused():
            greedy.warm_up(graph)
        # A third of the budget: on huge graphs the greedy rules alone could use it up.
        found = greedy.best(graph, cost, seconds=seconds / 3, start=start)
        incumbent.raise_bound(found.lower_bound, found.certificate)
        incumbent.offer(found.order, found.cost, found.method)
        return incumbent

    @property
    def history(self) -> Sequence[tuple[float, int]]:
        """Seconds and cost of every improvement, the greedy orders' first."""
        return self._history

    @property
    def elapsed(self) -> float:
        """Seconds since the search began, without pauses."""
        return time.perf_counter() - self._began

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - self.elapsed

    def done(self) -> bool:
        """Whether nothing is left to find, or no time to find it."""
        return self.total <= self.lower or self.left <= 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock, for compilation."""
        before = time.perf_counter()
        try:
            with announced():
                yield
        finally:
            self._began += time.perf_counter() - before

    def offer(self, order: Sequence[int], total: int, method: str) -> bool:
        """Keep an order if it is the cheapest so far."""
        if total >= self.total:
            return False
        dead = set(self.graph.dead)
        self.order = self.graph.dead + tuple(int(v) for v in order if v not in dead)
        self.total, self.method = int(total), method
        self._history.append((self.elapsed, self.total))
        self._report()
        return True

    def raise_bound(self, lower: int, certificate: Certificate) -> None:
        """Keep a bound if it is the highest so far."""
        if lower > self.lower:
            self.lower, self.certificate = int(lower), certificate
            if self.order:
                self._report()

    def tick(self) -> None:
        """Report about once a second."""
        if self.elapsed - self._reported >= _REPORT_EVERY:
            self._report()

    def _report(self) -> None:
        self._reported = self.elapsed
        if self.progress is not None:
            self.progress(
                Progress(self._reported, self.total, self.lower, self.order, self.method or self.name, self.certificate)
            )

    def result(self) -> SearchResult:
        """What the search returns."""
        return SearchResult(
            self.order, self.total, self.lower, self.method, self.elapsed, tuple(self._history), self.certificate
        )

    def tighten(self) -> None:
        """Compute Menger's bound if it was too costly for a greedy run; takes a second on a thousand vertices."""
        edges = len(self.graph.edges)
        quick = _SECONDS_PER_SQUARE * edges * edges <= 0.1 * self.left
        if self.certificate.proof == "none" and edges <= _BOUND_EDGES and quick:
            self.raise_bound(bound.menger(self.graph, self.cost), Certificate("menger"))


_BOUND_EDGES = 5_000
_SECONDS_PER_SQUARE = 4e-8
"""Of the number of edges: 0.3 seconds for 2,700."""
