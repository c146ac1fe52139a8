"""``ccjac plan``: what would be computed for a function, and at what price."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import api
from ..backends.discovery import cost_model
from ..cost import CostModel
from ..planning.plan import Plan
from ..terminal import console, print_json
from ..terminal.arguments import parse_order, resolve
from ..terminal.options import Arg, Argnums, Backend, Function, Shape

EXAMPLES = """
[bold]Examples[/bold]: [cyan]ccjac plan RoeFlux_1d[/cyan] (a task of the catalogue);
[cyan]ccjac plan mypackage.flux:residual --shape 6[/cyan] (one array of 6 numbers);
[cyan]ccjac plan flux.py:residual --arg 'f64\\[6]' --arg gamma=1.4[/cyan] (an array, and a number by keyword);
[cyan]ccjac plan flux.py:residual --shape 3 --shape 3,4 --argnums 0,1 --order reverse[/cyan].
"""


def plan(
    function: Function,
    arg: Arg = None,
    shape: Shape = None,
    argnums: Argnums = None,
    backend: Backend = None,
    order: Annotated[
        str,
        typer.Option(
            metavar="ORDER",
            help="auto (order zoo, else the greedy portfolio), forward, reverse, markowitz, a searcher's name, or the "
            "vertices in the order of their elimination: 7,6,9,8.",
        ),
    ] = "auto",
    cost: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The cost model that is minimised: multiplications (products by +1 and -1 are free), structural "
            "(every pair of an in-edge and an out-edge counts), or one that a plugin adds.",
        ),
    ] = "multiplications",
    no_zoo: Annotated[
        bool, typer.Option("--no-zoo", help="Neither look the order up in the order zoo nor remember the miss.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON with all numbers, the order and the edges.")
    ] = False,
) -> None:
    """Trace a function and show its elimination plan, without compiling or running it."""
    model = cost_model(cost)
    target, call, wrt = resolve(function, arg or [], shape or [], argnums, backend)
    common: dict[str, Any] = {"argnums": wrt, "backend": backend, "zoo": False if no_zoo else None}
    wanted: Any = parse_order(order)
    if isinstance(wanted, str) and wanted not in ("forward", "reverse") and model.name != "multiplications":
        # The public `plan` minimises multiplications; another objective is a search on the same graph.
        from ..ordering import search

        graph = api.trace(target, *call.positional, argnums=wrt, backend=backend, **call.keywords)
        method = "greedy" if wanted in ("auto", "markowitz") else wanted
        found = search(graph, method=method, cost=model)
        result = Plan(graph, found.order, f"search:{found.method}")
    else:
        result = api.plan(target, *call.positional, order=wanted, **common, **call.keywords)
    if as_json:
        print_json(_as_json(result, model))
    else:
        _show(result, model)


def _show(plan: Plan, model: CostModel) -> None:
    out = console()
    out.print(plan.describe(), markup=False, soft_wrap=True)
    if plan.graph is not None and model.name not in ("multiplications", "structural"):
        out.print(f"{model.name:<12} {plan.counts.cost(model):,}", markup=False)


def _as_json(plan: Plan, model: CostModel) -> dict[str, Any]:
    graph = plan.graph
    described: dict[str, Any] = {
        "source": plan.source,
        "reason": plan.reason,
        "fingerprint": plan.fingerprint,
        "multiplications": plan.multiplications,
        "structural": plan.structural,
        "additions": plan.additions,
        "lower_bound": plan.lower_bound,
        "optimal": plan.optimal,
        "order": list(plan.order),
        "graph": None,
    }
    if graph is not None:
        described[model.name] = plan.counts.cost(model)
        described["graph"] = {
            "granularity": graph.granularity,
            "n_inputs": graph.n_inputs,
            "n_vertices": graph.n_vertices,
            "outputs": list(graph.outputs),
            "edges": [list(edge) for edge in graph.edges],
            "unit_edges": [list(edge) for edge in sorted(graph.unit_edges)],
        }
    return described
