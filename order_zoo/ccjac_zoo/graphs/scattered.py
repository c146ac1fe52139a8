"""Random graphs without the habits of programs: small ones for brute force, and long ones of any size."""

from __future__ import annotations

import random

from ccjac.graph import Graph


def random_graph(seed: int, *, inner: int = 8) -> Graph:
    """A graph with at most ``inner`` eliminable vertices, dead vertices and copies of outputs among them."""
    rng = random.Random(seed)
    n_inputs = rng.randint(1, 4)
    n_vertices = rng.randint(1, inner + 2)
    density = rng.choice([0.25, 0.4, 0.6])
    edges = []
    for v in range(n_inputs, n_inputs + n_vertices):
        preds = [u for u in range(v) if rng.random() < density]
        if not preds and rng.random() < 0.9:
            preds = [rng.randrange(v)]
        edges += [(u, v) for u in preds]
    units = [e for e in edges if rng.random() < rng.choice([0.2, 0.5, 0.8])]
    used = {a for a, _ in edges}
    outputs = [v for v in range(n_inputs, n_inputs + n_vertices) if v not in used and rng.random() < 0.9]
    outputs = outputs or [n_inputs + n_vertices - 1]
    graph = Graph.from_edges(n_inputs, n_vertices, outputs, edges, units)
    if len(graph.eliminable) > inner:
        return random_graph(seed + 1_000_003, inner=inner)
    return graph


def recent_code(vertices: int, reach: int, old: float, seed: int) -> Graph:
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
    return Graph.from_edges(inputs, vertices, outputs, sorted(edges), units)
