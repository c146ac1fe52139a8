"""The catalogue and its orders as a page of the documentation: ``python -m ccjac_zoo.table docs/catalogue.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import geometric_mean

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import count, forward_order, reverse_order
from ccjac.ordering import greedy
from ccjac.zoo import Entry, Zoo

from .build import ORDERS
from .definition import Task
from .registry import domains

_HEADING = """# Catalogue

What `ccjac_zoo` ships: {tasks} functions in {domains} domains, each from a public formula, each with elimination orders
for both cost models.

`size` counts inputs → outputs, intermediate vertices and edges of the scalar graph. `forward`, `reverse` and
`Markowitz` (lowest degree first, ties to the lowest number) are the multiplications that these orders execute, `best`
those of the shipped order, `bound` what no order can go below; **bold** where they meet, so that the order is proven
optimal ({optimal} of {tasks}). `structural` has best and bound under the literature's count, in which products by ±1
cost as much as any other ({structural} proven).

Geometric mean of `best` over the better of forward and reverse: {mean:.2f}; over Markowitz: {markowitz:.2f}.
"""
_COLUMNS = """| function | size | forward | reverse | Markowitz | best | bound | structural |
|---|---|---|---|---|---|---|---|"""
_REMEDY = """
This page is written by `python -m ccjac_zoo.table docs/catalogue.md`, the orders by `python -m ccjac_zoo.build`; the
sources are in `order_zoo/ccjac_zoo/functions`.
"""


def page(directory: Path = ORDERS) -> str:
    """The page as Markdown.

    Args:
        directory: The prebuilt orders.
    """
    entries = {
        name: entry for _, entry in Zoo(directory / ".none", shipped=[directory]).entries() for name in entry.names
    }
    counted = {name: _modes(entry) for name, entry in entries.items()}
    named = [(task, entries[task.name]) for group in domains().values() for task in group if task.name in entries]
    lines = []
    for domain, group in domains().items():
        lines += ["", f"## {domain.replace('_', ' ').capitalize()}", "", _COLUMNS]
        lines += [_row(task, entries[task.name], counted[task.name]) for task in group if task.name in entries]
    heading = _HEADING.format(
        tasks=len(named),
        domains=len(domains()),
        optimal=sum(entry.orders[MULTIPLICATIONS.name].optimal for _, entry in named),
        structural=sum(entry.orders[STRUCTURAL.name].optimal for _, entry in named),
        mean=geometric_mean(_shares(entries, counted, ("forward", "reverse"))),
        markowitz=geometric_mean(_shares(entries, counted, ("Markowitz",))),
    )
    return "\n".join([heading.rstrip("\n"), *lines]) + "\n" + _REMEDY


def _modes(entry: Entry) -> dict[str, int]:
    """What the orders that need no search cost."""
    orders = {
        "forward": forward_order(entry.graph),
        "reverse": reverse_order(entry.graph),
        "Markowitz": greedy.markowitz(entry.graph),
    }
    return {name: count(entry.graph, order).cost(MULTIPLICATIONS) for name, order in orders.items()}


def _row(task: Task, entry: Entry, counted: Mapping[str, int]) -> str:
    graph = entry.graph
    size = f"{graph.n_inputs} → {len(graph.outputs)}, {len(graph.eliminable)}, {len(graph.edges)}"
    # Without breaks, for narrow screens.
    size = size.replace(" ", "&nbsp;")
    modes = " | ".join(f"{counted[name]:,}" for name in ("forward", "reverse", "Markowitz"))
    best, bound = _best(entry, MULTIPLICATIONS)
    return f"| {task.name} | {size} | {modes} | {best} | {bound} | {', '.join(_best(entry, STRUCTURAL))} |"


def _best(entry: Entry, cost: CostModel) -> tuple[str, str]:
    stored = entry.orders[cost.name]
    mark = "**" if stored.optimal else ""
    return f"{mark}{stored.cost:,}{mark}", f"{stored.lower_bound:,}"


def _shares(
    entries: Mapping[str, Entry], counted: Mapping[str, Mapping[str, int]], rivals: tuple[str, ...]
) -> Iterator[float]:
    """Of every function that multiplies at all, its best cost over the best of the rivals'."""
    for name, entry in entries.items():
        best, rival = entry.orders[MULTIPLICATIONS.name].cost, min(counted[name][r] for r in rivals)
        if best and rival:
            yield best / rival


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
