"""The greedy family: eliminate next whatever looks cheapest now (Albrecht, Gottschling & Naumann, 2003).

What looks cheap is told by the rules of :mod:`.rules`.  Ties go to the highest vertex number, consumers first.  That
carries real information: on the graph of Roe's flux the rule LM costs 344 with it and 407 with ties to the lowest
number.

The heap holds outdated keys as well; an entry counts only if it equals the vertex's present key.  With that LM is
near-linear in practice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ...elimination import forward_order, reverse_order
from ...errors import OrderError
from ...graph import Graph
from ..bounds import menger as bound
from ..protocol import Listener, Progress, SearchResult
from .compiled import CompiledFamily, load_kernels, readiness
from .linear import linear_rules
from .python import PythonFamily
from .rules import RULES, Attempt, Family, Rule, Ties

_BY_NAME = {rule.name: rule for rule in RULES}
_SCANS: dict[str, Callable[[Graph], tuple[int, ...]]] = {"forward": forward_order, "reverse": reverse_order}

NAMES = ("forward", "reverse", "markowitz", *_BY_NAME)
"""What :func:`rule_order` knows."""

_COSTLY = 4_000
"""From this many intermediate vertices on only the cheap rules run."""

_COMPILED = {"loaded": 64, "stored": 500, "absent": 2_000}
"""From this many on the rules run compiled, by how far the kernels are.  In Python all rules together take 20 ms on a
hundred vertices and two seconds on a thousand; compiled, a quarter and a tenth of that.  Loading the kernels takes half
a second, and compiling them, once per machine, some fifteen.  Both find the same orders."""

_UNBOUNDED = 1 << 62


def rule_order(
    graph: Graph, rule: str, *, cost: CostModel = MULTIPLICATIONS, ties: Ties = "reverse"
) -> tuple[int, ...]:
    """The order of one named rule.

    Args:
        graph: Any graph.
        rule: One of :data:`NAMES`.  ``"markowitz"`` is LM with ties to the lowest number, as in the published counts.
        cost: Only rules that price pairs look at it.
        ties: ``"reverse"``: the highest number first.

    Raises:
        OrderError: An unknown name.
    """
    if rule in _SCANS:
        return _SCANS[rule](graph)
    if rule == "markowitz":
        rule, ties = "LM", "forward"
    if rule not in _BY_NAME:
        raise OrderError(f"`rule_order` knows {', '.join(NAMES)}; got {rule!r}.")
    return _family(graph, cost).apply(_BY_NAME[rule], ties, _UNBOUNDED)[0]


def price(graph: Graph, order: Sequence[int], cost: CostModel = MULTIPLICATIONS) -> int:
    """What an order costs; quicker than :func:`ccjac.elimination.count` where it fills a large graph with edges.

    Args:
        graph: Any graph.
        order: A permutation of its intermediate vertices.  Dead ones count nothing, wherever they are.
        cost: The price of a pair.
    """
    found = _family(graph, cost).replay(order, _UNBOUNDED)
    assert found is not None
    return found[1]


def markowitz(graph: Graph) -> tuple[int, ...]:
    """The lowest Markowitz degree first, ties to the lowest number: the literature's standard rule."""
    return rule_order(graph, "markowitz")


def warm_up(graph: Graph) -> None:
    """Load or compile the kernels for a graph of this size, if there are any."""
    if _is_compiled(graph):
        load_kernels()


def best(
    graph: Graph,
    cost: CostModel = MULTIPLICATIONS,
    *,
    seconds: float = float("inf"),
    start: Sequence[Sequence[int]] = (),
    progress: Listener | None = None,
) -> SearchResult:
    """Run every rule that suits the graph's size and keep the cheapest order.

    LM always runs to its end.  A later rule is dropped as soon as it costs more than the best so far, which keeps
    forward mode affordable on graphs for which it is a catastrophe.

    Args:
        graph: Any graph.
        cost: The price of a pair.
        seconds: No further rule is started after this time.  Compiling the rules for large graphs is on top.
        start: Orders known beforehand.
        progress: Called after every improvement.
    """
    warm_up(graph)
    began = time.perf_counter()
    family = _family(graph, cost)
    certificate, lower = bound.cheap(graph, cost)
    order: tuple[int, ...] = ()
    total, method = _UNBOUNDED, "greedy"
    history: list[tuple[float, int]] = []
    for name, attempt in _attempts(family, start):
        if total < _UNBOUNDED and (total <= lower or time.perf_counter() - began > seconds):
            break
        found = attempt(total)
        if found is not None and found[1] < total:
            (order, total), method = found, name
            history.append((time.perf_counter() - began, total))
            if progress is not None:
                progress(Progress(history[-1][0], total, lower, order, method))
    return SearchResult(order, total, lower, method, time.perf_counter() - began, tuple(history), certificate)


def _attempts(family: Family, start: Sequence[Sequence[int]]) -> list[tuple[str, Callable[[int], Attempt]]]:
    """Names and ways to get an order below a limit, in the order in which they are worth trying."""
    graph, cost = family.graph, family.cost
    large = len(graph.eliminable) >= _COSTLY
    # Under the structural cost this rule is LMMD once more.
    twins = {"LMMD-priced"} if cost.pair == STRUCTURAL.pair else set()

    def replay(order: Sequence[int]) -> Callable[[int], Attempt]:
        return lambda limit: family.replay(order, limit)

    def apply(rule: Rule) -> Callable[[int], Attempt]:
        return lambda limit: family.apply(rule, "reverse", limit)

    def learned(weights: Sequence[float]) -> Callable[[int], Attempt]:
        return lambda limit: family.learned(weights, limit)

    found = [("given", replay(order)) for order in start]
    found.append(("greedy:LM", apply(RULES[0])))
    found += [(f"greedy:{name}", replay(scan(graph))) for name, scan in _SCANS.items()]
    found += [
        (f"greedy:{rule.name}", apply(rule))
        for rule in RULES[1:]
        if (rule.cheap or not large) and rule.name not in twins
    ]
    found += [(f"greedy:{rule.name}", learned(rule.weights)) for rule in linear_rules(cost, len(family.live))]
    return found


def _family(graph: Graph, cost: CostModel) -> Family:
    """The graph prepared in the way that suits its size; both find the same orders."""
    return CompiledFamily(graph, cost) if _is_compiled(graph) else PythonFamily(graph, cost)


def _is_compiled(graph: Graph) -> bool:
    return len(graph.eliminable) >= _COMPILED[readiness()]


class Greedy:
    """The greedy family as a searcher."""

    name = "greedy"

    def search(
        self,
        graph: Graph,
        *,
        cost: CostModel,
        seconds: float,
        seed: int,
        start: Sequence[Sequence[int]] = (),
        progress: Listener | None = None,
    ) -> SearchResult:
        """See :class:`ccjac.ordering.protocol.Searcher`.  The rules are deterministic: ``seed`` changes nothing."""
        return best(graph, cost, seconds=seconds, start=start, progress=progress)
