"""Simulated annealing on full orders, with all places for a vertex priced in one walk.

The state after eliminating a set does not depend on the order inside the set.  So taking one vertex out of an order and
putting it back elsewhere leaves the state unchanged before and behind the range in between, and one walk through that
range with the vertex kept alive prices *every* place for it (see :func:`.walk_numba.insertion_costs`).  The place
is then drawn with its
Boltzmann probability: no move is rejected, and a walk through k places replaces k evaluations of the whole order.

A cursor runs along the order and carries the state with it, so no move pays for what precedes its range.

Temperatures are in units of cost.  A round of 200 passes down to 0.1 takes a tenth of a second for 100 vertices; nearly
every seed ends at the best known costs of the published graphs.  A cool beginning pays where there is time for little
more: after 50 passes over graphs of 200 to 400 vertices, a start at 0.7 is 1.5 % above the best known, at 1 2.2 % and
at 3 3.4 %.  Deep valleys are left by the hotter rounds that follow.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from math import isqrt
from typing import Any

import numpy as np

from ..states.bits import Packed, pack
from ..toolkit.incumbent import Incumbent
from ..toolkit.turns import Interleaved, Part
from ..toolkit.warm_up import on_smallest_graphs

_HOTTEST = (0.7, 1.5, 3.0)
"""Temperatures at which rounds begin, in turn; the text above says why the first is a cool one."""

_COLDEST = 0.1
_FIRST_PASSES = 200
_GROWTH = 1.5
_SLICE = 0.05
"""Seconds in compiled code between two looks at the clock."""

LARGEST = isqrt(8 << 28)
"""Intermediate vertices for which one of about eight tables of bit rows takes a quarter of a gigabyte."""


class Annealing(Interleaved):
    """Simulated annealing of full orders by heat-bath insertion moves."""

    name = "annealing"
    largest = LARGEST

    def parts(self, incumbent: Incumbent, seed: int) -> Iterable[Part]:
        """Annealing alone."""
        incumbent.tighten()
        return [Part(anneal(incumbent, seed))]


def anneal(incumbent: Incumbent, seed: int, *, method: str = "annealing") -> Iterator[None]:
    """Improve ``incumbent`` step by step, until it is done or nobody asks for the next step."""
    if incumbent.done():
        return
    packed = pack(incumbent.graph, incumbent.cost)
    with incumbent.paused():
        warm_up()
    annealer = Annealer(packed, packed.pack_order(incumbent.order), seed)
    for hottest, passes in rounds():
        annealer.order[:] = packed.pack_order(incumbent.order)
        for temperature in cooling(hottest, passes):
            for total in annealer.walk(temperature):
                if total is not None and total < incumbent.total:
                    incumbent.offer(packed.unpack_order(annealer.order), total, method)
                yield
                if incumbent.done():
                    return


def rounds() -> Iterator[tuple[float, int]]:
    """Endless rounds of annealing, each with its hottest temperature and its number of passes."""
    passes = float(_FIRST_PASSES)
    while True:
        for hottest in _HOTTEST:
            yield hottest, int(passes)
        passes *= _GROWTH


def cooling(hottest: float, passes: int) -> Iterator[float]:
    """A geometric sequence of temperatures, one per pass over the order."""
    for k in range(passes):
        yield hottest * (_COLDEST / hottest) ** (k / max(1, passes - 1))


class Annealer:
    """An order of a packed graph, and the buffers to resample it pass by pass.

    Attributes:
        order: ``[n]`` packed vertices; changes in place.
        counters: ``[2]`` int64: walks through a window, and places whose cost was computed in them.
    """

    def __init__(self, packed: Packed, order: np.ndarray, seed: int) -> None:
        from .walk_numba import COUNTERS

        n, n_words = packed.n, packed.n_words
        self._packed = packed
        self.order = order.copy()
        self.counters = np.zeros(COUNTERS, np.int64)
        self._random = np.array([(seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) % (1 << 64) or 1], np.uint64)
        self._rows = np.empty_like(packed.rows)
        self._work = (
            np.zeros((2, n), np.int64),
            np.empty(2 * n, np.int64),
            np.empty((2 * n, 2, n_words), np.uint64),
            np.zeros(1, np.int64),
        )
        self._keep = np.zeros((n + 63) // 64, np.uint64)
        self._costs = np.empty(n, np.int64)
        self._stride = 1

    def walk(self, temperature: float) -> Iterator[int | None]:
        """Resample the order in one pass at ``temperature``.  Yields ``None`` now and then, and at the end its cost."""
        from . import walk_numba

        packed, n = self._packed, self._packed.n
        # Places that cost 20 T more are drawn with probability 2e-9: neither tabulate nor look for them.
        boltzmann = np.exp(-np.arange(int(20 * temperature) + 2) / temperature)
        self._rows[:] = packed.rows
        total, first = 0, 0
        while first < n:
            last, before = min(n, first + self._stride), time.perf_counter()
            arguments: tuple[Any, ...] = (self._rows, self.order, first, last, packed.pair, packed.units)
            total += walk_numba.walk(
                *arguments, boltzmann, self._random, self._work, self._keep, self._costs, self.counters
            )
            took, first = time.perf_counter() - before, last
            # Where a pass is cut into slices has no influence on what is drawn.
            self._stride = max(1, min(n, int(self._stride * min(4.0, _SLICE / max(took, 1e-6)))))
            yield None if first < n else total


def warm_up() -> None:
    """Load or compile the kernels."""
    on_smallest_graphs(lambda packed: list(Annealer(packed, np.arange(2), 0).walk(1.0)))
