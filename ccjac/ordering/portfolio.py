"""The searchers together, each for as much time as it is worth.

First the greedy rules and Menger's bound.  What they leave open is annealed, whole up to some size and window by window
beyond it, and at the same time somebody tries to prove that nothing is left to find: all sets of small components,
groups of vertices and branch and bound (:mod:`.proof`).  The two take turns of a tenth of a second, so both run from
the beginning, and the search ends as soon as they meet.

The beam is left out: it never found an order on the published graphs that annealing did not find sooner.
"""

from __future__ import annotations

from collections.abc import Iterable

from .annealing.searcher import anneal
from .annealing.windows import improve
from .exact.proof import prove
from .toolkit.incumbent import Incumbent
from .toolkit.turns import Interleaved, Part

WHOLE = 1_500
"""Vertices up to which whole orders are annealed; longer ones improve faster window by window."""

_SMALL = 48

_CLOSE, _NEAR, _FAR = 0.15, 1.0, 0.25
"""Up to this relative gap between cost and bound the proof gets as much time as the improvement, else a quarter."""


class Portfolio(Interleaved):
    """Greedy rules, bounds, annealing of the whole order or of its windows, and proofs; stops when the bound is met."""

    name = "portfolio"

    def parts(self, incumbent: Incumbent, seed: int) -> Iterable[Part]:
        """Annealing and proof, or windows of what is too long to be annealed.

        The parts draw from random sequences of their own, but they start from each other's orders: how far one is when
        the other begins depends on the machine.
        """

        def weight() -> float:
            return _NEAR if incumbent.total - incumbent.lower <= _CLOSE * incumbent.total else _FAR

        incumbent.tighten()
        n = len(incumbent.graph.eliminable)
        if n > WHOLE:
            return [Part(improve(incumbent, seed, method=f"{self.name}:lns"))]
        parts = [
            Part(anneal(incumbent, seed, method=f"{self.name}:annealing")),
            Part(prove(incumbent, seed, method=f"{self.name}:exact"), weight),
        ]
        # A proof is the better the better the order it starts from; small graphs are settled at once.
        return parts if n > _SMALL else reversed(parts)
