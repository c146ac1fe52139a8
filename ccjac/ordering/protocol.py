"""What every order searcher takes and returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

from ..cost import CostModel
from ..graph import Graph

Proof = Literal["none", "menger", "groups", "exhausted"]


@dataclass(frozen=True)
class Certificate:
    """Why no order can cost less than a lower bound.

    Attributes:
        proof: ``"menger"``: the bound is :func:`ccjac.ordering.bounds.menger.menger`, recomputed in no time.
            ``"groups"``: it is :func:`ccjac.ordering.bounds.groups.group_bound` of the listed ``groups``.
            ``"exhausted"``: an exact search ran out of alternatives; repeat it to check.  ``"none"``: only the trivial
            bound 0 is claimed.
        groups: Disjoint sets of intermediate vertices, for ``"groups"``.
    """

    proof: Proof = "none"
    groups: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class SearchResult:
    """The best elimination order that a search found.

    Attributes:
        order: Every eliminable vertex once, dead vertices first.
        cost: What ``order`` costs under the cost model of the search.
        lower_bound: No order of the graph costs less than this.
        method: The searcher, with the rule or the parts that found the order: ``"greedy:LM"``,
            ``"portfolio:annealing"``.
        seconds: Wall-clock time of the search.
        history: ``(seconds, cost)`` at every improvement, first entry first.
        certificate: Why ``lower_bound`` holds.
    """

    order: tuple[int, ...]
    cost: int
    lower_bound: int
    method: str
    seconds: float
    history: tuple[tuple[float, int], ...] = ()
    certificate: Certificate = field(default=Certificate(), repr=False)

    @property
    def optimal(self) -> bool:
        """Whether ``order`` is proven to be the cheapest of all (reduction S9: it meets the lower bound)."""
        return self.cost <= self.lower_bound

    def named(self, method: str) -> SearchResult:
        """The same result under another method name."""
        return replace(self, method=method)


@dataclass(frozen=True)
class Progress:
    """What a running search reports at every improvement and about once a second.

    Attributes:
        seconds: Since the search began.
        cost: Cost of the best order so far.
        lower_bound: Best bound so far.
        order: The best order so far; keep it to survive an interruption.
        method: The part of the search that is running.
        certificate: Why ``lower_bound`` holds.
    """

    seconds: float
    cost: int
    lower_bound: int
    order: tuple[int, ...] = field(repr=False)
    method: str
    certificate: Certificate = field(default=Certificate(), repr=False)


Listener = Callable[[Progress], None]


@runtime_checkable
class Searcher(Protocol):
    """Finds elimination orders.  Register your own through the hook ``ccjac_searchers``."""

    name: str

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
        """Look for a cheap order of ``graph``.

        Args:
            graph: Any graph, also one without intermediate vertices.
            cost: The price of a pair.
            seconds: Wall-clock budget; stop earlier if nothing is left to find.
            seed: The same seed gives the same sequence of decisions; only where the budget cuts it off may differ.
            start: Orders known beforehand.  The result is never worse than the best of them.
            progress: Called from the searching thread.  An exception that it raises ends the search.

        Returns:
            The best order, also after a ``KeyboardInterrupt``.
        """
        ...
