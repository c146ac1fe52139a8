"""How many multiplications the Jacobian of every catalogue function takes, by elimination order and cost model.

    python benchmarks/multiplications.py [--tasks RoeFlux_1d RobotArm_6DOF]

Forward and reverse mode, the literature's Markowitz rule (lowest degree, ties to the lowest number), the greedy
portfolio that an unknown function gets, and the shipped order zoo.  ``multiplications`` counts the products that are
executed (those by +1 and -1 are free), ``structural`` every pair of an in-edge and an out-edge, as the literature does.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from common import arguments, bars, progress, report

import ccjac
import ccjac_zoo
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import count, forward_order, reverse_order
from ccjac.fingerprint import canonical
from ccjac.ordering import greedy
from ccjac.zoo import resolve

MODELS = (MULTIPLICATIONS, STRUCTURAL)
DRAWN = 40
"""Tasks in the plot."""
ORDERS = ("forward", "reverse", "markowitz", "greedy", "zoo")


def zoo_order(graph: ccjac.Graph, model: CostModel) -> Sequence[int] | None:
    """The shipped order of this graph, if there is one."""
    layers = resolve(None)
    hit = layers.lookup(canonical(graph), model) if layers is not None else None
    return None if hit is None or hit.pending else hit.order


def measure(task: Any) -> dict[str, Any]:
    """All orders of one task under all cost models."""
    graph = ccjac.trace(task.vector("jax"), task.pack(*task.example()), backend="jax")
    fixed = {
        "forward": count(graph, forward_order(graph)),
        "reverse": count(graph, reverse_order(graph)),
        "markowitz": count(graph, greedy.markowitz(graph)),
    }
    measured: dict[str, Any] = {
        "task": task.name,
        "domain": task.domain,
        "inputs": graph.n_inputs,
        "outputs": len(graph.outputs),
        "vertices": len(graph.eliminable),
        "edges": len(graph.edges),
        "unit_edges": len(graph.unit_edges),
    }
    for model in MODELS:
        costs: dict[str, int | None] = {name: counts.cost(model) for name, counts in fixed.items()}
        best = greedy.best(graph, model)
        stored = zoo_order(graph, model)
        costs["greedy"] = best.cost
        costs["zoo"] = None if stored is None else ccjac.evaluate_order(graph, stored, model)
        measured[model.name] = {**costs, "greedy_rule": best.method, "lower_bound": best.lower_bound}
    return measured


def main() -> None:
    """Measure, print, write, draw."""
    parser = arguments(__doc__.split("\n")[0])
    options = parser.parse_args()
    known = ccjac_zoo.tasks()
    names = options.tasks or list(known)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as empty, progress() as bar:
        # The user's own zoo stays out of it: only what is shipped counts as "zoo".
        os.environ["CCJAC_ZOO"] = empty
        job = bar.add_task("orders", total=len(names))
        for name in names:
            bar.update(job, description=name)
            try:
                found.append(measure(known[name]))
            except ccjac.UnsupportedError as error:
                warnings.warn(f"{name} is left out: {error}", stacklevel=1)
            bar.advance(job)

    for model in MODELS:
        rows = [
            [
                r["task"],
                *(r[key] for key in ("inputs", "outputs", "vertices")),
                *("-" if r[model.name][order] is None else r[model.name][order] for order in ORDERS),
                "-" if (ratio := _ratio(r, model)) is None else f"{ratio:.2f}",
                r[model.name]["lower_bound"] or "-",
            ]
            for r in found
        ]
        ratios = [ratio for r in found if (ratio := _ratio(r, model)) is not None]
        title = f"cost model: {model.name}; geometric mean of best / better mode: {geometric_mean(ratios or [1.0]):.2f}"
        columns = ["task", "inputs", "outputs", "vertices", *ORDERS, "best / better mode", "lower bound"]
        report("multiplications", columns, rows, found, options.results, title=title)
    _draw(found, options.results)


def _draw(found: list[dict[str, Any]], directory: Path) -> None:
    """The tasks that multiply most, each order's share of the better of the two modes."""
    model = MULTIPLICATIONS
    large = sorted((r for r in found if _ratio(r, model) is not None), key=lambda r: -_mode(r, model))[:DRAWN]
    large.sort(key=lambda r: _ratio(r, model) or 1.0)
    series = {
        order: [(r[model.name][order] or _best(r, model)) / _mode(r, model) for r in large]
        for order in ("markowitz", "greedy", "zoo")
        if any(r[model.name][order] is not None for r in large)
    }
    bars(
        "multiplications",
        [f"{r['task']} ({_mode(r, model):,})" for r in large],
        series,
        directory,
        title="Multiplications per Jacobian (in brackets: the better of forward and reverse mode)",
        xlabel="share of the better mode's multiplications",
        reference=1.0,
    )


def _best(measured: dict[str, Any], model: CostModel) -> int:
    costs = measured[model.name]
    return min(costs[order] for order in ORDERS if costs[order] is not None)


def _mode(measured: dict[str, Any], model: CostModel) -> int:
    """The better of forward and reverse mode."""
    return min(measured[model.name]["forward"], measured[model.name]["reverse"])


def _ratio(measured: dict[str, Any], model: CostModel) -> float | None:
    """The best order's share of the better mode, ``None`` for a function that multiplies nothing."""
    best, mode = _best(measured, model), _mode(measured, model)
    return best / mode if best and mode else None


if __name__ == "__main__":
    main()
