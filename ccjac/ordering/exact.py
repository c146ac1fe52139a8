"""Exact search: a proof, with as much annealing as it needs to know what to prove."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ..cost import CostModel
from ..graph import Graph
from .annealing import anneal
from .base import Listener, SearchResult
from .incumbent import Incumbent
from .interleave import Part, interleave
from .proof import prove

_ANNEALING = 0.2
"""Seconds of annealing per second of proof."""


class Exact:
    """Dynamic programming over sets, group bounds, and branch and bound over sets."""

    name = "exact"

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
        """See :class:`ccjac.ordering.base.Searcher`.  Without enough time, the best bound and order so far.

        Raises:
            UnsupportedError: The graph is too large for annealing.
        """
        incumbent = Incumbent.begin(graph, cost, seconds, self.name, start, progress)
        with suppress(KeyboardInterrupt):
            incumbent.tighten()
            proof = Part(prove(incumbent, seed, method=self.name))
            interleave(incumbent, proof, Part(anneal(incumbent, seed), lambda: _ANNEALING))
        return incumbent.result()
