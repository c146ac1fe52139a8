"""The order that is known for a graph, else the best of the greedy ones: the one place that asks a zoo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import elimination
from ..cost import MULTIPLICATIONS, CostModel

if TYPE_CHECKING:
    from ..fingerprint import Canonical
    from ..ordering.protocol import Certificate
    from ..zoo import Zoo


@dataclass(frozen=True)
class Known:
    """An order for a graph, sound, and what is said of it.

    Attributes:
        order: In the graph's own numbering.
        source: As in :attr:`ccjac.Plan.source`.
        lower_bound: Of the order's cost model: a claim, unless ``trusted``.
        certificate: Why the bound holds.
        trusted: Whether the bound was computed here.
    """

    order: tuple[int, ...]
    source: str
    lower_bound: int
    certificate: Certificate
    trusted: bool


def known_order(
    label: Canonical,
    zoo: Zoo | None,
    cost: CostModel = MULTIPLICATIONS,
    *,
    name: str = "",
    remember: bool = True,
) -> Known:
    """Look a graph's order up; on a miss take the best greedy one.

    Args:
        label: The graph with its fingerprint.
        zoo: Where to look, ``None`` for nowhere.
        cost: What the order is to minimise.
        name: What people call the function, for a miss that is remembered.
        remember: Whether a miss is written into the zoo, as waiting for ``ccjac-train``.
    """
    if zoo is not None and (hit := zoo.lookup(label, cost)) is not None:
        source = hit.method if hit.pending else f"zoo:{hit.source}"
        return Known(hit.order, source, hit.lower_bound, hit.certificate, trusted=False)
    from ..ordering import greedy

    best = greedy.best(label.source, cost)
    if zoo is not None and remember:
        zoo.remember_miss(label, best, cost, name=name)
    order = elimination.check_order(label.source, best.order)
    return Known(order, best.method, best.lower_bound, best.certificate, trusted=True)
