"""Exact search: a proof, with as much annealing as it needs to know what to prove."""

from __future__ import annotations

from collections.abc import Iterable

from ..annealing.searcher import LARGEST, anneal
from ..toolkit.incumbent import Incumbent
from ..toolkit.turns import Interleaved, Part
from .proof import prove

_ANNEALING = 0.2
"""Seconds of annealing per second of proof."""


class Exact(Interleaved):
    """Dynamic programming over sets, group bounds, and branch and bound over sets.

    Without enough time it returns the best bound and order so far.
    """

    name = "exact"
    largest = LARGEST

    def parts(self, incumbent: Incumbent, seed: int) -> Iterable[Part]:
        """The proof and some annealing."""
        incumbent.tighten()
        return [
            Part(prove(incumbent, seed, method=self.name)),
            Part(anneal(incumbent, seed), lambda: _ANNEALING),
        ]
