"""What a policy is worth on graphs that it was never trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ccjac.cost import CostModel
from ccjac.graph import Graph
from ccjac.ordering import greedy, search
from ccjac.ordering.states.bits import pack

from .rollout import Policy, zero_shot


@dataclass(frozen=True)
class Verdict:
    """Costs on one graph.

    Attributes:
        name: Of the graph.
        policy: One greedy rollout of the network.
        greedy: The best of the greedy rules, the learned ones among them.
        best: The cheapest order known: of these, and of the default searcher.
    """

    name: str
    policy: int
    greedy: int
    best: int


def evaluate(
    policy: Policy,
    graphs: Sequence[tuple[str, Graph]],
    cost: CostModel,
    seconds: float,
    say: Callable[[str], None] = lambda text: None,
) -> list[Verdict]:
    """Let the policy order ``graphs`` once; ``seconds`` of the default searcher each tell what is best."""
    lines = zero_shot(policy, [pack(graph, cost) for _, graph in graphs])
    found = []
    for (name, graph), line in zip(graphs, lines, strict=True):
        rules = greedy.best(graph, cost).cost
        known = search(graph, cost=cost, seconds=seconds).cost if seconds else rules
        found.append(Verdict(name, line.cost, rules, min(line.cost, rules, known)))
        say(f"{name}: policy {line.cost:,}, greedy {rules:,}, best known {found[-1].best:,}")
    return found


def excess(verdicts: Sequence[Verdict], of: Callable[[Verdict], int]) -> float:
    """Geometric mean of a cost over the best known; graphs that cost nothing are left out."""
    logs = [math.log(of(v) / v.best) for v in verdicts if v.best > 0]
    return float(np.exp(np.mean(logs))) if logs else 1.0
