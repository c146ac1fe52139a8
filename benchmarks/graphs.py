"""Graphs to search orders for: the published benchmark's, and random ones of any size.

The published graphs are those of Lohoff & Neftci (NeurIPS 2024, arXiv 2406.05027); ``tests/data/paper_graphs`` says how
they were obtained.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import ccjac
from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "data" / "paper_graphs"
COST_OF_FOLDER: dict[str, CostModel] = {".": STRUCTURAL, "unit_aware": MULTIPLICATIONS, "scalar": MULTIPLICATIONS}


@dataclass(frozen=True)
class Published:
    """A graph of the published benchmark.

    Attributes:
        name: Its file below the folder, without suffix; ``"unit_aware/g"``.
        graph: The graph.
        cost: The cost model under which it is compared.
        agent: Multiplications that the published agent needs, ``None`` where it counted something else.
    """

    name: str
    graph: ccjac.Graph
    cost: CostModel
    agent: int | None


def published() -> dict[str, Published]:
    """All published graphs by name, the six with published counts first."""
    found = {}
    for folder, cost in COST_OF_FOLDER.items():
        for path in sorted((FOLDER / folder).glob("*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            graph = ccjac.Graph.from_edges(
                record["n_inputs"],
                record["n_vertices"],
                record["outputs"],
                record["edges"],
                record.get("unit_edges", ()),
            )
            name = path.relative_to(FOLDER).with_suffix("").as_posix()
            agent = record["multiplications"]["alphagrad"] if cost is STRUCTURAL else None
            found[name] = Published(name, graph, cost, agent)
    return found


def random_graph(vertices: int, reach: int, old: float, seed: int) -> ccjac.Graph:
    """A graph as long straight-line code has: most operands are recent, a few are old, most operations are binary.

    Args:
        vertices: Intermediate vertices, about.
        reach: How many vertices back a recent operand lies at most.
        old: Share of operands that may be any earlier value.
        seed: Same seed, same graph.
    """
    rng = random.Random(seed)
    inputs = max(4, vertices // 50)
    edges: set[tuple[int, int]] = set()
    for v in range(inputs, inputs + vertices):
        for _ in range(rng.choice((1, 2, 2))):
            first = 0 if rng.random() < old else max(0, v - reach)
            edges.add((rng.randrange(first, v), v))
    used = {u for u, _ in edges}
    outputs = [v for v in range(inputs, inputs + vertices) if v not in used]
    units = [edge for edge in sorted(edges) if rng.random() < 0.3]
    return ccjac.Graph.from_edges(inputs, vertices, outputs, sorted(edges), units)
