"""Lower bounds from groups of vertices: Menger's bound with the order inside each group taken into account.

Menger's bound (:mod:`.bound`) gives every vertex its most favourable set of eliminated vertices, a different one for
each.
Vertices that need contradicting sets make it weak: of two neighbours u→v, either v is eliminated while u is still
there, or u while v is still there.

*The bound.*  Let C be a set of intermediate vertices.  Every order of the graph eliminates C in some order; let E be
the part of C that is gone when v in C has its turn, and R = C \\ E \\ {v} what is still there.  The set S that is gone
then has S ∩ C = E.  Eliminate E: the price of v after S is its price in G_E after S \\ E, which contains nothing of R.
The argument of :mod:`.bound` holds in G_E with the vertices of R added to the inputs (and, on the other side, to the
outputs): they are never passed through, just like inputs, because they are not eliminated before v.  More ends means at
least as many disjoint paths.  So v pays at least price(κ, γ) in G_E with R among the ends, a number f_v(E) that depends
on E alone.  Hence C as a whole pays at least

    min over all orders of C of  Σ_{v in C} f_v(what precedes v),

the shortest path through the subsets of C, and for disjoint groups these numbers add up, because every vertex pays
once. Vertices in no group count with their share of Menger's bound, which is the group {v}.

If C is the set of all intermediate vertices, nothing is relaxed: κ is then the number of predecessors itself, and the
bound is the optimum.  In between, f_v depends on the members of C before v on one side and on those behind it on the
other, so that a group of m vertices needs about 2·2^m maximum flows, not m·2^m.

*Example.*  On the graph of Roe's flux, where Menger's bound is 223 and the best known cost 295, groups of at most ten
vertices give 292; with unit edges they raise 80 to 184, which is the best known cost and thereby proven optimal.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from ...cost import CostModel
from ...errors import OrderError
from ...graph import Graph
from ..states.bits import Packed, pack

LARGEST = 24
"""Members of a group; its table of subsets takes 128 megabytes."""

_REMEMBERED = 300_000
"""Groups whose payments are kept, about a hundred megabytes."""

Group = tuple[int, ...]


def group_bound(graph: Graph, cost: CostModel, groups: Sequence[Iterable[int]]) -> int:
    """The bound of this module's text, for anybody who wants to check a certificate.

    Args:
        graph: Any graph.
        cost: The price of a pair.
        groups: Disjoint sets of live intermediate vertices.

    Raises:
        OrderError: The groups overlap, are too large, or hold something else.
    """
    packed = pack(graph, cost)
    number = {int(v): i for i, v in enumerate(packed.vertices)}
    seen: set[int] = set()
    members: list[Group] = []
    for group in groups:
        group = tuple(group)
        if not seen.isdisjoint(group) or len(set(group)) < len(group) or not number.keys() >= set(group):
            raise OrderError(
                f"`groups` must be disjoint sets of live intermediate vertices; {group} is not, or overlaps."
            )
        if len(group) > LARGEST:
            raise OrderError(f"`groups` may have {LARGEST} members at most; {group} has {len(group)}.")
        seen.update(group)
        members.append(tuple(sorted(number[v] for v in group)))
    members += [(i,) for v, i in number.items() if v not in seen]
    payments = Payments(packed)
    return sum(payments(group) for group in members)


class Payments:
    """What groups pay at least, remembered."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self._known: dict[Group, int] = {}
        self._took: dict[int, tuple[int, float]] = {}  # of each size: number of groups, seconds of all
        self.alone = [self((v,)) for v in range(packed.n)]

    def __call__(self, group: Group) -> int:
        """The least that ``group``, ascending packed vertices, pays in any order."""
        if not group:
            return 0
        known = self._known.get(group)
        if known is None:
            began, size = time.perf_counter(), len(group)
            known = int(group_table(self._packed, group)[0])
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[group] = known
            number, took = self._took.get(size, (0, 0.0))
            self._took[size] = number + 1, took + time.perf_counter() - began
        return known

    def seconds(self, size: int) -> float:
        """What a group of ``size`` will take: twice as long for each member more than in the largest met so far."""
        met = max((other for other in self._took if other <= size), default=0)
        if not met:
            return 0.0
        number, took = self._took[met]
        return took / number * 2.0 ** (size - met)


def group_table(packed: Packed, group: Sequence[int]) -> np.ndarray:
    """``[2**m]``: for every set of the ``m`` members that is gone, the least that the others pay."""
    from .groups_numba import cheapest_rest, tabulate

    rest = np.empty(1 << len(group), np.int64)
    tables = tabulate(packed.rows, np.array(group, np.int64), packed.units)
    cheapest_rest(tables, np.ones(len(group), np.int64), packed.pair, rest)
    return rest


class Partition:
    """Disjoint groups under improvement.

    Attributes:
        bound: What the best groups met so far pay together.
    """

    def __init__(self, packed: Packed, paid: Sequence[int], seed: int) -> None:
        """Start with groups of one.

        Args:
            packed: The graph.
            paid: As for :meth:`aim`.
            seed: Of the random moves.
        """
        self.payments = Payments(packed)
        self.aim(paid)
        self._rng = random.Random(seed)
        self._near = _two_steps(packed)
        self.bound = 0
        self.restart()

    def aim(self, paid: Sequence[int]) -> None:
        """Take ``paid`` ``[n]``, what each vertex pays in the best order known, for what can be reached.

        A group that pays less than its members in that order is where the bound can still rise.
        """
        self._paid = paid

    def restart(self) -> None:
        """Begin anew with groups of one; the best bound and its groups stay."""
        n = len(self.payments.alone)
        self._fresh = n
        self._groups: dict[int, Group] = {v: (v,) for v in range(n)}
        self._group_of = list(range(n))
        self._present = sum(self.payments.alone)
        self._peak, self._kept = -1, self._groups
        self._keep()

    def groups(self) -> tuple[Group, ...]:
        """The groups behind :attr:`bound`, those of one vertex left out; packed numbers."""
        return tuple(sorted(group for group in self._best.values() if len(group) > 1))

    def _missing(self, group: Group) -> int:
        return sum(self._paid[v] for v in group) - self.payments(group)

    def _regroup(self, old: Sequence[int], new: Sequence[Group]) -> None:
        for name in old:
            self._present -= self.payments(self._groups.pop(name))
        for group in new:
            if group:
                self._groups[self._fresh] = group
                for v in group:
                    self._group_of[v] = self._fresh
                self._fresh += 1
                self._present += self.payments(group)
        self._keep()

    def _keep(self) -> None:
        if self._present > self._peak:
            self._peak, self._kept = self._present, dict(self._groups)
        if self._peak > self.bound or not self.bound:
            self.bound, self._best = self._peak, self._kept

    def _go_back(self) -> None:
        """Return to the best groups since the last restart."""
        self._groups, self._present = dict(self._kept), self._peak
        for name, group in self._groups.items():
            for v in group:
                self._group_of[v] = name

    def merge(self, largest: int) -> Iterator[None]:
        """Unite neighbouring groups while that raises the bound, the largest rise per member first."""
        self._go_back()
        rises: dict[tuple[int, int], float] = {}
        while True:
            for a in [name for name in self._groups if self._missing(self._groups[name])]:
                for b in {self._group_of[u] for v in self._groups[a] for u in self._near[v]} - {a}:
                    pair = (min(a, b), max(a, b))
                    if pair in rises or len(self._groups[a]) + len(self._groups[b]) > largest:
                        continue
                    both = _union(self._groups[a], self._groups[b])
                    rise = self.payments(both) - self.payments(self._groups[a]) - self.payments(self._groups[b])
                    rises[pair] = rise / len(both)
                    yield
            open_pairs = [(rise, pair) for pair, rise in rises.items() if rise > 0 and self._groups.keys() >= set(pair)]
            if not open_pairs:
                return
            _, (a, b) = max(open_pairs)
            self._regroup((a, b), (_union(self._groups[a], self._groups[b]),))

    def anneal(self, largest: int, moves: int, hottest: float) -> Iterator[None]:
        """Move and exchange single vertices between neighbouring groups."""
        self._go_back()
        rng = self._rng
        for k in range(moves):
            temperature = hottest * 0.1 ** (k / moves)
            change = self._propose(largest)
            if change is None:
                continue
            old, new = change
            rise = sum(map(self.payments, new)) - sum(self.payments(self._groups[name]) for name in old)
            if rise >= 0 or rng.random() < math.exp(rise / temperature):
                self._regroup(old, new)
            yield

    def _propose(self, largest: int) -> tuple[tuple[int, ...], tuple[Group, ...]] | None:
        """A vertex changes its group, perhaps for another one; at least one of the groups falls short."""
        rng, group_of, groups = self._rng, self._group_of, self._groups
        v = rng.randrange(len(group_of))
        a = group_of[v]
        others = [u for u in self._near[v] if group_of[u] != a]
        if not others:
            return None
        b = group_of[rng.choice(others)]
        if not self._missing(groups[a]) and not self._missing(groups[b]) and rng.random() < 0.7:
            return None
        left = tuple(u for u in groups[a] if u != v)
        if rng.random() < 0.03:
            return ((a,), (left, (v,))) if left else None
        if len(groups[b]) < largest:
            return (a, b), (left, _union(groups[b], (v,)))
        w = rng.choice(groups[b])
        return (a, b), (_union(left, (w,)), _union(tuple(u for u in groups[b] if u != w), (v,)))


_SIZES = (6, 8, 10, 12, 14, 16, 18, 20)
"""Largest groups, stage by stage: bigger ones give better bounds, and each vertex more doubles the time."""

_MOVED = 14
"""Largest groups between which single vertices move; with larger ones that is slow and rarely pays."""

_MOVES_PER_VERTEX = 40


def improvements(partition: Partition, patience: Callable[[], float]) -> Iterator[None]:
    """Unite and anneal groups of growing size, step by step, again and again from the beginning.

    The way up decides how far it leads: on the published graph g the same time spent on one partition ends lower.

    Args:
        partition: Is improved.
        patience: Seconds that a single step may take at present.  Groups that take longer are left for later.
    """
    moves = _MOVES_PER_VERTEX * len(partition.payments.alone)
    while True:
        for largest in _SIZES:
            yield
            if partition.payments.seconds(largest) > patience():
                break
            yield from partition.merge(largest)
            if largest <= _MOVED:
                yield from partition.anneal(largest, moves, 1.0)
        partition.restart()


def _union(a: Group, b: Group) -> Group:
    return tuple(sorted((*a, *b)))


def _two_steps(packed: Packed) -> list[list[int]]:
    """For every vertex those at most two edges away; vertices further apart rarely contradict each other."""
    near: list[set[int]] = [set() for _ in range(packed.n)]
    for v in range(packed.n):
        row = 0
        for w, word in enumerate((packed.rows[0, v] | packed.rows[1, v]).tolist()):
            row |= word << (64 * w)
        near[v] = {u for u in range(packed.n) if row >> u & 1}
    return [sorted(set().union(near[v], *(near[u] for u in near[v])) - {v}) for v in range(packed.n)]
