"""What to eliminate in which order: from ``order=`` to a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import elimination
from ..cost import MULTIPLICATIONS
from ..errors import OrderError, nearest
from ..graph import Graph
from .lookup import known_order
from .plan import Plan


def choose(graph: Graph, order: Any = "auto", zoo: Any = None, *, name: str = "", remember: bool = True) -> Plan:
    """Turn an ``order=`` argument into a plan for ``graph``.

    Args:
        graph: The graph to eliminate.
        order: ``"auto"`` (zoo, then the greedy portfolio), ``"forward"``, ``"reverse"``, ``"markowitz"``, the name
            of a registered searcher, a sequence of vertices, or a plan of an equal graph.
        zoo: Where ``"auto"`` looks: ``None`` for all layers, a path, a zoo, or ``False`` for none.
        name: What people call the function, for a miss that is remembered.
        remember: Whether a miss is written into the zoo; a plan that nobody runs is not worth that.

    Raises:
        OrderError: An unknown name, or an order that does not fit.
    """
    if isinstance(order, Plan):
        if order.source == "fallback" or order.graph is None:
            return choose(graph, "auto", zoo, name=name, remember=remember)
        if order.graph != graph:
            if (moved := _moved(order, graph)) is not None:
                return moved
            raise OrderError(
                f"`order` is a `Plan` for {order.graph!r}, but this function has {graph!r}. "
                "Make the plan with the same function and argument shapes."
            )
        return replace(order, graph=graph, executor="", reason="")
    if isinstance(order, str):
        return _automatic(graph, zoo, name, remember) if order == "auto" else _by_name(graph, order)
    return Plan(graph, elimination.check_order(graph, order), "given")


def _moved(plan: Plan, graph: Graph) -> Plan | None:
    """``plan`` on a graph of the same structure with other numbers, as another framework or version traces it."""
    from ..fingerprint import canonical

    assert plan.graph is not None
    there, here = canonical(plan.graph), canonical(graph)
    if there.fingerprint != here.fingerprint:
        return None
    order = elimination.check_order(graph, here.from_canonical(there.to_canonical(plan.order)))
    if elimination.count(graph, order) != plan.counts:
        return None
    certificate = plan.certificate
    if certificate is not None:
        groups = tuple(here.from_canonical(there.to_canonical(group)) for group in certificate.groups)
        certificate = replace(certificate, groups=groups)
    return replace(plan, graph=graph, order=order, certificate=certificate, executor="", reason="")


def _by_name(graph: Graph, name: str) -> Plan:
    if name == "forward":
        return Plan(graph, elimination.forward_order(graph), "given")
    if name == "reverse":
        return Plan(graph, elimination.reverse_order(graph), "given")
    # The searchers are loaded where one is asked for.
    from ..ordering import greedy, searchers

    if name == "markowitz":
        return Plan(graph, greedy.markowitz(graph), "greedy:LM")
    known = searchers()
    if name not in known:
        names = ["auto", "forward", "reverse", "markowitz", *sorted(known)]
        raise OrderError(
            f"`order` must be one of {', '.join(names)}, a sequence of vertices or a `Plan`; got {name!r}."
            f"{nearest(name, names)}"
        )
    result = known[name].search(graph, cost=MULTIPLICATIONS, seconds=10.0, seed=0)
    source = result.method if result.method.startswith("greedy:") else f"search:{result.method}"
    order = elimination.check_order(graph, result.order)
    return Plan(graph, order, source, result.lower_bound, result.certificate, trusted=True)


def _automatic(graph: Graph, zoo: Any, name: str, remember: bool) -> Plan:
    from ..fingerprint import canonical
    from ..zoo import resolve

    label = canonical(graph)
    known = known_order(label, resolve(zoo), name=name, remember=remember)
    return Plan(
        graph,
        known.order,
        known.source,
        known.lower_bound,
        known.certificate,
        known.trusted,
        _fingerprint=label.fingerprint,
    )
