"""Exact search over the sets of eliminated vertices.

The state after eliminating a set depends on the set alone, so an optimal order is a shortest path through sets.  After
the safe reductions (:mod:`.reductions`) every component of the graph is solved for itself:

1. Up to 20 vertices by dynamic programming over all sets.
2. Larger ones get a lower bound from groups (:mod:`.groups`) first, which often meets the best order already.
3. If it does not, depth-first branch and bound asks whether an order of at most this cost exists, with the cost raised
   by one after every "no" (iterative deepening; Korf 1985), so that an unfinished search still raises the bound.  What
   the rest of a set must pay is looked up in the groups' tables (additive pattern databases; Korf & Felner 2002); sets
   met before are cut off, and of orders that differ by commuting vertices one is followed.

All of this holds for every cost model; only reduction S4 needs all pairs to cost the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from ..cost import CostModel
from ..graph import Graph
from .annealing import anneal_until
from .base import Certificate, Listener, SearchResult
from .groups import Partition, improve_partition
from .incumbent import Incumbent
from .packed import Packed, pack_part
from .reductions import Reduced, reduce

_ALL_SETS = 20
_WIDEST = 192
"""Vertices of a component up to which sets are searched; in larger ones hardly any set is met twice."""

_TABLE = 1 << 20
_NODES = 20_000


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
        """See :class:`ccjac.ordering.base.Searcher`.  Without enough time, the best bound and order so far."""
        incumbent = Incumbent.begin(graph, cost, seconds, self.name, start, progress)
        with suppress(KeyboardInterrupt):
            prove(incumbent, seed)
        return incumbent.result()


def prove(incumbent: Incumbent, seed: int, *, method: str = "exact") -> None:
    """Improve order and bound of ``incumbent`` until they meet or its time is up."""
    if incumbent.done():
        return
    reduced = reduce(incumbent.graph, incumbent.cost)
    with incumbent.paused():
        warm_up()
    whole = max((len(part) for part in reduced.components), default=0)
    if whole > _ALL_SETS:
        anneal_until(incumbent, seed, incumbent.elapsed + incumbent.left * 0.1)
    _Proof(incumbent, reduced, seed, method).run()


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
        self._lower = [0] * len(self._parts)
        # Of each component, groups whose bound is the lower one; nothing if that was found by branch and bound.
        self._groups: list[tuple[tuple[int, ...], ...] | None] = [()] * len(self._parts)

    def run(self) -> None:
        """Small components first: they are cheap, and the bound is a sum."""
        for k, part in enumerate(self._parts):
            if part.n <= _ALL_SETS:
                self._all_sets(k)
        self._publish()
        for k, part in enumerate(self._parts):
            if part.n > _ALL_SETS and not self._incumbent.done():
                self._deepen(k)

    def _price(self, k: int) -> int:
        from .bits_kernel import order_price

        part = self._parts[k]
        return int(order_price(part.rows.copy(), self._orders[k], part.pair, part.units))

    def _publish(self) -> None:
        order = [*self._reduced.prefix]
        for part, packed_order in zip(self._parts, self._orders, strict=True):
            order += part.unpack_order(packed_order)
        total = self._reduced.price + sum(self._price(k) for k in range(len(self._parts)))
        self._incumbent.offer(order, total, self._method)
        self._incumbent.raise_bound(self._reduced.price + sum(self._lower), self._certificate())

    def _certificate(self) -> Certificate:
        if self._reduced.prefix:
            return Certificate("exhausted")
        groups: list[tuple[int, ...]] = []
        for found in self._groups:
            if found is None:
                return Certificate("exhausted")
            groups += found
        return Certificate("groups", tuple(groups))

    def _all_sets(self, k: int) -> None:
        from .groups_kernel import cheapest_order, cheapest_rest, tabulate

        part = self._parts[k]
        everyone, ones = np.arange(part.n), np.ones(part.n, np.int64)
        tables = tabulate(part.rows, everyone, part.units)
        rest, prices = np.empty(1 << part.n, np.int64), np.empty(part.n, np.int64)
        self._lower[k] = int(cheapest_rest(tables, ones, part.pair, rest))
        self._orders[k] = cheapest_order(tables, ones, part.pair, rest, prices)
        self._groups[k] = (part.unpack_order(everyone),)

    def _deepen(self, k: int) -> None:
        part, incumbent = self._parts[k], self._incumbent
        upper = self._price(k)
        partition = Partition(part, _payments(part, self._orders[k]), self._seed)
        until = incumbent.elapsed + incumbent.left * 0.4

        def stop() -> bool:
            incumbent.tick()
            return partition.bound >= upper or incumbent.elapsed > until or incumbent.left <= 0

        def raised() -> None:
            if partition.bound > self._lower[k]:
                self._lower[k] = partition.bound
                self._groups[k] = tuple(part.unpack_order(group) for group in partition.groups())
                self._publish()

        raised()
        improve_partition(partition, stop, raised)
        if part.n > _WIDEST:
            return
        search = _Below(part, partition)
        for threshold in range(self._lower[k], upper):
            found = search.run(threshold, incumbent)
            if found is None:
                return
            if found.size:
                self._orders[k] = found
                self._publish()
                return
            self._lower[k], self._groups[k] = threshold + 1, None
            self._publish()


class _Below:
    """Branch and bound below a threshold, with the tables of one partition."""

    def __init__(self, part: Packed, partition: Partition) -> None:
        from .groups_kernel import cheapest_rest, tabulate

        self._part = part
        groups = list(partition.groups())
        grouped = {v for group in groups for v in group}
        groups += [(v,) for v in range(part.n) if v not in grouped]
        group_of, bit_of = np.zeros(part.n, np.int64), np.zeros(part.n, np.int64)
        offset_of = np.zeros(len(groups), np.int64)
        tables: list[np.ndarray] = []
        for g, group in enumerate(groups):
            for j, v in enumerate(group):
                group_of[v], bit_of[v] = g, 1 << j
            rest = np.empty(1 << len(group), np.int64)
            cheapest_rest(
                tabulate(part.rows, np.array(group, np.int64), part.units),
                np.ones(len(group), np.int64),
                part.pair,
                rest,
            )
            offset_of[g] = sum(table.size for table in tables)
            tables.append(rest)
        self._groups = group_of, bit_of, offset_of, np.concatenate(tables)
        self._n_groups = len(groups)

    def run(self, threshold: int, incumbent: Incumbent) -> np.ndarray | None:
        """An order that costs at most ``threshold``; an empty one if there is none; ``None`` if time is up."""
        from . import exact_kernel

        part = self._part
        stack = exact_kernel.new_stack(part.n, part.n_words, self._n_groups)
        stack[0][1] = 1
        _, _, offset_of, rest = self._groups
        stack[4][0] = rest[offset_of].sum()
        shape = (_TABLE, (part.n + 63) // 64)
        table = np.zeros(shape, np.uint64), np.zeros(shape, np.uint64), np.full(_TABLE, -1, np.int64)
        rows, order = part.rows.copy(), np.zeros(part.n, np.int64)
        while incumbent.left > 0:
            outcome = exact_kernel.below(
                rows, part.pair, part.units, threshold, self._groups, stack, table, order, _NODES
            )
            incumbent.tick()
            if outcome == exact_kernel.FOUND:
                return order
            if outcome == exact_kernel.EXHAUSTED:
                return order[:0]
        return None


def _payments(part: Packed, order: np.ndarray) -> list[int]:
    from .bits_kernel import payments

    return payments(part.rows.copy(), order, part.pair, part.units).tolist()


def warm_up() -> None:
    """Load or compile the kernels."""
    from .packed import pack_edges

    for units in (False, True):
        part = pack_edges([1, 2], [(0, 1, True), (1, 2, False), (2, 3, True)], (1, 0, 0), units)
        partition = Partition(part, _payments(part, np.arange(2)), 0)
        from . import exact_kernel

        search = _Below(part, partition)
        stack = exact_kernel.new_stack(2, part.n_words, search._n_groups)
        table = np.zeros((1, 1), np.uint64), np.zeros((1, 1), np.uint64), np.full(1, -1, np.int64)
        order = np.zeros(2, np.int64)
        exact_kernel.below(part.rows.copy(), part.pair, units, 0, search._groups, stack, table, order, 1)
