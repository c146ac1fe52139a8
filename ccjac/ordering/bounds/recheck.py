"""Recomputing a lower bound from its certificate: what somebody else says of an order is a claim until then."""

from __future__ import annotations

from ...cost import CostModel
from ...errors import OrderError
from ...graph import Graph
from ..protocol import Certificate
from .groups import LARGEST, group_bound
from .menger import menger

_EDGES = 6_000
"""Edges up to which disjoint paths are sought again; that takes about a second there."""

_SUBSETS = 1 << 20
"""Subsets of all groups together that are tabulated again; that takes about a second."""


def recomputed(graph: Graph, cost: CostModel, certificate: Certificate) -> int | None:
    """The lower bound that ``certificate`` proves for ``graph``, computed here and now.

    Args:
        graph: Any graph; the certificate's groups are in its numbering.
        cost: The price of a pair.
        certificate: Why somebody says that a bound holds.

    Returns:
        The bound; 0 if the certificate proves nothing; ``None`` if that cannot be told in about a second: the graph or
        the groups are too large, or the proof is a search that would have to be repeated.
    """
    match certificate.proof:
        case "menger":
            return menger(graph, cost) if len(graph.edges) <= _EDGES else None
        case "groups" if certificate.groups:
            # Their tables and the paths of the others; sizes are checked before anything is tabulated.
            sizes = [len(group) for group in certificate.groups]
            if max(sizes) > LARGEST or len(graph.edges) > _EDGES or sum(1 << size for size in sizes) > _SUBSETS:
                return None
            try:
                return group_bound(graph, cost, certificate.groups)
            except OrderError:
                return 0
        case "groups" | "exhausted":
            return None
    return 0
