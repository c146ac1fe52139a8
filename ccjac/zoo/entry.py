"""What a zoo knows about one graph structure, and how two pieces of such knowledge become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..graph import Graph

SCHEMA = 1
"""Version of the stored form.  Entries of a newer one are left alone."""

MAX_NAMES = 32
"""Names of functions kept per entry; one structure may belong to any number of functions."""


@dataclass(frozen=True)
class StoredOrder:
    """An elimination order in canonical numbering, with what its finder said about it.

    Nothing here is trusted: ``order`` and ``cost`` are checked against the graph before every use, the other fields
    are shown to people and steer no computation.

    Attributes:
        order: Canonical numbers of the intermediate vertices in the order of their elimination.
        cost: What the order costs under the cost model that it is stored under.
        lower_bound: A bound that the finder claims for every order.
        method: What found it: ``"greedy:LM"``, ``"portfolio:annealing"``.
        proof: Why the bound holds, in the words of :class:`ccjac.ordering.Certificate`.
        seed: The finder's seed.
        seconds: Time spent on searches for this order and for those that it replaced, as far as known.
        pending: A greedy order that was remembered at a miss and waits for a better one.
        groups: For the proof ``"groups"`` its disjoint groups, in canonical numbering, so that anybody can repeat it.
    """

    order: tuple[int, ...]
    cost: int
    lower_bound: int = 0
    method: str = ""
    proof: str = "none"
    seed: int = 0
    seconds: float = 0.0
    pending: bool = False
    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def optimal(self) -> bool:
        """Whether the order is claimed to be the cheapest of all."""
        return self.cost <= self.lower_bound

    def merged(self, other: StoredOrder) -> StoredOrder:
        """The better of two orders of one graph under one cost model, with the better bound of both.

        The cheaper order wins.  Of equally cheap ones the first stays, unless only the second is past waiting.  A bound
        above the cheaper cost is refuted by it and dropped.  A winner inherits the time spent before it was found.
        """
        wins = other.cost < self.cost or (other.cost == self.cost and self.pending and not other.pending)
        best = replace(other, seconds=max(self.seconds, other.seconds)) if wins else self
        bounds = [
            # Of equal bounds the one that can be repeated.
            (kept.lower_bound, bool(kept.groups) or kept.proof == "menger", kept.proof, kept.groups)
            for kept in (best, self, other)
            if kept.lower_bound <= best.cost
        ]
        bound, _, proof, groups = max(bounds, key=lambda b: b[:2], default=(0, False, "none", ()))
        return replace(best, lower_bound=bound, proof=proof, groups=groups)


@dataclass(frozen=True)
class Entry:
    """All that a zoo knows about one graph structure.

    Attributes:
        fingerprint: 32 hexadecimal digits, see :func:`ccjac.fingerprint.canonical`.
        graph: The structure in canonical numbering, so that better orders can be sought without the function.
        orders: The best order known, by the name of the cost model.
        names: Functions that have this structure, as far as anyone said so.
        created: ISO date of the first order.
        updated: ISO date of the last change.
    """

    fingerprint: str
    graph: Graph
    orders: Mapping[str, StoredOrder]
    names: tuple[str, ...] = ()
    created: str = ""
    updated: str = ""

    @property
    def pending(self) -> bool:
        """Whether an order waits for training."""
        return any(order.pending for order in self.orders.values())

    def merged(self, other: Entry) -> Entry:
        """Both entries in one; ``self`` itself if ``other`` adds nothing."""
        orders = dict(self.orders)
        for cost, order in other.orders.items():
            orders[cost] = orders[cost].merged(order) if cost in orders else order
        names = tuple(dict.fromkeys((*self.names, *other.names)))[:MAX_NAMES]
        if orders == dict(self.orders) and names == self.names:
            return self
        created = min(filter(None, (self.created, other.created)), default="")
        return replace(self, orders=orders, names=names, created=created, updated=max(self.updated, other.updated))
