"""Plans in words and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import elimination

if TYPE_CHECKING:
    from .plan import Plan

_MARKOWITZ_LIMIT = 20_000
"""Vertices beyond which a table does not spend the seconds that a Markowitz count takes."""


def describe(plan: Plan) -> str:
    """A plan as a short plain-text table."""
    graph = plan.graph
    if graph is None:
        return f"Plan: {plan.executor or 'framework'} mode of the framework itself (fallback: {plan.reason})"
    lines = [
        f"Plan: {graph.n_inputs} inputs, {len(graph.eliminable)} intermediate vertices, {len(graph.outputs)} outputs, "
        f"{len(graph.edges)} edges ({len(graph.unit_edges)} units), {graph.granularity} granularity",
        f"{'order':<12}{'multiplications':>16}{'structural':>12}{'additions':>11}",
    ]
    rows = {"forward": elimination.forward_order(graph), "reverse": elimination.reverse_order(graph)}
    if len(graph.eliminable) <= _MARKOWITZ_LIMIT:
        from .ordering import greedy

        rows["markowitz"] = greedy.markowitz(graph)
    table = {name: elimination.count(graph, order) for name, order in rows.items()}
    table["this order"] = plan.counts
    for name, c in table.items():
        lines.append(f"{name:<12}{c.multiplications:>16,}{c.structural:>12,}{c.additions:>11,}")
    certainty = "optimal" if plan.optimal else f"at least {plan.lower_bound:,}" if plan.lower_bound else "not bounded"
    lines.append(f"source       {plan.source} (multiplications: {certainty})")
    if graph.labels and plan.order:
        v, pairs = heaviest(plan)
        label = graph.labels[v - graph.n_inputs]
        lines.append(f"heaviest     vertex {v}: {pairs} pairs" + (f" ({label})" if label else ""))
    if plan.executor:
        lines.append(f"executor     {plan.executor}" + (f" ({plan.reason})" if plan.reason else ""))
    lines.append(f"fingerprint  {plan.fingerprint}")
    return "\n".join(lines)


def heaviest(plan: Plan) -> tuple[int, int]:
    """The vertex whose elimination multiplies most pairs, and how many."""
    assert plan.graph is not None
    state = elimination.EliminationState(plan.graph)
    most, where = -1, plan.order[0]
    for v in plan.order:
        if (pairs := sum(state.pairs(v))) > most:
            most, where = pairs, v
        state.eliminate(v)
    return where, most
