"""Cost models: what one pair (predecessor, successor) costs when the vertex between them is eliminated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CostModel:
    """The price of a product of two partials, by how many of the two are unit edges (the constants +1 and -1).

    A product of two unit edges is a unit edge; a sum of edges is not.

    Attributes:
        name: The name users pass as ``cost=``.
        pair: Price with no, one and two unit edges among the two factors.

    Example:
        Eliminating a vertex with in-edges (unit, general) and one general out-edge costs
        ``pair[1] + pair[0]``: 2 under :data:`STRUCTURAL`, 1 under :data:`MULTIPLICATIONS`.
    """

    name: str
    pair: tuple[int, int, int]


STRUCTURAL = CostModel("structural", (1, 1, 1))
"""Every pair costs 1: the count of the literature and of Lohoff & Neftci (NeurIPS 2024, arXiv 2406.05027)."""

MULTIPLICATIONS = CostModel("multiplications", (1, 0, 0))
"""The default objective: the multiplications that are really executed, those by +1 and -1 being free."""
