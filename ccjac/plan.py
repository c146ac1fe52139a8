"""The plan of a Jacobian: graph, order, price and provenance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import elimination
from .cost import MULTIPLICATIONS
from .elimination import Counts
from .errors import OrderError
from .graph import Graph

if TYPE_CHECKING:
    from .zoo import Zoo

Order = "str | Sequence[int] | Plan"


@dataclass(frozen=True, eq=False)
class Plan:
    """How a Jacobian is computed.  Pass one as ``order=`` to reuse it.

    Attributes:
        graph: The linearized computational graph, ``None`` for a fallback.
        order: The intermediate vertices in the order of their elimination.
        source: ``"zoo:<name>"``, ``"greedy:<rule>"``, ``"search:<method>"``, ``"given"`` or ``"fallback"``.
        lower_bound: A proven lower bound for ``multiplications``, 0 if none was computed.
        optimal: Whether ``multiplications`` is known to be minimal over all vertex elimination orders.
        executor: What runs it, once compiled: ``"kernel"``, ``"ops"``, ``"forward"`` or ``"reverse"``.
        reason: Why this executor or this fallback.
    """

    graph: Graph | None
    order: tuple[int, ...]
    source: str
    lower_bound: int = 0
    optimal: bool = False
    executor: str = ""
    reason: str = ""
    _fingerprint: str = field(default="", repr=False)

    @cached_property
    def counts(self) -> Counts:
        """Products and sums of the elimination; all zero for a fallback."""
        return elimination.count(self.graph, self.order) if self.graph is not None else Counts((0, 0, 0), 0)

    @property
    def multiplications(self) -> int:
        """Executed multiplications of partials; those by ±1 are free."""
        return self.counts.multiplications

    @property
    def structural(self) -> int:
        """The literature's count: every pair of an in-edge and an out-edge."""
        return self.counts.structural

    @property
    def additions(self) -> int:
        """Products that are added to an existing edge."""
        return self.counts.additions

    @cached_property
    def fingerprint(self) -> str:
        """The key of the graph's structure in a zoo, 32 hexadecimal digits; empty for a fallback."""
        if self._fingerprint or self.graph is None:
            return self._fingerprint
        from .fingerprint import canonical

        return canonical(self.graph).fingerprint

    @property
    def granularity(self) -> str:
        """``"scalar"`` or ``"tensor"``; empty for a fallback."""
        return self.graph.granularity if self.graph is not None else ""

    def with_executor(self, executor: str, reason: str) -> Plan:
        """The same plan, once it is known what runs it."""
        return replace(self, executor=executor, reason=reason)

    def describe(self) -> str:
        """A short table: this order beside forward, reverse and Markowitz, and where it came from."""
        from .explain import describe

        return describe(self)

    def __repr__(self) -> str:
        return self.describe()


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
    from .ordering import greedy, searchers

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
    from .fingerprint import canonical
    from .ordering import greedy
    from .zoo import resolve

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
