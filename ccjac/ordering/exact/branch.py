"""Depth-first branch and bound over sets, with the tables of disjoint groups as its bound.

It asks whether an order of at most some cost exists.  What the rest of a set must pay is looked up in the groups'
tables (additive pattern databases; Korf & Felner 2002); sets met before are cut off, and of orders that differ by
commuting vertices one is followed.

*Why cutting off loses nothing.*  Call two orders equivalent if one becomes the other by exchanging neighbours in the
order that are not adjacent in the graph at that time (reduction S7).  Let w be an order of the vertices left in a node
that stays within the threshold, none of whose equivalents begins with a vertex that is asleep there.  Then the search
finds an order from there, by induction on the length of w.  Of the vertices with which equivalents of w begin, let t be
the first that the node tries; it tries all of them, because none is asleep and none exceeds the threshold.  Some
equivalent of w is t followed by an order w'.  If an equivalent of w' began with a vertex z that is asleep after t, then
z would not be adjacent to t, so an equivalent of w would begin with z; hence z was not asleep in the node, and was
tried there before t, against the choice of t.  So the argument goes on with w' below t, unless that set was met before
at no higher cost and with no further vertex asleep: then it applies to that earlier visit.  At the root nothing is
asleep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..bounds.groups import Group, group_table
from ..states.bits import Packed

_TABLE = 1 << 20
"""Sets that are remembered at most."""

_NODES = 5_000
"""Nodes between two looks at the clock."""


class Branching:
    """A packed graph and the tables of some disjoint groups of its vertices; a vertex in no group is one of its own."""

    def __init__(self, part: Packed, groups: Sequence[Group]) -> None:
        self._part = part
        grouped = {v for group in groups for v in group}
        every = [*groups, *((v,) for v in range(part.n) if v not in grouped)]
        group_of, bit_of = np.zeros(part.n, np.int64), np.zeros(part.n, np.int64)
        tables = [group_table(part, group) for group in every]
        for g, group in enumerate(every):
            for j, v in enumerate(group):
                group_of[v], bit_of[v] = g, 1 << j
        offset_of = np.cumsum([0, *(table.size for table in tables[:-1])]).astype(np.int64)
        self._groups = group_of, bit_of, offset_of, np.concatenate([np.zeros(0, np.int64), *tables])
        self.bound = sum(int(table[0]) for table in tables)
        self._n_groups = len(every)

    def run(self, threshold: int) -> Iterator[np.ndarray | None]:
        """Yields ``None`` until the answer: an order of at most that cost, an empty one if there is none."""
        from . import branch_numba

        part = self._part
        stack = branch_numba.new_stack(part.n, part.n_words, self._n_groups)
        stack[0][1] = 1
        stack[4][0] = self.bound
        size = min(_TABLE, 1 << part.n)
        shape = (size, (part.n + 63) // 64)
        table = np.zeros(shape, np.uint64), np.zeros(shape, np.uint64), np.full(size, -1, np.int64)
        rows, order = part.rows.copy(), np.zeros(part.n, np.int64)
        while True:
            outcome = branch_numba.below(
                rows, part.pair, part.units, threshold, self._groups, stack, table, order, _NODES
            )
            if outcome == branch_numba.FOUND:
                yield order
                return
            if outcome == branch_numba.EXHAUSTED:
                yield order[:0]
                return
            yield None
