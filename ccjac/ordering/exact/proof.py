"""Proofs that no order is cheaper: component by component, by sets, groups of vertices, and branch and bound.

The state after eliminating a set depends on the set alone, so an optimal order is a shortest path through sets.  After
the safe reductions (:mod:`.reductions`) every component of the graph is settled for itself:

1. Small ones by dynamic programming over all sets.
2. Others get a lower bound from groups (:mod:`.groups`), which often meets the best order already.
3. When groups of moderate size do not, branch and bound (:mod:`.branch`) asks whether an order of at most the bound
   exists, with the bound raised by one after every "no" (iterative deepening; Korf 1985), while the groups go on to
   grow.

All of this holds for every cost model; only reduction S4 needs all pairs to cost the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..bounds.groups import Group, Partition, improvements
from ..protocol import Certificate
from ..states.bits import Packed, pack_part
from ..toolkit.incumbent import Incumbent
from ..toolkit.warm_up import on_smallest_graphs
from .branch import Branching
from .reductions import Reduced, reduce

_ALL_SETS = 20
_SECONDS_PER_SET = 4e-6
_WIDEST = 192
"""Vertices of a component up to which branch and bound is tried; in larger ones hardly any set is met twice."""

_NARROW = 48
"""Vertices of a component up to which branch and bound gets as much time as the groups; beyond, groups do better."""

_TURN = 0.1
"""Seconds after which it is another one's turn."""

_LARGEST = 2_000
"""Vertices of a component up to which it gets groups at all."""

_PATIENCE = 0.03
"""Share of the time left that a step without a look at the clock may take."""

_GROUPS_FIRST = 0.02
"""Seconds per vertex that groups get before branch and bound begins."""


def prove(incumbent: Incumbent, seed: int, *, method: str = "exact") -> Iterator[None]:
    """Raise the bound of ``incumbent``, and improve its order where all sets can be tried, step by step."""
    if incumbent.done():
        return
    with incumbent.paused():
        warm_up()
    yield from _Proof(incumbent, reduce(incumbent.graph, incumbent.cost), seed, method).run()


class _Proof:
    """The components of a graph, what is proven about each, and the best order of each."""

    def __init__(self, incumbent: Incumbent, reduced: Reduced, seed: int, method: str) -> None:
        self._incumbent, self._reduced, self._seed, self._method = incumbent, reduced, seed, method
        rank = {v: i for i, v in enumerate(incumbent.graph.topological_order)}
        self._parts: list[Packed] = [
            pack_part(reduced.state, sorted(part, key=rank.__getitem__), incumbent.cost)
            for part in sorted(reduced.components, key=len)
        ]
        self._orders = [part.pack_order(incumbent.order) for part in self._parts]
        self._upper = [sum(_payments(part, order)) for part, order in zip(self._parts, self._orders, strict=True)]
        self._seen = incumbent.total
        self._lower = [0] * len(self._parts)
        # Of each component, groups whose bound is the lower one; nothing if that was found by branch and bound.
        self._groups: list[tuple[Group, ...] | None] = [()] * len(self._parts)

    def run(self) -> Iterator[None]:
        """Small components first: they are cheap, and the bound is a sum."""
        waiting: dict[int, Iterator[None]] = {}
        for k, part in enumerate(self._parts):
            if part.n <= _ALL_SETS and _SECONDS_PER_SET * 2**part.n <= self._patience():
                self._all_sets(k)
                yield
            elif part.n <= _LARGEST:
                waiting[k] = self._settle(k)
        self._publish()
        while waiting:
            for k, steps in list(waiting.items()):
                began = self._incumbent.elapsed
                for _ in steps:
                    yield
                    if self._incumbent.elapsed - began > _TURN:
                        break
                else:
                    del waiting[k]

    def _patience(self) -> float:
        return _PATIENCE * max(0.0, self._incumbent.left)

    def _publish(self) -> None:
        incumbent = self._incumbent
        if incumbent.total != self._seen:
            self._look()
        self._incumbent.raise_bound(self._reduced.price + sum(self._lower), self._certificate())
        total = self._reduced.price + sum(self._upper)
        if total < incumbent.total:
            order = [*self._reduced.prefix]
            for part, found in zip(self._parts, self._orders, strict=True):
                order += part.unpack_order(found)
            incumbent.offer(order, total, self._method)
        self._seen = incumbent.total

    def _look(self) -> None:
        """Take over what others found meanwhile."""
        for k, part in enumerate(self._parts):
            order = part.pack_order(self._incumbent.order)
            if (upper := sum(_payments(part, order))) < self._upper[k]:
                self._orders[k], self._upper[k] = order, upper

    def _certificate(self) -> Certificate:
        if self._reduced.prefix:
            return Certificate("exhausted")
        groups: list[tuple[int, ...]] = []
        for found, part in zip(self._groups, self._parts, strict=True):
            if found is None:
                return Certificate("exhausted")
            groups += [part.unpack_order(group) for group in found]
        return Certificate("groups", tuple(groups))

    def _all_sets(self, k: int) -> None:
        self._orders[k], self._lower[k] = _cheapest(self._parts[k])
        self._upper[k], self._groups[k] = self._lower[k], (tuple(range(self._parts[k].n)),)

    def _settle(self, k: int) -> Iterator[None]:
        """Groups first, then groups and branch and bound in turn, until the bound of component ``k`` is its cost."""
        part, incumbent = self._parts[k], self._incumbent
        partition = Partition(part, _payments(part, self._orders[k]), self._seed)
        growing = improvements(partition, self._patience)
        began = incumbent.elapsed
        while incumbent.elapsed - began < _GROUPS_FIRST * part.n or part.n > _WIDEST:
            if self._take(k, partition):
                return
            next(growing)
            yield
        deepening = self._deepen(k, partition)
        while not self._take(k, partition):
            for steps, turn in ((growing, _TURN), (deepening, _TURN if part.n <= _NARROW else _TURN / 5)):
                began = incumbent.elapsed
                for _ in steps:
                    yield
                    if incumbent.elapsed - began > turn:
                        break

    def _take(self, k: int, partition: Partition) -> bool:
        """Publish the bound of the groups if it is better.  Returns whether the component is settled."""
        seen = self._seen
        if partition.bound > self._lower[k]:
            self._lower[k], self._groups[k] = partition.bound, partition.groups()
            self._publish()
        elif self._incumbent.total != seen:
            self._publish()
        if self._seen != seen:
            partition.aim(_payments(self._parts[k], self._orders[k]))
        return self._lower[k] >= self._upper[k]

    def _deepen(self, k: int, partition: Partition) -> Iterator[None]:
        part = self._parts[k]
        search = Branching(part, partition.groups())
        while self._lower[k] < self._upper[k]:
            if search.bound < partition.bound:
                search = Branching(part, partition.groups())
            threshold = self._lower[k]
            for found in search.run(threshold):
                if found is not None:
                    if found.size:
                        self._orders[k], self._upper[k] = found, threshold
                    else:
                        self._lower[k], self._groups[k] = threshold + 1, None
                    self._publish()
                yield
                if self._lower[k] > threshold:
                    break


def _cheapest(part: Packed) -> tuple[np.ndarray, int]:
    """The best order of ``part`` and its cost, by all sets."""
    from ..bounds.groups_numba import cheapest_order, cheapest_rest, tabulate

    tables, ones = tabulate(part.rows, np.arange(part.n), part.units), np.ones(part.n, np.int64)
    rest, prices = np.empty(1 << part.n, np.int64), np.empty(part.n, np.int64)
    cost = int(cheapest_rest(tables, ones, part.pair, rest))
    return cheapest_order(tables, ones, part.pair, rest, prices), cost


def _payments(part: Packed, order: np.ndarray) -> list[int]:
    from ..states.bits_numba import payments

    return payments(part.rows.copy(), order, part.pair, part.units).tolist()


def warm_up() -> None:
    """Load or compile the kernels."""

    def run(part: Packed) -> None:
        _payments(part, _cheapest(part)[0])
        for _ in Branching(part, ()).run(0):
            pass

    on_smallest_graphs(run)
