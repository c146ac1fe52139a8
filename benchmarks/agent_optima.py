"""Whether the agents find the cheapest of all orders from scratch, on graphs that are small enough to try all sets.

    python benchmarks/agent_optima.py [--graphs 100] [--seconds 60]

Random graphs with 5 to 7 intermediate vertices on which neither forward nor reverse mode is optimal, under both cost
models in turn.  An agent begins with random weights and a bad order, without the greedy rules' orders, and has
``--seconds`` of wall-clock time for each graph, compiling not counted.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from common import arguments, progress, report

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.elimination import EliminationState, count, forward_order, reverse_order
from ccjac.graph import Graph
from ccjac.ordering.toolkit import Incumbent
from ccjac.ordering.toolkit.turns import interleave
from ccjac_trainer.agent.alphazero import AlphaZero
from ccjac_trainer.agent.network import Shape
from ccjac_trainer.agent.ppo import PPO
from ccjac_trainer.agent.precision import single
from ccjac_trainer.agent.searcher import Agent
from ccjac_zoo.graphs import random_graph

SHAPE = Shape(width=16, layers=2)


def optimum(graph: Graph, cost: CostModel) -> int:
    """The least cost over all orders: what is left to pay depends on the set eliminated so far alone."""
    start = EliminationState(graph, without_dead=True)
    states, least = {frozenset[int](): start}, {frozenset[int](): 0}
    live = [v for v in graph.eliminable if v not in set(graph.dead)]
    for size in range(len(live)):
        for done in map(frozenset, itertools.combinations(live, size)):
            for v in live:
                if v not in done:
                    total, after = least[done] + states[done].cost(v, cost), done | {v}
                    if total < least.get(after, 1 << 62):
                        least[after] = total
                    if after not in states:
                        states[after] = states[done].copy()
                        states[after].eliminate(v)
    return least[frozenset(live)]


def problems(number: int) -> Iterator[tuple[Graph, CostModel, int]]:
    """Graphs, cost models and optima."""
    found = 0
    for seed in itertools.count():
        graph, cost = random_graph(seed, inner=7), (STRUCTURAL, MULTIPLICATIONS)[found % 2]
        if len(graph.eliminable) - len(graph.dead) >= 5:
            best = optimum(graph, cost)
            if min(count(graph, order(graph)).cost(cost) for order in (forward_order, reverse_order)) > best:
                yield graph, cost, best
                found += 1
                if found == number:
                    return


def reached(agent: Agent, graph: Graph, cost: CostModel, best: int, seconds: float) -> tuple[int, float]:
    """The cost of the best order that an agent sees, and after how long."""
    rng = random.Random(0)
    orders = [tuple(rng.sample(graph.eliminable, len(graph.eliminable))) for _ in range(20)]
    worst = max(orders, key=lambda order: count(graph, order).cost(cost))
    incumbent = Incumbent(graph, cost, seconds, agent.name, lower=best)
    incumbent.offer(worst, count(graph, worst).cost(cost), "random")
    with single():
        interleave(incumbent, *agent.parts(incumbent, 0))
    assert ccjac.evaluate_order(graph, incumbent.order, cost) == incumbent.total
    return incumbent.total, incumbent.history[-1][0]


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__.split("\n")[0], tasks=False)
    parser.add_argument("--graphs", type=int, default=100, help="how many")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of each search")
    options = parser.parse_args()
    chosen = list(problems(options.graphs))
    rows, measured = [], {}
    with progress() as bar:
        job = bar.add_task("searches", total=2 * len(chosen))
        for kind in (AlphaZero, PPO):
            agent, found = kind(shape=SHAPE), []
            for graph, cost, best in chosen:
                found.append((*reached(agent, graph, cost, best, options.seconds), best))
                bar.advance(job)
            met = sum(total == best for total, _, best in found)
            longest = max(seconds for _, seconds, _ in found)
            rows.append([agent.name, len(found), met, f"{longest:.1f}"])
            measured[agent.name] = found
    report(
        "agent_optima",
        ["agent", "graphs", "optimum found", "longest search, s"],
        rows,
        {"options": vars(options) | {"results": str(options.results)}, "measured": measured},
        options.results,
        title="From random weights, graphs with 5 to 7 intermediate vertices",
    )


if __name__ == "__main__":
    main()
