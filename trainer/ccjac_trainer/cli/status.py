"""``ccjac-train status``: what a zoo still has to gain, and what it has cost so far."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from ccjac.backends.discovery import cost_model, cost_models
from ccjac.terminal import console, number, print_json, progress_table
from ccjac.terminal.options import Directory
from ccjac.zoo import StoredOrder, believed_bound

from ..refresh.state import DEFAULT_SHARE
from ..refresh.task import ALL, gap, urgency
from .options import opened


def status(
    zoo: Directory = None,
    cost: Annotated[str, typer.Option(metavar="NAME", help="The cost model whose orders are shown, or all.")] = ALL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show what is pending, how far every order is from its lower bound, and the seconds that it cost.

    The rows come in the order in which `ccjac-train refresh` would take them.
    """
    if cost != ALL:
        cost_model(cost)
    home = opened(zoo)
    rows: list[tuple[Any, dict[str, Any]]] = []
    for _, entry in home.entries(mine=True):
        for name, order in entry.orders.items():
            if cost not in (ALL, name):
                continue
            model = cost_models().get(name)
            proven = order.lower_bound
            if order.optimal:
                proven = believed_bound(entry.graph, order, model) if model is not None else 0
            key = urgency(
                pending=order.pending,
                cost=order.cost,
                lower_bound=proven,
                spent=order.seconds,
                share=DEFAULT_SHARE,
                claimed=order.lower_bound,
            )
            row: dict[str, Any] = {
                "fingerprint": entry.fingerprint,
                "names": list(entry.names),
                "cost_model": name,
                "vertices": len(entry.graph.eliminable),
                "cost": order.cost,
                "lower_bound": order.lower_bound,
                "gap": round(gap(order.cost, order.lower_bound), 4),
                "seconds": order.seconds,
                "state": _state(order, proven),
                "method": order.method,
            }
            rows.append(((row["state"] == "optimal", key, entry.fingerprint, name), row))
    shown = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
    if as_json:
        print_json(shown)
        return
    out = console()
    if not shown:
        out.print(f"No orders in {home.path}.", markup=False, soft_wrap=True)
        return
    several = len({row["cost_model"] for row in shown}) > 1
    words = ["graph", *(["cost model"] if several else []), "state", "method"]
    built = progress_table(words, ["vertices", "cost", "bound", "gap", "seconds"])
    for row in shown:
        cells = [
            row["names"][0] if row["names"] else row["fingerprint"][:12],
            *([row["cost_model"]] if several else []),
            row["state"],
            row["method"] or "-",
            number(row["vertices"]),
            number(row["cost"]),
            number(row["lower_bound"] or None),
            f"{row['gap']:.1%}",
            f"{row['seconds']:,.1f}",
        ]
        built.add_row(*map(Text, cells))
    out.print(built)
    states = [row["state"] for row in shown]
    seconds = sum(row["seconds"] for row in shown)
    out.print(
        f"{len(shown)} orders in {home.path}: {states.count('pending')} pending, {states.count('open')} open, "
        f"{states.count('optimal')} optimal; {seconds:,.0f} s of search so far.",
        markup=False,
        soft_wrap=True,
    )


def _state(order: StoredOrder, proven: int) -> str:
    if order.pending:
        return "pending"
    return "optimal" if order.cost <= proven else "claimed" if order.optimal else "open"
