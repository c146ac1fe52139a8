"""How searchers scale: seconds and cost from 100 to 100,000 vertices.

    python benchmarks/scaling.py [--sizes 100 1000 10000] [--shapes local] [--seconds 60]

Random graphs like long straight-line code (:func:`ccjac_zoo.graphs.recent_code`) of several shapes, under the cost of
the products that are executed.  Every greedy rule has no budget and is timed; the searchers have ``--seconds``.  The
last column is by how much the rule LM raises the memory of a process at its peak, per edge of the graph.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from common import arguments, progress, report

import ccjac
from ccjac.cost import MULTIPLICATIONS
from ccjac.elimination import forward_order, reverse_order
from ccjac.ordering import greedy, search
from ccjac_zoo.graphs import recent_code

SIZES = (100, 1_000, 10_000, 60_000, 100_000)
"""Some of the vertices are outputs: of 60,000 about 50,000 are to be eliminated."""
SHAPES = {"local": (30, 0.0), "links": (2, 0.05), "fill": (200, 0.0)}
"""Reach and share of old operands.  Operands a few statements back; chains with links across the whole code; and a
reach at which orders create a hundred times as many edges as the graph has."""
METHODS = ("portfolio",)
RULES = ("LM", "LMMD", "MF", "LRM", "MOMR")
"""The greedy rules of the literature."""


def timed_rule(graph: ccjac.Graph, rule: str) -> dict[str, Any]:
    """Seconds and cost of one rule."""
    began = time.perf_counter()
    order = greedy.rule_order(graph, rule, cost=MULTIPLICATIONS)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "cost": greedy.price(graph, order)}


def peak_bytes(graph: ccjac.Graph, rule: str) -> int:
    """By how much a rule raises the memory of a process of its own, compiled code being loaded already."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(_rise, graph, rule).result()


def _rise(graph: ccjac.Graph, rule: str) -> int:
    # What the graph keeps once it is computed belongs to the graph.
    _ = graph.dead, graph.eliminable
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    greedy.rule_order(graph, rule, cost=MULTIPLICATIONS)
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def measure(shape: str, vertices: int, methods: Sequence[str], seconds: float, seed: int) -> dict[str, Any]:
    """Everything about one graph."""
    graph = recent_code(vertices, *SHAPES[shape], seed)
    greedy.warm_up(graph)
    modes = [greedy.price(graph, order(graph)) for order in (forward_order, reverse_order)]
    rules = {rule: timed_rule(graph, rule) for rule in RULES}
    searches = {}
    for method in methods:
        found = search(graph, method=method, cost=MULTIPLICATIONS, seconds=seconds, seed=seed)
        searches[method] = {"seconds": found.seconds, "cost": found.cost, "history": found.history}
    return {
        "shape": shape,
        "vertices": len(graph.eliminable),
        "edges": len(graph.edges),
        "mode": min(modes),
        "rules": rules,
        "bytes_per_edge": peak_bytes(graph, "LM") / len(graph.edges),
        "searches": searches,
    }


def main() -> None:
    """Measure, print, write, draw."""
    parser = arguments(__doc__.split("\n")[0], tasks=False)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="intermediate vertices")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=[*SHAPES], metavar="NAME", help="of the graphs")
    parser.add_argument("--methods", nargs="*", default=METHODS, metavar="NAME", help="searchers to compare")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of each search")
    parser.add_argument("--seed", type=int, default=0, help="of the graphs and of every search")
    options = parser.parse_args()
    measured = []
    with progress() as bar:
        job = bar.add_task("sizes", total=len(options.shapes) * len(options.sizes))
        for shape in options.shapes:
            for size in options.sizes:
                bar.update(job, description=f"{shape}, {size:,} vertices")
                measured.append(measure(shape, size, options.methods, options.seconds, options.seed))
                bar.advance(job)
    rows = [
        [
            r["shape"],
            r["vertices"],
            r["edges"],
            f"{r['mode']:,}",
            *(_cell(r["rules"][rule], r["mode"]) for rule in RULES),
            *(_cell(r["searches"][method], r["mode"]) for method in options.methods),
            f"{r['bytes_per_edge']:.0f}",
        ]
        for r in measured
    ]
    title = "seconds, and cost as a share of the better of forward and reverse mode"
    columns = ["shape", "vertices", "edges", "better mode", *RULES, *options.methods, "LM bytes/edge"]
    report("scaling", columns, rows, measured, options.results, title=title)
    _draw(measured, options.methods, options.results)


def _cell(found: dict[str, Any], mode: int) -> str:
    """``0.12 s 0.54``."""
    return f"{found['seconds']:.3g} s {found['cost'] / mode:.3f}"


def _draw(measured: Sequence[dict[str, Any]], methods: Sequence[str], directory: Path) -> None:
    """Seconds of the rules above, costs below, both against the number of vertices; one column per shape."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shapes = list(dict.fromkeys(r["shape"] for r in measured))
    figure, panels = plt.subplots(
        2, len(shapes), figsize=(3 * len(shapes) + 1, 6), sharex=True, sharey="row", squeeze=False, layout="constrained"
    )
    for shape, upper, lower in zip(shapes, *panels, strict=True):
        rows = [r for r in measured if r["shape"] == shape]
        sizes = [r["vertices"] for r in rows]
        for k, name in enumerate((*RULES, *methods)):
            found = [{**r["rules"], **r["searches"]}[name] for r in rows]
            if name in RULES:
                upper.plot(sizes, [f["seconds"] for f in found], "o-", markersize=3, color=f"C{k}")
            shares = [f["cost"] / r["mode"] for f, r in zip(found, rows, strict=True)]
            lower.plot(sizes, shares, "o-", markersize=3, color=f"C{k}", label=name if shape == shapes[0] else None)
        upper.set_title(shape)
        upper.set_yscale("log")
        upper.set_xscale("log")
        lower.set_xlabel("intermediate vertices")
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_ylabel("seconds of a greedy rule")
    panels[1, 0].set_ylabel("cost / better mode")
    figure.legend(frameon=False, ncols=6, loc="outside lower center")
    directory.mkdir(parents=True, exist_ok=True)
    figure.savefig(directory / "scaling.png", dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
