"""What to eliminate in which order: from ``order=`` to a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import elimination
from ..cost import MULTIPLICATIONS
from ..errors import OrderError
from ..fingerprint import canonical
from ..graph import Graph
from ..ordering import greedy, searchers
from ..zoo import resolve
from .plan import Plan

if TYPE_CHECKING:
    from ..zoo import Zoo


def choose(graph: Graph, order: Any = "auto", zoo: Any = None) -> Plan:
    """Turn an ``order=`` argument into a plan for ``graph``.

    Args:
        graph: The graph to eliminate.
        order: ``"auto"`` (zoo, then the greedy portfolio), ``"forward"``, ``"reverse"``, ``"markowitz"``, the name
            of a registered searcher, a sequence of vertices, or a plan of an equal graph.
        zoo: Where ``"auto"`` looks: ``None`` for all layers, a path, a zoo, or ``False`` for none.

    Raises:
        OrderError: An unknown name, or an order that does not fit.
    """
    if isinstance(order, Plan):
        if order.source == "fallback" or order.graph is None:
            return choose(graph, "auto", zoo)
        if order.graph != graph:
            raise OrderError(
                f"`order` is a `Plan` for {order.graph!r}, but this function has {graph!r}. "
                "Make the plan with the same function and argument shapes."
            )
        return replace(order, graph=graph, executor="", reason="")
    if isinstance(order, str):
        return _by_name(graph, order, zoo)
    return Plan(graph, elimination.check_order(graph, order), "given")


def _by_name(graph: Graph, name: str, zoo: Any) -> Plan:
    if name == "auto":
        return _automatic(graph, zoo)
    if name == "forward":
        return Plan(graph, elimination.forward_order(graph), "given")
    if name == "reverse":
        return Plan(graph, elimination.reverse_order(graph), "given")

    if name == "markowitz":
        return Plan(graph, greedy.markowitz(graph), "greedy:LM")
    known = searchers()
    if name not in known:
        names = ", ".join(["auto", "forward", "reverse", "markowitz", *sorted(known)])
        raise OrderError(f"`order` must be one of {names}, a sequence of vertices or a `Plan`; got {name!r}.")
    result = known[name].search(graph, cost=MULTIPLICATIONS, seconds=10.0, seed=0)
    source = result.method if result.method.startswith("greedy:") else f"search:{result.method}"
    order = elimination.check_order(graph, result.order)
    return Plan(graph, order, source, result.lower_bound, result.optimal)


def _automatic(graph: Graph, zoo: Any) -> Plan:
    layers: Zoo | None = resolve(zoo)
    label = canonical(graph)
    if layers is not None and (hit := layers.lookup(label, MULTIPLICATIONS)) is not None:
        source = hit.method if hit.pending else f"zoo:{hit.source}"
        return Plan(graph, hit.order, source, hit.lower_bound, hit.optimal, _fingerprint=label.fingerprint)
    best = greedy.best(graph, MULTIPLICATIONS)
    if layers is not None:
        layers.remember_miss(label, best)
    order = elimination.check_order(graph, best.order)
    return Plan(graph, order, best.method, best.lower_bound, best.optimal, _fingerprint=label.fingerprint)
