"""The judge of stored orders: an order is advice, checked against the graph before every use."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ..backends.discovery import cost_model, cost_models
from ..cost import CostModel
from ..elimination import check_order, count
from ..errors import CcjacError, OrderError
from ..fingerprint import canonical
from ..graph import Graph
from ..ordering.protocol import Certificate
from .certificates import certificate_of
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


def proven_bound(graph: Graph, stored: StoredOrder, cost: CostModel) -> int | None:
    """The bound that the certificate of ``stored`` proves for its graph, ``None`` if that cannot be told cheaply."""
    return _recomputed(graph, cost, certificate_of(stored)) if stored.lower_bound else 0


def overstated(graph: Graph, stored: StoredOrder, cost: CostModel) -> str | None:
    """Why the bound of ``stored`` is more than what its own proof gives; ``None`` if it is not, or nobody can tell."""
    proven = proven_bound(graph, stored, cost)
    if proven is None or proven >= stored.lower_bound or stored.proof == "none":
        return None
    return f"the bound {stored.lower_bound} is claimed, but its proof ({stored.proof}) gives {proven}"


def believed_bound(graph: Graph, stored: StoredOrder, cost: CostModel) -> int:
    """The bound of an order in the user's own directory: what its certificate proves.

    An exhaustive search is believed there, since only searches of this library leave such entries, and an import does
    not: :func:`honest`.
    """
    proven = proven_bound(graph, stored, cost)
    return (
        stored.lower_bound if proven is None and stored.proof == "exhausted" else min(proven or 0, stored.lower_bound)
    )


def honest(entry: Entry, *, strict: bool = False) -> Entry:
    """``entry`` without the bounds that are more than their proofs give; the orders stay.

    Args:
        entry: Its graph and orders are sound.
        strict: Whether bounds go whose proofs cannot be repeated, as for what comes from elsewhere.
    """
    models = cost_models()
    orders = {}
    for name, stored in entry.orders.items():
        keep = name not in models or not stored.lower_bound
        if not keep and strict:
            keep = (proven_bound(entry.graph, stored, models[name]) or 0) >= stored.lower_bound
        elif not keep:
            keep = overstated(entry.graph, stored, models[name]) is None
        orders[name] = stored if keep else replace(stored, lower_bound=0, proof="none", groups=())
    return entry if orders == dict(entry.orders) else replace(entry, orders=orders)


@lru_cache(maxsize=64)
def _recomputed(graph: Graph, cost: CostModel, certificate: Certificate) -> int | None:
    # The bounds stand beside the searchers, which a lookup does without.
    from ..ordering.bounds.recheck import recomputed

    return recomputed(graph, cost, certificate)
