"""Networks that order vertices: equivariant to the numbering, weights independent of the size of the graph.

Both answer a position with a logit for every vertex, as a correction to the rule LMMD, and with a forecast of what
every vertex will pay, whose sum is the value.  One mixes by message passing (means over predecessors, successors and
all vertices), the other by attention that is biased by edges and common neighbours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from .observation import FEATURES, Observation, features, prices, rule_scores

Kind = Literal["messages", "transformer"]
_NEVER = -1e9


@dataclass(frozen=True)
class Shape:
    """The shape of a network.

    Attributes:
        kind: How vertices are mixed.
        width: Length of a vertex's state.
        layers: Number of rounds.
        heads: Of the attention.
    """

    kind: Kind = "messages"
    width: int = 64
    layers: int = 4
    heads: int = 4

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Answer(NamedTuple):
    """What a network says of a position.

    Attributes:
        logits: ``[N]``; hugely negative for what is not alive.
        payments: ``[N]`` log(1 + what the vertex will pay along a good order).
        maps: ``[layers, heads, N, N]`` attention, empty for message passing.
    """

    logits: jax.Array
    payments: jax.Array
    maps: jax.Array

    def value(self, alive: jax.Array) -> jax.Array:
        """The cost that is left."""
        return jnp.sum(jnp.where(alive, jnp.expm1(self.payments), 0.0))


class Messages(nnx.Module):
    """A round of message passing: means over predecessors, over successors and over all."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs) -> None:
        width = shape.width
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.mix = nnx.Linear(4 * width, width, rngs=rngs, kernel_init=nnx.initializers.lecun_normal())
        # How much more a unit edge counts than another, by direction.
        self.unit = nnx.Param(jnp.zeros(2))

    def __call__(self, h: jax.Array, o: Observation) -> tuple[jax.Array, jax.Array]:
        """``h`` ``[N, width]``; returns the change and an empty map."""
        x = jnp.where(o.alive[:, None], self.norm(h), 0.0)
        edges, units = (o.edges & 1).astype(x.dtype), (o.edges >> 1).astype(x.dtype)
        weight = self.unit[...]
        out, into = edges + weight[0] * units, (edges + weight[1] * units).T
        below = out @ x / jnp.maximum(jnp.sum(edges, axis=1), 1.0)[:, None]
        above = into @ x / jnp.maximum(jnp.sum(edges, axis=0), 1.0)[:, None]
        mean = jnp.sum(x, axis=0) / jnp.maximum(jnp.sum(o.alive), 1)
        return self.mix(jnp.concatenate([x, above, below, jnp.broadcast_to(mean, x.shape)], axis=1)), jnp.zeros(
            (0, 0, 0)
        )


class Attention(nnx.Module):
    """A round of attention among all vertices that are left, biased by edges and common neighbours."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs) -> None:
        width = shape.width
        self.heads = shape.heads
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.project = nnx.Linear(width, 3 * width, rngs=rngs)
        self.mix = nnx.Linear(width, width, rngs=rngs)
        start = 0.1 * jax.random.normal(rngs.params(), (shape.heads, 6))
        # Two heads look along the edges from the beginning.
        self.bias = nnx.Param(start.at[0, 0].set(3.0).at[1 % shape.heads, 1].set(3.0))

    def __call__(self, h: jax.Array, o: Observation) -> tuple[jax.Array, jax.Array]:
        """``h`` ``[N, width]``; returns the change and the map ``[heads, N, N]``."""
        n, width = h.shape
        edges, units = (o.edges & 1).astype(h.dtype), (o.edges >> 1).astype(h.dtype)
        relations = jnp.stack(
            [edges, edges.T, units, units.T, jnp.log1p(edges @ edges.T), jnp.log1p(edges.T @ edges)], axis=0
        )
        q, k, v = (
            part.reshape(n, self.heads, -1).transpose(1, 0, 2)
            for part in jnp.split(self.project(self.norm(h)), 3, axis=-1)
        )
        scores = q @ k.transpose(0, 2, 1) / jnp.sqrt(width / self.heads)
        scores += jnp.einsum("hr,rij->hij", self.bias[...], relations)
        attention = jax.nn.softmax(jnp.where(o.alive, scores, _NEVER), axis=-1)
        return self.mix((attention @ v).transpose(1, 0, 2).reshape(n, width)), attention


class Layer(nnx.Module):
    """Mixing, then a small network for every vertex by itself; both are added to the state."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs) -> None:
        width = shape.width
        self.mixing = (Messages if shape.kind == "messages" else Attention)(shape, rngs)
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.up = nnx.Linear(width, 2 * width, rngs=rngs)
        self.down = nnx.Linear(2 * width, width, rngs=rngs)

    def __call__(self, h: jax.Array, o: Observation) -> tuple[jax.Array, jax.Array]:
        """The new state and the map."""
        change, attention = self.mixing(h, o)
        h = h + change
        return h + self.down(jax.nn.gelu(self.up(self.norm(h)))), attention


class Network(nnx.Module):
    """Embedding, layers, and a head for every vertex."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs) -> None:
        self.embed = nnx.Linear(FEATURES, shape.width, rngs=rngs)
        self.layers = nnx.List([Layer(shape, rngs) for _ in range(shape.layers)])
        self.norm = nnx.LayerNorm(shape.width, rngs=rngs)
        self.up = nnx.Linear(shape.width + FEATURES, shape.width, rngs=rngs)
        # Starts as the rule: the correction is nothing at first.
        self.head = nnx.Linear(shape.width, 2, rngs=rngs, kernel_init=nnx.initializers.normal(1e-3))
        self.sharpness = nnx.Param(jnp.ones(()))

    def __call__(self, o: Observation) -> Answer:
        """Look at one position; map over a batch with ``jax.vmap``."""
        f = features(o)
        h, maps = self.embed(f), []
        for layer in self.layers:
            h, attention = layer(h, o)
            maps.append(attention)
        x = self.head(jax.nn.gelu(self.up(jnp.concatenate([self.norm(h), f], axis=1))))
        logits = x[:, 0] - self.sharpness[...] * rule_scores(o)
        return Answer(jnp.where(o.alive, logits, _NEVER), jnp.log1p(prices(o)) + x[:, 1], jnp.stack(maps))
