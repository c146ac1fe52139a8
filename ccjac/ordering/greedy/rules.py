"""The greedy rules, and what applies them to a graph.

A rule is a row of weights on four features of a vertex, not code:

- *degree*: the price of eliminating the vertex now (its Markowitz degree, in-degree times out-degree),
- *reach*: number of inputs that reach it times number of outputs that it reaches,
- *fill*: number of new edges that its elimination creates,
- *damage*: by how much its elimination raises the degrees of its neighbours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...cost import CostModel
from ...graph import Graph

Ties = Literal["reverse", "forward"]
Attempt = tuple[tuple[int, ...], int] | None
"""An order and its cost, or nothing if it was dropped for costing too much."""


@dataclass(frozen=True)
class Rule:
    """Weights of a vertex's features; the vertex with the lowest weighted sum is eliminated next.

    Attributes:
        name: Abbreviation of the literature where there is one.
        degree, reach, fill, damage: The weights.
        priced: Measure degree and damage in the search's cost model instead of counting every pair.
    """

    name: str
    degree: int = 0
    reach: int = 0
    fill: int = 0
    damage: int = 0
    priced: bool = False

    @property
    def cheap(self) -> bool:
        """Whether the rule looks at neighbours only."""
        return not (self.fill or self.damage)


_FIRST = 1 << 20  # a weight that makes one feature dominate the other

RULES = (
    Rule("LM", degree=1),
    Rule("LMMD", degree=1, damage=1),
    Rule("MF", fill=1),
    Rule("LRM", degree=1, reach=-1),
    Rule("MOMR", degree=-1, damage=1),
    Rule("MD", damage=1),
    Rule("MF-LM", fill=_FIRST, degree=1, priced=True),
    Rule("LMMD-priced", degree=1, damage=1, priced=True),
)
"""The first five are the literature's; each of the others is the best of all on some published graph."""


class Family(ABC):
    """A graph prepared once for several rules.

    Attributes:
        graph, cost: What orders are sought for.
        dead: Vertices no output depends on; they go first and cost nothing.
        live: All others that are to be eliminated.
    """

    def __init__(self, graph: Graph, cost: CostModel) -> None:
        self.graph = graph
        self.cost = cost
        self.dead = graph.dead
        self.live = set(graph.eliminable) - set(self.dead)

    @abstractmethod
    def replay(self, order: Sequence[int], limit: int) -> Attempt:
        """Dead vertices, then ``order``; nothing if that costs ``limit`` or more."""

    @abstractmethod
    def apply(self, rule: Rule, ties: Ties, limit: int) -> tuple[tuple[int, ...], int]:
        """The order of ``rule`` and its cost.  An order that reaches ``limit`` is cut short there."""

    @abstractmethod
    def learned(self, weights: Sequence[float], limit: int) -> tuple[tuple[int, ...], int]:
        """The same for a learned rule; see :mod:`.linear`."""
