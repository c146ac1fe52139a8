"""From the progress of a search to the zoo: whatever is found is stored at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ccjac.cost import CostModel
from ccjac.errors import ZooError
from ccjac.fingerprint import Canonical
from ccjac.ordering import Progress, SearchResult
from ccjac.zoo import Zoo

from .messages import News

_WRITING, _GRACE = 0.2, 5.0
"""Share of the time, and seconds on top, that writing may take before an improvement waits for the next report.

An order of 50,000 vertices takes a second to check and write, and annealing improves it a hundred times a second."""

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
            tell: Receives every report.
            stopped: Whether the search is to end.
        """
        self.best = known
        self._zoo, self._label, self._model = zoo, label, model
        self._name, self._method, self._seed = name, method, seed
        self._tell, self._stopped = tell, stopped
        self._bound = self._kept_bound = bound
        self._unsaved = known is not None and not kept
        self._began = self._charged = time.perf_counter()
        self._writing = 0.0

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.perf_counter() - self._began

    def __call__(self, progress: Progress) -> None:
        """Take one report of the search.

        Raises:
            KeyboardInterrupt: The search is to end; searchers return their best order then.
            ZooError: The zoo cannot be written.
        """
        if self.best is None or progress.cost < self.best.cost:
            # The bound waits for the result, which says why it holds.
            self.best = SearchResult(progress.order, progress.cost, 0, self._named(progress.method), 0.0)
            self._unsaved = True
        if self._unsaved and self._writing <= _WRITING * self.seconds + _GRACE:
            self._save()
        elif time.perf_counter() - self._charged > _CHARGE:
            self._charge()
        self._bound = max(self._bound, progress.lower_bound)
        self._tell(News(self.best.cost, self._bound, self.seconds, progress.method))
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
        if result is not None:
            if self.best is None or result.cost < self.best.cost:
                self.best = replace(result, seconds=0.0, method=self._named(result.method))
                self._unsaved = True
            elif complete or result.lower_bound > self._kept_bound:
                if result.lower_bound <= self.best.cost:
                    self.best = replace(self.best, lower_bound=result.lower_bound, certificate=result.certificate)
                self._unsaved = True
        if self._unsaved:
            self._save()
        self._charge()

    def _save(self) -> None:
        if self.best is None:
            return
        began = time.perf_counter()
        self._zoo.improve(self._label, self.best, self._model, name=self._name, seed=self._seed)
        self._unsaved = False
        if not self._charge():
            # `Zoo.improve` keeps in memory what it cannot write, but this process will end.
            raise ZooError(
                f"`ccjac-train` cannot store orders in {str(self._zoo.path)!r}. Make the directory writable, or name "
                "another with --zoo."
            )
        self._writing += time.perf_counter() - began

    def _charge(self) -> bool:
        """Add the time since the last charge.  Returns whether the zoo has an order to charge it to."""
        now = time.perf_counter()
        known = self._zoo.charge(self._label, now - self._charged, self._model)
        self._charged = now
        return known

    def _named(self, part: str) -> str:
        """``portfolio:annealing`` for a part of the portfolio, ``greedy:LM`` as it is."""
        return part if not part or part.split(":")[0] == self._method else f"{self._method}:{part}"
