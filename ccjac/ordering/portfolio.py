"""The searchers one after the other, as far as each is worth its time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ..cost import CostModel
from ..graph import Graph
from .annealing import anneal
from .base import Listener, SearchResult
from .incumbent import Incumbent
from .lns import improve

WHOLE = 1_500
"""Vertices up to which whole orders are annealed; longer ones improve faster window by window."""


class Portfolio:
    """Greedy rules, the bound, then annealing of the whole order or of its windows; stops when the bound is met."""

    name = "portfolio"

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
        """See :class:`ccjac.ordering.base.Searcher`."""
        incumbent = Incumbent.begin(graph, cost, seconds, self.name, start, progress)
        # A Ctrl-C ends the search, not the program: the best order so far is the result.
        with suppress(KeyboardInterrupt):
            incumbent.tighten()
            if len(graph.eliminable) <= WHOLE:
                anneal(incumbent, seed, method=f"{self.name}:annealing")
            else:
                improve(incumbent, seed, method=f"{self.name}:lns")
        return incumbent.result()
