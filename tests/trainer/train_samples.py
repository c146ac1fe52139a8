"""Graphs and zoos with something to improve, and what a search has said about them."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from drip_plugin import chain

from ccjac.cost import MULTIPLICATIONS
from ccjac.fingerprint import canonical
from ccjac.graph import Graph
from ccjac.ordering import SearchResult
from ccjac.zoo import Zoo

Start = Callable[..., "subprocess.Popen[str]"]


def make_graph(seed: int = 0, n_inputs: int = 4, n_vertices: int = 22) -> Graph:
    """A random graph in canonical numbering."""
    rng = random.Random(seed)
    total = n_inputs + n_vertices
    edges = {(rng.randrange(v), v) for v in range(n_inputs, total) for _ in range(3)}
    used = {a for a, _ in edges}
    outputs = [v for v in range(n_inputs, total) if v not in used]
    graph = Graph.from_edges(n_inputs, n_vertices, outputs, edges, [e for e in sorted(edges) if rng.random() < 0.2])
    return canonical(graph).graph


def add_pending(zoo: Zoo, graph: Graph, name: str = "") -> int:
    """Remember the worst order of the chain.  Returns its cost."""
    cost, order = chain(graph, MULTIPLICATIONS)[0]
    zoo.remember_miss(graph, SearchResult(order, cost, 0, "greedy:LM", 0.0), name=name)
    return cost


def costs(zoo: Zoo, cost: str = "multiplications") -> dict[str, int]:
    """What is stored, by fingerprint."""
    return {entry.fingerprint: entry.orders[cost].cost for _, entry in zoo.entries(mine=True) if cost in entry.orders}


def found(log: Path) -> dict[str, int]:
    """The best cost of every graph that the plugin's searcher has told its listener."""
    best: dict[str, int] = {}
    for line in log.read_text(encoding="ascii").splitlines() if log.exists() else []:
        fingerprint, _, price = line.split()
        best[fingerprint] = min(int(price), best.get(fingerprint, int(price)))
    return best
