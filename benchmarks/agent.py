"""What the learning agent reaches, and how soon, beside rules, annealing and the published agent.

    python benchmarks/agent.py [--tasks RoeFlux_1d unit_aware/g] [--methods rollout alphazero annealing] [--seconds 60]

Published graphs under the cost model in which they are compared, and generated graphs that nobody trained on
(``generated/SIZE``: a few of about SIZE operations, geometric mean over the best cost that anybody reached).  All
methods have the same wall-clock time on one core, compiling not counted; ``rollout`` is one greedy order of the
pretrained network and stops there.  ``own`` in the file is what an agent itself saw, without the greedy
orders that every search begins with: seconds, positions looked at (environment steps), cost.  The published agent
(Lohoff & Neftci, NeurIPS 2024) is drawn where its best run reached its best order.

The file says what training costs: after how many Jacobians the time spent on training or searching has paid,
against the greedy order, at the measured time of a product in the compiled Jacobian of Roe's flux.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, progress, report

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.graph import Graph
from ccjac.ordering import Progress, greedy, search
from ccjac.ordering.states.bits import pack
from ccjac_trainer.agent.alphazero import AlphaZero
from ccjac_trainer.agent.network import Shape
from ccjac_trainer.agent.ppo import PPO
from ccjac_trainer.agent.precision import single
from ccjac_trainer.agent.rollout import zero_shot
from ccjac_trainer.agent.sight import LARGEST
from ccjac_trainer.agent.weights import SHIPPED, load, shipped
from ccjac_zoo.graphs import generate, published

Outcome = dict[str, Any]

PUBLISHED_STEPS = {
    "RoeFlux_1d": 5_900_000,
    "RobotArm_6DOF": 8_100_000,
    "HumanHeartDipole": 900_000,
    "PropaneCombustion": 300_000,
    "BlackScholes_Jacobian": 3_300_000,
    "g": 7_800_000,
}
"""Environment steps after which the published agent's best run reached its best order, by its result curves."""

GENERATED = (100, 300, 1_000, 3_000, 10_000)


def _rollout(graph: Graph, cost: CostModel, seconds: float, seed: int) -> Outcome:
    with single():
        zero_shot(shipped(), [pack(graph, cost)])  # compiles
        began = time.perf_counter()
        (line,) = zero_shot(shipped(), [pack(graph, cost)])
    took = time.perf_counter() - began
    steps = len(line.order)
    own = [(took, steps, line.cost)]
    return {"cost": line.cost, "seconds": took, "history": [(took, line.cost)], "own": own, "steps": steps}


def _built_in(name: str) -> Callable[..., Outcome]:
    def run(graph: Graph, cost: CostModel, seconds: float, seed: int) -> Outcome:
        found = search(graph, method=name, cost=cost, seconds=seconds, seed=seed)
        return {"cost": found.cost, "seconds": found.seconds, "history": found.history}

    return run


def _agent(kind: type[AlphaZero] | type[PPO], scratch: bool) -> Callable[..., Outcome]:
    def run(graph: Graph, cost: CostModel, seconds: float, seed: int) -> Outcome:
        agent, own = kind(shape=Shape() if scratch else None), []

        def own_steps() -> int:
            return agent.table.evaluations if agent.table is not None else 0

        def log(said: Progress) -> None:
            # What the agent itself has seen: the greedy orders that a search begins with are not its own.
            if agent.table is not None and agent.table.cost < (own[-1][2] if own else 1 << 62):
                own.append((said.seconds, own_steps(), agent.table.cost))

        found = agent.search(graph, cost=cost, seconds=seconds, seed=seed, progress=log)
        return {
            "cost": found.cost,
            "seconds": found.seconds,
            "history": found.history,
            "found_by": found.method,
            "own": own,
            "steps": own_steps(),
        }

    return run


METHODS: dict[str, Callable[..., Outcome]] = {
    "greedy": _built_in("greedy"),
    "rollout": _rollout,
    "alphazero": _agent(AlphaZero, scratch=False),
    "alphazero from scratch": _agent(AlphaZero, scratch=True),
    "ppo": _agent(PPO, scratch=False),
    "ppo from scratch": _agent(PPO, scratch=True),
    "annealing": _built_in("annealing"),
    "portfolio": _built_in("portfolio"),
}
_NETWORKS = {"rollout", "alphazero", "alphazero from scratch", "ppo", "ppo from scratch"}


def problems(names: list[str], each: int) -> dict[str, list[tuple[Graph, CostModel, int | None]]]:
    """Graphs of a task with cost model and what the published agent needs."""
    found: dict[str, list[tuple[Graph, CostModel, int | None]]] = {}
    for name in names:
        if name.startswith("generated/"):
            size = int(name.split("/")[1])
            made = [generate((1 << 51) + k, (size, size + size // 5)).graph for k in range(each)]
            found[name] = [(graph, cost, None) for graph in made for cost in (STRUCTURAL, MULTIPLICATIONS)]
        else:
            task = published()[name]
            found[name] = [(task.graph, task.cost, task.agent)]
    return found


def product_time() -> float:
    """Seconds that a product takes in the compiled Jacobian of Roe's flux, one sample of many."""
    import jax

    from ccjac_zoo import task

    flux = task("RoeFlux_1d")
    function, batch = flux.bind(jax.numpy), flux.batch(65_536)
    plan = ccjac.plan(function, *flux.example(), argnums=flux.argnums)
    run = jax.jit(jax.vmap(ccjac.jacobian(function, argnums=flux.argnums)))
    jax.block_until_ready(run(*batch))
    times = []
    for _ in range(9):
        began = time.perf_counter()
        jax.block_until_ready(run(*batch))
        times.append(time.perf_counter() - began)
    return float(np.median(times)) / 65_536 / plan.multiplications


def main() -> None:
    """Measure, print, write, draw."""
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=METHODS, metavar="NAME", help="to compare")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of each search")
    parser.add_argument("--seed", type=int, default=0, help="of every search")
    parser.add_argument("--each", type=int, default=2, help="generated graphs of each size")
    options = parser.parse_args()
    six = [name for name, task in published().items() if task.agent is not None]
    names = options.tasks or [*six, "scalar/RoeFlux_3d", *(f"generated/{size}" for size in GENERATED)]
    chosen = problems(names, options.each)
    measured: dict[str, dict[str, list[Outcome]]] = {}
    with progress() as bar:
        job = bar.add_task("searches", total=sum(map(len, chosen.values())) * len(options.methods))
        for name, graphs in chosen.items():
            measured[name] = {}
            for method in options.methods:
                for graph, cost, _ in graphs:
                    if method not in _NETWORKS or len(graph.eliminable) <= (256 if "ppo" in method else LARGEST):
                        outcome = METHODS[method](graph, cost, options.seconds, options.seed)
                        measured[name].setdefault(method, []).append(outcome)
                    bar.advance(job)
    rows = []
    for name, graphs in chosen.items():
        best = [
            min(outcomes[k]["cost"] for outcomes in measured[name].values() if len(outcomes) == len(graphs))
            for k in range(len(graphs))
        ]
        cells = []
        for method in options.methods:
            costs = [outcome["cost"] for outcome in measured[name].get(method, ())]
            cells.append(_cell(costs, best))
        agent = graphs[0][2]
        rows.append([name, len(graphs[0][0].eliminable), *cells, f"{agent:,}" if agent else ""])
    title = f"Cost after {options.seconds:g} s (generated graphs: over the best of all)"
    product = product_time()
    card = load(SHIPPED / "messages.safetensors")[1]
    payback = _payback(chosen, product, card)
    data = {"options": vars(options) | {"results": str(options.results)}, "measured": measured, "payback": payback}
    report(
        "agent", ["graph", "vertices", *options.methods, "published agent"], rows, data, options.results, title=title
    )
    _draw(measured, options.results / "agent.png")


def _cell(costs: list[int], best: list[int]) -> str:
    if len(costs) != len(best):
        return "too large"
    if len(costs) == 1:
        return f"{costs[0]:,}"
    return f"{math.exp(np.mean([math.log(max(c, 1) / max(b, 1)) for c, b in zip(costs, best, strict=True)])):.4f}"


def _payback(chosen: dict[str, Any], product: float, card: dict[str, Any]) -> list[dict[str, Any]]:
    """After how many Jacobians training has paid, if the network's rollout replaces the greedy order."""
    rows = []
    for name, graphs in chosen.items():
        graph, cost, agent = graphs[0]
        if agent is None:
            continue
        with single():
            (line,) = zero_shot(shipped(), [pack(graph, cost)])
        saved = greedy.best(graph, cost).cost - line.cost
        training = float(card.get("wall_seconds", 0.0))
        rows.append(
            {
                "graph": name,
                "products saved": saved,
                "training seconds": training,
                "products in that time": training / product,
                "Jacobians that pay for it": training / product / saved if saved > 0 else None,
            }
        )
    return rows


def _draw(measured: dict[str, dict[str, list[Outcome]]], path: Path) -> None:
    """Cost against time, and, of those that play, against the positions that they looked at."""
    from matplotlib.figure import Figure

    names = [name for name, outcomes in measured.items() if len(next(iter(outcomes.values()))) == 1]
    if not names:
        return
    figure = Figure(figsize=(4.2 * len(names), 6.4), layout="constrained")
    for (above, below), name in zip(figure.subplots(2, len(names), squeeze=False).T, names, strict=True):
        for k, (method, (outcome,)) in enumerate(measured[name].items()):
            style: dict[str, Any] = {"drawstyle": "steps-post", "label": method, "color": f"C{k}"}
            times, costs = zip(*outcome["history"], strict=True)
            above.plot([*times, outcome["seconds"]], [*costs, costs[-1]], **style)
            if outcome.get("own"):
                _, steps, own = zip(*outcome["own"], strict=True)
                below.plot([*steps, outcome["steps"]], [*own, own[-1]], marker=".", **style)
        agent = published()[name].agent
        if agent is not None and name in PUBLISHED_STEPS:
            below.plot(PUBLISHED_STEPS[name], agent, "k*", label="published agent")
        above.set_title(name)
        for axes, what in ((above, "seconds"), (below, "positions looked at")):
            axes.set_xscale("log")
            axes.set_xlabel(what)
            axes.set_ylabel("cost")
            axes.legend(fontsize="x-small")
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
