"""From the progress of a search to the zoo: whatever is found is stored at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ccjac.cost import CostModel
from ccjac.errors import ZooError
from ccjac.fingerprint import Canonical
from ccjac.ordering import Certificate, Progress, SearchResult, searchers
from ccjac.zoo import Zoo

from .messages import News
from .writer import Writer

_WAITING, _GRACE = 0.02, 1.0
"""Share of the time, and seconds on top, that a search may wait for its orders to reach the disk.

A few improvements are on disk before the search goes on, however soon the process is killed; a flood of them follows as
fast as the disk takes it, 10 to 30 ms a time."""

_CHARGE = 5.0
"""Seconds of search that are at most forgotten if the process is killed."""


class Keeper:
    """Listens to one search: stores its improvements, charges its time, tells the parent, and stops it if asked to.

    Attributes:
        best: The cheapest order so far, ``None`` if there is none.
    """

    def __init__(
        self,
        zoo: Zoo,
        label: Canonical,
        model: CostModel,
        *,
        name: str = "",
        method: str,
        seed: int,
        known: SearchResult | None,
        kept: bool,
        bound: int,
        pending: bool = False,
        tell: Callable[[News], None],
        stopped: Callable[[], bool],
    ) -> None:
        """Start the clock.

        Args:
            zoo: Where improvements go.
            label: The graph that is searched.
            model: The cost model of the search.
            name: The function, for people.
            method: The searcher's name.
            seed: Its seed.
            known: The order to beat, without a bound.
            kept: Whether the zoo holds it.
            bound: The bound that the zoo has.
            pending: Whether the order that the zoo holds waits for its first search.  A bound alone does not end that.
            tell: Receives every report.
            stopped: Whether the search is to end.
        """
        self.best = known
        self._zoo, self._label, self._model = zoo, label, model
        self._name, self._method, self._seed = name, method, seed
        self._methods = {method, *searchers()}
        self._tell, self._stopped = tell, stopped
        self._bound = self._kept_bound = bound
        self._pending = pending
        self._writer = Writer(self._write)
        self._written: SearchResult | None = None
        self._began = self._charged = time.perf_counter()
        self._paused = self._began
        self._waited = 0.0
        if known is not None and not kept:
            self._keep(known)

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.perf_counter() - self._began

    def pause(self, now: bool) -> None:
        """Stop the clock while kernels are compiled, which is charged to nobody, or start it again."""
        if now:
            self._paused = time.perf_counter()
        else:
            pause = time.perf_counter() - self._paused
            self._began += pause
            self._charged += pause

    def __call__(self, progress: Progress) -> None:
        """Take one report of the search.

        Raises:
            KeyboardInterrupt: The search is to end; searchers return their best order then.
            ZooError: The zoo cannot be written.
        """
        if self.best is None or progress.cost < self.best.cost:
            found = SearchResult(progress.order, progress.cost, 0, self._named(progress.method), 0.0)
            self._keep(_bounded(found, progress.lower_bound, progress.certificate))
            began = time.perf_counter()
            self._writer.settle(max(0.0, _WAITING * self.seconds + _GRACE - self._waited))
            self._waited += time.perf_counter() - began
        elif progress.lower_bound >= self.best.cost > self._kept_bound:
            # Proven: the search is about to end, but it may be killed before it says so.
            self._keep(_bounded(self.best, progress.lower_bound, progress.certificate))
        elif time.perf_counter() - self._charged > _CHARGE:
            if progress.lower_bound > self._kept_bound and not self._pending:
                self._keep(_bounded(self.best, progress.lower_bound, progress.certificate))
            self._charge()
        self._bound = max(self._bound, progress.lower_bound)
        cost = self.best.cost if self.best is not None else None
        self._tell(News(cost, self._bound, self.seconds, progress.method))
        if self._stopped():
            raise KeyboardInterrupt

    def finish(self, result: SearchResult | None, *, complete: bool) -> None:
        """Store what the search found in the end.

        Args:
            result: What it returned, ``None`` if it was interrupted without an answer.
            complete: Whether it had its time; an order that it could not improve then waits no longer.

        Raises:
            OrderError: The result is no order of the graph.
            ZooError: The zoo cannot be written.
        """
        try:
            if result is not None:
                if self.best is None or result.cost < self.best.cost:
                    self._keep(replace(result, seconds=0.0, method=self._named(result.method)))
                elif complete or result.lower_bound > self._kept_bound:
                    self._keep(_bounded(self.best, result.lower_bound, result.certificate))
            self._writer.settle()
        finally:
            self._writer.close()
        if not self._charge() and self._written is not None:
            # Somebody has deleted it, or it has never reached the disk.
            self._write(self._written)
            if self._charge():
                return
            raise ZooError(
                f"`ccjac-train` cannot store orders in {str(self._zoo.path)!r}. Make the directory writable, or name "
                "another with --zoo."
            )

    def _keep(self, best: SearchResult) -> None:
        self.best, self._pending = best, False
        self._kept_bound = max(self._kept_bound, best.lower_bound)
        self._writer.offer(best)

    def _write(self, best: SearchResult) -> None:
        self._zoo.improve(self._label, best, self._model, name=self._name, seed=self._seed)
        self._written = best

    def _charge(self) -> bool:
        """Add the time since the last charge.  Returns whether the zoo has an order to charge it to.

        That is also how to see whether orders reach the disk: what cannot be written `Zoo.improve` keeps in memory, but
        this process will end.
        """
        now = time.perf_counter()
        known = self._zoo.charge(self._label, now - self._charged, self._model)
        self._charged = now
        return known

    def _named(self, part: str) -> str:
        """``annealing`` and ``greedy:LM`` as they are, other parts behind the name of their searcher."""
        if not part:
            return self._method
        return part if part.split(":")[0] in self._methods else f"{self._method}:{part}"


def _bounded(best: SearchResult, lower_bound: int, certificate: Certificate) -> SearchResult:
    """``best`` with a bound, if somebody says why it holds; a bound above a cost is none."""
    if certificate.proof == "none" or lower_bound > best.cost:
        return best
    return replace(best, lower_bound=lower_bound, certificate=certificate)
