"""``ccjac plan``: what would be computed for a function, and at what price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from .. import api
from ..backends.discovery import cost_model
from ..cost import CostModel
from ..errors import CcjacError
from ..planning.plan import Plan
from ..terminal import console, print_json
from . import arguments, catalogue

EXAMPLES = """
[bold]Examples[/bold]: [cyan]ccjac plan RoeFlux_1d[/cyan] (a task of the catalogue);
[cyan]ccjac plan mypackage.flux:residual --shape 6[/cyan] (one array of 6 numbers);
[cyan]ccjac plan flux.py:residual --arg 'f64\\[6]' --arg gamma=1.4[/cyan] (an array, and a number by keyword);
[cyan]ccjac plan flux.py:residual --shape 3 --shape 3,4 --argnums 0,1 --order reverse[/cyan].
"""


# The options that say which function is meant; other commands take them too.
Function = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:FUNCTION",
        help="A function: MODULE:FUNCTION, importable from here, or FILE.py:FUNCTION, or the name of a catalogue "
        "task (which brings its own arguments).",
        show_default=False,
    ),
]
Arg = Annotated[
    list[str] | None,
    typer.Option(
        "--arg",
        "-a",
        metavar="VALUE",
        help="One argument of the function; repeat in order. An array's type (f32\\[3,4], f64\\[]), a "
        "Python literal (1.5, 3, \"'text'\"), a list for an array (\\[1.0, 2.0]), a tuple or dict of these for a "
        "container; NAME=VALUE for a keyword. Only types and shapes matter, unless the value is static (ints, "
        "strings).",
        show_default=False,
    ),
]
Shape = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        "-s",
        metavar="SIZES",
        help="One float32 array argument, by its sizes: 6, 3,4 or () for a scalar; repeat in order. Not together "
        "with --arg.",
        show_default=False,
    ),
]
Argnums = Annotated[
    str | None,
    typer.Option(
        metavar="INDICES",
        help="Positions of the differentiated arguments: 0 or 0,2. By default 0, or what the catalogue task says.",
        show_default=False,
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The framework that traces the function, such as jax.", show_default="jax"),
]


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
    wanted: Any = arguments.parse_order(order)
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


def resolve(
    function: str,
    arg: list[str],
    shape: list[str],
    argnums: str | None,
    backend: str | None,
    command: str = "ccjac plan",
) -> tuple[Callable[..., Any], arguments.Arguments, int | tuple[int, ...]]:
    """The function, its arguments and what is differentiated, from the words of the command line.

    Raises:
        CcjacError: The words name no function or do not fit it; the message speaks of ``command``.
    """
    wrt = arguments.parse_argnums(argnums) if argnums is not None else None
    if ":" in function:
        return arguments.load(function, command), arguments.parse(arg, shape, command), 0 if wrt is None else wrt
    task = catalogue.find(function, command)
    if arg or shape:
        raise CcjacError(
            f"`{command} {function}`: a catalogue task brings its own arguments; leave --arg and --shape out."
        )
    return (
        task.bind(backend or "jax"),
        arguments.Arguments(task.example(), {}),
        task.argnums if wrt is None else wrt,
    )


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
