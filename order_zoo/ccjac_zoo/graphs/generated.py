"""Seeded random graphs: the distribution that agents and rules are trained on."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from ccjac.graph import Graph

from . import arrays, programs

FAMILIES: dict[str, Callable[[random.Random, int], Graph]] = {
    "expressions": programs.expressions,
    "layers": programs.layers,
    "chain": programs.chain,
    "stars": programs.stars,
    "tree": programs.tree,
    "blocks": programs.blocks,
    "stencil": arrays.stencil,
    "grid": arrays.grid,
    "matrices": arrays.matrices,
    "network": arrays.network,
    "pairs": arrays.pairs,
}
"""Families of programs by name."""


@dataclass(frozen=True)
class Generated:
    """A generated graph.

    Attributes:
        family: A key of :data:`FAMILIES`.
        seed: What it was made from.
        graph: The graph.
    """

    family: str
    seed: int
    graph: Graph

    @property
    def name(self) -> str:
        """Family, live size and seed."""
        return f"{self.family}-{len(self.graph.eliminable)}-{self.seed}"


def generate(seed: int, sizes: tuple[int, int] = (5, 500), family: str | None = None) -> Generated:
    """A random graph.

    Args:
        seed: Same arguments, same graph, on every platform.
        sizes: Bounds of the number of operations, which is drawn log-uniformly.  Most families come within a quarter of
            it; copies of outputs and joins of loose ends are on top.
        family: A key of :data:`FAMILIES`; a random one by default.
    """
    rng = random.Random(f"{seed} {sizes} {family}")
    name = family or rng.choice(list(FAMILIES))
    low, high = (math.log(bound) for bound in sizes)
    return Generated(name, seed, FAMILIES[name](rng, round(math.exp(rng.uniform(low, high)))))
