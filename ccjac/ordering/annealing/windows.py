"""Large-neighbourhood search: anneal a window of a long order at a time while the rest stays fixed.

When an order reaches a window, the window's vertices and their neighbours at that time form a small graph of their own:
neighbours that are eliminated later act as inputs and outputs.  What happens inside the window changes nothing outside,
because the state behind it depends on the set eliminated alone.  So a saving in the small graph is the same saving in
the whole order.

Each pass first brings the order into an equivalent one in which a window holds vertices that compete with each other
(:mod:`.equivalent`), at random, so that the windows of different passes cut the graph differently.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import numpy as np

from ...elimination import EliminationState
from ..states.bits import pack_part
from ..toolkit.incumbent import Incumbent
from ..toolkit.turns import Interleaved, Part
from .equivalent import depth_first, later_neighbours
from .searcher import Annealer, cooling, warm_up

_WINDOWS = (48, 96, 32, 160, 64)
"""Vertices in a window, by pass in turn: two passes should not cut at the same places."""

_TEMPERATURES = (1.0, 3.0, 0.5)
_PASSES = 30
_OFFER_EVERY = 0.5


class LargeNeighbourhood(Interleaved):
    """Windows of a full order, annealed one after the other."""

    name = "lns"

    def parts(self, incumbent: Incumbent, seed: int) -> Iterable[Part]:
        """The windows alone."""
        return [Part(improve(incumbent, seed))]


def improve(incumbent: Incumbent, seed: int, *, method: str = "lns") -> Iterator[None]:
    """Improve ``incumbent`` step by step; closing the iterator hands over what the present pass found."""
    if incumbent.done():
        return
    with incumbent.paused():
        warm_up()
    search = _Windows(incumbent, seed, method)
    try:
        while not incumbent.done():
            yield from search.walk()
    finally:
        search.offer()


class _Windows:
    """A full order under improvement, and where the present pass stands in it."""

    def __init__(self, incumbent: Incumbent, seed: int, method: str) -> None:
        self._incumbent, self._method = incumbent, method
        self._start = EliminationState(incumbent.graph, without_dead=True)
        self._rng = random.Random(seed)
        self._turn = 0
        dead = set(incumbent.graph.dead)
        self._order = [v for v in incumbent.order if v not in dead]
        self._total = incumbent.total
        self._offered = incumbent.elapsed

    def offer(self) -> None:
        """Hand the order over."""
        self._offered = self._incumbent.elapsed
        self._incumbent.offer(self._order, self._total, self._method)

    def walk(self) -> Iterator[None]:
        """One pass over the whole order, a window at a time."""
        incumbent = self._incumbent
        later: dict[int, list[int]] = {}
        for v, near in later_neighbours(self._start.copy(), self._order):
            later[v] = near
            if incumbent.done():
                return
        self._order = depth_first(self._order, later, self._rng)
        state = self._start.copy()
        width, hottest = _WINDOWS[self._turn % len(_WINDOWS)], _TEMPERATURES[self._turn % len(_TEMPERATURES)]
        self._turn += 1
        low = 0
        while low < len(self._order) and not incumbent.done():
            window = self._order[low : low + width]
            better, gain = self._resample(state, window, hottest)
            self._order[low : low + width] = better
            self._total -= gain
            # Windows overlap by half, so that no pair of neighbours in the order is always cut apart.
            for v in better[: max(1, width // 2)]:
                state.eliminate(v)
            low += max(1, width // 2)
            if incumbent.elapsed - self._offered > _OFFER_EVERY:
                self.offer()
            yield
        self.offer()

    def _resample(self, state: EliminationState, window: list[int], hottest: float) -> tuple[list[int], int]:
        """A new order of ``window`` that costs no more, and what it saves."""
        from ..states.bits_numba import order_price

        packed = pack_part(state, window, self._incumbent.cost)
        order = np.arange(packed.n)
        before = best = int(order_price(packed.rows.copy(), order, packed.pair, packed.units))
        if packed.n < 2 or before == 0:
            return window, 0
        annealer = Annealer(packed, order, self._rng.getrandbits(62))
        for temperature in cooling(hottest, _PASSES):
            *_, total = annealer.walk(temperature)
            if total is not None and total <= best:
                best, order = total, annealer.order.copy()
            if self._incumbent.left <= 0:
                break
        return list(packed.unpack_order(order)), before - best
