"""How cheap an elimination order every searcher finds, and how soon.

    python benchmarks/search.py [--tasks RoeFlux_1d unit_aware/g] [--methods annealing portfolio] [--seconds 60]

Published graphs under the cost model in which they are compared: ``NAME`` counts every product, as the literature does;
``unit_aware/NAME`` and ``scalar/NAME`` count those that are executed.  The published agent's counts are those of Lohoff
& Neftci (NeurIPS 2024), which took 0.3 to 8 million environment steps per task on two to four GPUs.  Each search
runs alone, on one core, after its kernels are compiled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import arguments, progress, report

import ccjac
from ccjac.elimination import count, forward_order, reverse_order
from ccjac.ordering import greedy, search
from ccjac_zoo.graphs import Published, published

METHODS = ("greedy", "beam", "annealing", "lns", "exact", "portfolio")
COLUMNS = 4
"""Panels beside each other in the plot."""


def measure(task: Published, method: str, seconds: float, seed: int) -> dict[str, Any]:
    """One search."""
    found = search(task.graph, method=method, cost=task.cost, seconds=seconds, seed=seed)
    return {
        "cost": found.cost,
        "lower_bound": found.lower_bound,
        "optimal": found.optimal,
        "proof": found.certificate.proof,
        "seconds": found.seconds,
        "history": found.history,
        "found_by": found.method,
    }


def fixed_orders(task: Published) -> dict[str, int]:
    """What the orders that need no search cost."""
    orders = {
        "forward": forward_order(task.graph),
        "reverse": reverse_order(task.graph),
        "markowitz": greedy.markowitz(task.graph),
    }
    return {name: count(task.graph, order).cost(task.cost) for name, order in orders.items()}


def main() -> None:
    """Measure, print, write, draw."""
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--methods", nargs="+", default=METHODS, metavar="NAME", help="searchers to compare")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of each search")
    parser.add_argument("--seed", type=int, default=0, help="of every search")
    options = parser.parse_args()
    known = published()
    names = options.tasks or list(known)
    tiny = ccjac.Graph.from_edges(2, 3, [4], [(0, 2), (1, 2), (2, 3), (3, 4)])
    measured: list[dict[str, Any]] = []
    with progress() as bar:
        job = bar.add_task("searches", total=len(names) * len(options.methods))
        for method in options.methods:
            search(tiny, method=method, seconds=1.0)  # kernels are compiled once per machine
        for name in names:
            task = known[name]
            record: dict[str, Any] = {
                "task": name,
                "cost_model": task.cost.name,
                "vertices": len(task.graph.eliminable),
                **fixed_orders(task),
                "agent": task.agent,
                "searches": {},
            }
            for method in options.methods:
                bar.update(job, description=f"{name} {method}")
                record["searches"][method] = measure(task, method, options.seconds, options.seed)
                bar.advance(job)
            measured.append(record)
    fixed = ("vertices", "forward", "reverse", "markowitz", "agent")
    rows = [
        [
            r["task"],
            *("-" if r[key] is None else r[key] for key in fixed),
            *(_cell(r["searches"][method]) for method in options.methods),
            _bound(r),
        ]
        for r in measured
    ]
    title = f"cost of the best order and the second at which it was found, of {options.seconds:g} s; * proven optimal"
    columns = ["task", *fixed, *options.methods, "lower bound"]
    report("search", columns, rows, measured, options.results, title=title)
    _draw(measured, options.methods, options.results)


def _cell(found: dict[str, Any]) -> str:
    """``221* 0.3``: cost, whether proven, seconds until it was found."""
    reached = found["history"][-1][0] if found["history"] else found["seconds"]
    return f"{found['cost']}{'*' if found['optimal'] else ''} {reached:.1f}"


def _bound(record: dict[str, Any]) -> int:
    return max(found["lower_bound"] for found in record["searches"].values())


def _draw(measured: Sequence[dict[str, Any]], methods: Sequence[str], directory: Path) -> None:
    """One panel per task: cost against time, with the agent, the better mode and the bound as lines."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(COLUMNS, len(measured))
    lines = math.ceil(len(measured) / columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(3.4 * columns, 2.6 * lines), squeeze=False, layout="constrained"
    )
    longest = max(found["seconds"] for record in measured for found in record["searches"].values()) + 1e-2
    for axes, record in zip(grid.flat, measured, strict=False):
        for k, method in enumerate(methods):
            found = record["searches"][method]
            times = [max(seconds, 1e-3) for seconds, _ in found["history"]]
            costs = [cost for _, cost in found["history"]]
            if times:
                axes.step(
                    [*times, max(found["seconds"], times[-1])],
                    [*costs, costs[-1]],
                    where="post",
                    color=f"C{k}",
                    label=method,
                )
        marks = {"published agent": record["agent"], "lower bound": _bound(record)}
        for style, (label, value) in zip(("--", ":"), marks.items(), strict=True):
            if value:
                axes.axhline(value, color="0.3", linestyle=style, linewidth=0.9, label=label)
        axes.set_xscale("log")
        axes.set_xlim(1e-3, longest)
        axes.set_title(record["task"], fontsize="small")
        axes.tick_params(labelsize="x-small")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(grid.flat)[len(measured) :]:
        axes.set_visible(False)
    figure.supxlabel("seconds", fontsize="small")
    figure.supylabel("multiplications", fontsize="small")
    legend = {
        text: handle for axes in grid.flat for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(legend.values(), legend.keys(), frameon=False, ncols=4, loc="outside lower center")
    directory.mkdir(parents=True, exist_ok=True)
    figure.savefig(directory / "search.png", dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
