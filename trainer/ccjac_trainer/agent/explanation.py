"""An order step by step: where a vertex comes from, what it costs, what the network would take and why."""

from __future__ import annotations

import html
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.cost import CostModel
from ccjac.graph import Graph
from ccjac.ordering.states.bits import pack

from .learner import player
from .observation import Observation, bucket
from .rollout import Line, Policy, look


@dataclass(frozen=True)
class Choice:
    """A vertex that the network considers, and its probability."""

    vertex: int
    chance: float


@dataclass(frozen=True)
class Step:
    """One elimination.

    Attributes:
        vertex: What is eliminated, a number of the graph.
        label: Where it comes from in the source.
        price, spent: What it costs, and all so far.
        choices: The network's first ones, most probable first.
    """

    vertex: int
    label: str
    price: int
    spent: int
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Influence:
    """What the network looks at in one position.

    Attributes:
        vertices: ``[n]`` the vertices that are left.
        table: ``[n, n]`` row: whose logit, column: how much it depends on a vertex; rows sum to 1.
        kind: ``"attention"``: the mean of all heads and layers; ``"sensitivity"``: norms of derivatives, for a network
            that passes messages.
    """

    vertices: tuple[int, ...]
    table: np.ndarray
    kind: str


def explain(
    policy: Policy, graph: Graph, cost: CostModel, order: tuple[int, ...] | None = None, best: int = 4
) -> list[Step]:
    """The steps of ``order``, by default of the policy's own greedy rollout."""
    packed = pack(graph, cost)
    moves = None if order is None else [int(v) for v in packed.pack_order(order)]
    line, steps = Line(packed), []
    while len(line.left):
        n = len(line.left)
        logits = np.asarray(policy.answer(look([line], bucket(max(32, n)))).logits)[0, :n].astype(np.float64)
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        ranked = sorted(range(n), key=lambda i: (-chances[i], -i))[:best]
        choices = tuple(Choice(int(packed.vertices[line.left[i]]), float(chances[i])) for i in ranked)
        move = int(line.left[ranked[0]]) if moves is None else moves[len(line.order)]
        before = line.cost
        line.move(move)
        vertex = int(packed.vertices[move])
        steps.append(Step(vertex, label(graph, vertex), line.cost - before, line.cost, choices))
    return steps


def label(graph: Graph, vertex: int) -> str:
    """Where a vertex comes from, if the graph knows."""
    return graph.labels[vertex - graph.n_inputs] if graph.labels else ""


def influence(policy: Policy, graph: Graph, cost: CostModel, known: tuple[int, ...] = ()) -> Influence:
    """What the network looks at after the moves ``known``."""
    packed = pack(graph, cost)
    line = Line(packed, prefix=[int(v) for v in packed.pack_order(known)])
    n = len(line.left)
    seen = look([line], bucket(max(32, n)))
    vertices = tuple(int(packed.vertices[i]) for i in line.left)
    play = player(policy.shape)
    maps = np.asarray(play(policy.weights, seen).maps)[0]
    if maps.size:
        table, kind = maps.mean(axis=(0, 1))[:n, :n], "attention"
    else:

        def logits(measures: jax.Array) -> jax.Array:
            return play(policy.weights, Observation(measures, *seen[1:])).logits[0]

        slopes = jax.jacrev(logits)(jnp.asarray(seen.measures, jnp.float32))[:, 0]
        table, kind = np.asarray(jnp.linalg.norm(slopes, axis=-1))[:n, :n], "sensitivity"
    table = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-30)
    return Influence(vertices, table, kind)


def page(name: str, steps: list[Step], maps: list[Influence]) -> str:
    """A page of HTML that needs nothing else."""
    rows = "".join(
        f"<tr><td>{k + 1}</td><td>{s.vertex}</td><td><code>{html.escape(s.label)}</code></td><td>{s.price}</td>"
        f"<td>{s.spent}</td><td>{', '.join(f'{c.vertex} ({c.chance:.0%})' for c in s.choices)}</td></tr>"
        for k, s in enumerate(steps)
    )
    pictures = "".join(f"<h2>{_caption(m)}</h2>{_heat(m)}" for m in maps)
    return (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(name)}</title>"
        "<style>body{font:14px sans-serif;margin:2em}td,th{padding:2px 10px;text-align:left}"
        "tr:nth-child(even){background:#f4f4f4}</style>"
        f"<h1>{html.escape(name)}</h1><table><tr><th>step<th>vertex<th>source<th>price<th>sum<th>the network's "
        f"first choices</tr>{rows}</table>{pictures}\n"
    )


def _caption(m: Influence) -> str:
    return f"{m.kind.capitalize()} with {len(m.vertices)} vertices left (row: whose logit; column: on whom it depends)"


def _heat(m: Influence) -> str:
    n, cell = len(m.vertices), 8
    scale = 1.0 / max(float(m.table.max()), 1e-30)
    cells = "".join(
        f'<rect x="{cell * j}" y="{cell * i}" width="{cell}" height="{cell}" fill="#08306b" '
        f'fill-opacity="{(m.table[i, j] * scale) ** 0.5:.2f}">'
        f"<title>{m.vertices[i]} looks at {m.vertices[j]}: {m.table[i, j]:.1%}</title></rect>"
        for i in range(n)
        for j in range(n)
        if m.table[i, j] * scale > 0.003
    )
    side = cell * n
    return f'<svg width="{side}" height="{side}" style="border:1px solid #999">{cells}</svg>'
