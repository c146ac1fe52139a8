"""``ccjac-train refresh``: improve everything in a zoo."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from ccjac.terminal import console
from ccjac.terminal.options import Directory

from ..refresh.engines import LOCAL
from ..refresh.engines import opened as opened_engine
from ..refresh.interrupts import EXIT_CODE, counted
from ..refresh.run import run
from ..refresh.state import DEFAULT_SHARE, Limits
from ..refresh.task import ALL, agenda
from . import table
from .options import Method, Seed, chosen_method, chosen_seed, duration, opened


def refresh(
    zoo: Directory = None,
    seconds_per_graph: Annotated[
        float | None,
        typer.Option(
            parser=duration,
            metavar="TIME",
            help="Time for each order: 30, 30s, 5m, 1h. By default --total divided evenly, or "
            f"{DEFAULT_SHARE:.0f} seconds.",
            show_default=False,
        ),
    ] = None,
    total: Annotated[
        float | None,
        typer.Option(
            parser=duration,
            metavar="TIME",
            help="Time of searching for the whole run; compiling the searchers, once per machine, is on top. A run "
            "ends when every order had its time, or when this is over.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, help="Number of processes.", show_default="one per core"),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Where the searches run: local, or ray[:ADDRESS] for a Ray cluster (extra ray). Only this process "
            "writes to the zoo.",
        ),
    ] = LOCAL,
    method: Method = None,
    cost: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The orders to improve: those for multiplications, for structural or for a plugin's cost model "
            "(entries that lack one get one), or all that are stored.",
        ),
    ] = ALL,
    pending_only: Annotated[
        bool, typer.Option("--pending-only", help="Only greedy orders that wait for their first search.")
    ] = False,
    seed: Seed = None,
) -> None:
    """Improve every order in your zoo, the pending ones first.

    An improvement is stored as soon as it is found, and nothing is ever replaced by anything worse: stop it at any
    moment, start it again, run two of them. After the pending orders come those that had the least rounds of search, of
    these the ones farthest from their lower bound. Orders that meet their bound are skipped.
    """
    name, number, out = chosen_method(method), chosen_seed(seed), console()
    home = opened(zoo)
    work = agenda(home, cost=cost, pending_only=pending_only)
    if work.findings:
        wrong = len({finding.fingerprint for finding in work.findings})
        out.print(f"{wrong} entries are damaged; `ccjac zoo verify` says how.", markup=False)
    if not work.tasks:
        met = f"; {work.met} meet their bound" if work.met else ""
        out.print(f"No orders to improve in {home.path}{met}.", markup=False, soft_wrap=True)
        return
    where, room = opened_engine(engine)
    limits = Limits(seconds_per_graph, math.inf if total is None else total, room if jobs is None else jobs)
    share = limits.round(len(work.tasks))
    with counted() as interrupts:
        out.print(
            f"Searching {len(work.tasks)} orders in {home.path} by {name}, {share:.3g} s each, seed {number}.",
            markup=False,
            soft_wrap=True,
        )
        with table.display(out) as display:
            done = run(
                home,
                work.tasks,
                method=name,
                seed=number,
                limits=limits,
                display=display,
                interrupts=interrupts,
                engine=where,
            )
    table.conclude(out, done, work.met)
    if done.stopping:
        raise typer.Exit(EXIT_CODE)
    if any(row.state == "failed" for row in done.rows):
        raise typer.Exit(1)
