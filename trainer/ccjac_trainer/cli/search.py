"""``ccjac-train search``: the best order for one function."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from ccjac import api
from ccjac.backends.discovery import cost_model
from ccjac.cost import MULTIPLICATIONS, CostModel
from ccjac.fingerprint import Canonical, canonical
from ccjac.planning.lookup import known_order
from ccjac.planning.naming import call_name
from ccjac.planning.plan import Plan
from ccjac.terminal import console
from ccjac.terminal.arguments import resolve
from ccjac.terminal.options import Arg, Argnums, Backend, Directory, Function, Shape
from ccjac.zoo import Zoo

from ..refresh.interrupts import EXIT_CODE, counted
from ..refresh.run import run
from ..refresh.state import Limits
from ..refresh.task import Task, gap
from . import table
from .options import Method, Seed, chosen_method, chosen_seed, duration, opened


def search(
    function: Function,
    arg: Arg = None,
    shape: Shape = None,
    argnums: Argnums = None,
    backend: Backend = None,
    seconds: Annotated[
        float,
        typer.Option(parser=duration, metavar="TIME", help="Time for the search: 30, 30s, 5m, 1h."),
    ] = 10.0,
    method: Method = None,
    cost: Annotated[
        str, typer.Option(metavar="NAME", help="The cost model: multiplications, structural or a plugin's.")
    ] = "multiplications",
    seed: Seed = None,
    zoo: Directory = None,
) -> None:
    """Trace one function, search a better order for it, and store that in your zoo."""
    name, number, model, out = chosen_method(method), chosen_seed(seed), cost_model(cost), console()
    target, call, wrt = resolve(function, arg or [], shape or [], argnums, backend, "ccjac-train search")
    # As a miss at run time would call it; a task of the catalogue by its own name.
    called = call_name(target, call.positional, call.keywords) if ":" in function else function
    label = canonical(api.trace(target, *call.positional, argnums=wrt, backend=backend, **call.keywords))
    home = opened(zoo)
    before = _plan(home, label, model, called)
    start = before.counts.cost(model)
    out.print(before.describe(), markup=False, soft_wrap=True)
    task = Task(
        label.fingerprint,
        called,
        replace(label.source, labels=()),
        model.name,
        (before.order,),
        start,
        method=before.source.removeprefix("zoo:"),
        kept=False,
    )
    with counted() as interrupts:
        out.print(f"Searching by {name} for {seconds:.3g} s, seed {number}.", markup=False)
        with table.display(out) as display:
            done = run(
                home,
                [task],
                method=name,
                seed=number,
                limits=Limits(seconds),
                display=display,
                interrupts=interrupts,
            )
    (row,) = done.rows
    after = _plan(home, label, model, called)
    price = after.counts.cost(model)
    out.print(after.describe(), markup=False, soft_wrap=True)
    change = f"{start:,} -> {price:,}, {gap(start, price):.1%} less" if price < start else f"{price:,}, no gain"
    bound = f"bound {row.lower_bound:,}" if row.lower_bound else "no bound"
    out.print(f"{model.name}: {change} ({bound}); stored in {home.path}", markup=False, soft_wrap=True)
    if done.stopping:
        raise typer.Exit(EXIT_CODE)
    if row.state == "failed":
        raise typer.Exit(1)


def _plan(zoo: Zoo, label: Canonical, model: CostModel, name: str) -> Plan:
    """The plan that a lookup gives now; a miss is remembered, so that there is something to improve."""
    known = known_order(label, zoo, model, name=name)
    plan = Plan(label.source, known.order, known.source, _fingerprint=label.fingerprint)
    if model.name != MULTIPLICATIONS.name:
        # A plan speaks of the bound on multiplications.
        return plan
    return replace(plan, claimed_bound=known.lower_bound, certificate=known.certificate, trusted=known.trusted)
