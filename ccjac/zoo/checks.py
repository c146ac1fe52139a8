"""The judge of stored orders: an order is advice, checked against the graph before every use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

from ..backends.discovery import cost_model
from ..cost import CostModel
from ..elimination import check_order, count
from ..errors import CcjacError, OrderError
from ..fingerprint import canonical
from ..graph import Graph
from ..ordering.protocol import Certificate, Proof
from .entry import Entry, StoredOrder


def flaw(graph: Graph, stored: StoredOrder, order: tuple[int, ...], cost: CostModel) -> str | None:
    """Why ``order``, which is ``stored`` in the graph's own numbering, must not be used; ``None`` if it may."""
    try:
        price = count(graph, check_order(graph, order)).cost(cost)
    except OrderError as error:
        return str(error)
    if price != stored.cost:
        return f"the order costs {price}, but {stored.cost} is stored"
    return None


def problems(entry: Entry) -> dict[str, str]:
    """What is wrong with an entry: by the name of a cost model, or ``"graph"`` for the entry as a whole."""
    form = canonical(entry.graph)
    if form.fingerprint != entry.fingerprint:
        return {"graph": f"the fingerprint of the stored graph is {form.fingerprint}"}
    if form.graph != entry.graph:
        return {"graph": "the stored graph is not in canonical numbering"}
    found = {}
    for name, stored in entry.orders.items():
        try:
            model = cost_model(name)
        except CcjacError:
            found[name] = "no installed package knows this cost model"
            continue
        if (wrong := flaw(entry.graph, stored, stored.order, model)) is not None:
            found[name] = wrong
    return found


def certificate_of(stored: StoredOrder, renumber: Callable[[Iterable[int]], tuple[int, ...]] = tuple) -> Certificate:
    """Why a stored bound is said to hold, in the numbering to which ``renumber`` leads from the canonical one."""
    if stored.proof not in get_args(Proof):
        return Certificate()
    return Certificate(stored.proof, tuple(renumber(group) for group in stored.groups))  # type: ignore[arg-type]
