"""One step of learning: a network, its optimiser, and the running mean of its weights, on all devices."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .batches import Batch
from .network import Answer, Network, Shape
from .observation import Observation

Weights = Any
"""A pytree of arrays: the state of a :class:`.network.Network`."""


class Learned(NamedTuple):
    """Everything that a checkpoint holds.

    Attributes:
        weights: What is optimised.
        mean: Their running mean, which plays and is exported.
        optimiser: Its state.
        step: Number of steps done.
    """

    weights: Weights
    mean: Weights
    optimiser: Any
    step: jax.Array


def fresh(shape: Shape, seed: int) -> Weights:
    """Random weights."""
    return nnx.to_pure_dict(nnx.state(Network(shape, nnx.Rngs(seed)), nnx.Param))


def player(shape: Shape) -> Callable[[Weights, Observation], Answer]:
    """``(weights, positions) -> answers``, mapped over the leading axis of the positions."""
    graph, state = nnx.split(nnx.eval_shape(lambda: Network(shape, nnx.Rngs(0))))

    def play(weights: Weights, seen: Observation) -> Answer:
        nnx.replace_by_pure_dict(state, weights)
        return jax.vmap(nnx.merge(graph, state))(seen)

    return play


def optimiser(rate: float, warm_up: int = 200) -> optax.GradientTransformation:
    """AdamW after a warm-up; the running mean of the weights stands for a decay at the end."""
    schedule = optax.linear_schedule(rate / 20, rate, warm_up)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-4))


def imitation_loss(answer: Answer, batch: Batch) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Divergence from the targets, and how far the forecast cost is off.

    Returns:
        The loss, and ``{"divergence", "value", "hits"}``: nats, mean absolute logarithmic error, and how often the
        first choice is one of the best.
    """
    target, alive = batch.target, batch.seen.alive
    surprise = jnp.where(alive, target * jax.nn.log_softmax(answer.logits, axis=-1), 0.0)
    entropy = jnp.sum(jnp.where(target > 0, target * jnp.log(jnp.maximum(target, 1e-30)), 0.0), axis=1)
    divergence = jnp.mean(entropy - jnp.sum(surprise, axis=1))
    value = jax.vmap(lambda p, a: Answer(p, p, p).value(a))(answer.payments, alive)
    error = jnp.log((1.0 + jnp.maximum(value, 0.0)) / (1.0 + jnp.asarray(batch.left)))
    choice = jnp.take_along_axis(target, jnp.argmax(answer.logits, axis=1)[:, None], axis=1)[:, 0]
    hits = jnp.mean(choice > 0.9 * jnp.max(target, axis=1))
    loss = divergence + 0.1 * jnp.mean(jnp.square(error))
    return loss, {"divergence": divergence, "value": jnp.mean(jnp.abs(error)), "hits": hits}


@cache
def learner(shape: Shape, rate: float) -> Learner:
    """The learner of a shape and rate; its steps are compiled once per process."""
    return Learner(shape, rate=rate)


class Learner:
    """Compiled steps for one shape of network.

    Attributes:
        shape: Of the network.
        mesh: All visible devices, of all processes; batches are split among them.
    """

    def __init__(self, shape: Shape, *, rate: float = 1e-3, memory: float = 0.998) -> None:
        self.shape = shape
        self.mesh = Mesh(np.array(jax.devices()), ("data",))
        self._optimiser = optimiser(rate)
        self._play = player(shape)
        everywhere = NamedSharding(self.mesh, PartitionSpec())
        self._split = NamedSharding(self.mesh, PartitionSpec("data"))
        self._step = jax.jit(self._advance, donate_argnums=0, out_shardings=(everywhere, everywhere))
        self._evaluate = jax.jit(lambda weights, batch: imitation_loss(self._play(weights, batch.seen), batch)[1])
        self._memory = memory
        self._everywhere = everywhere

    def begin(self, seed: int, weights: Weights | None = None) -> Learned:
        """The state before the first step."""
        weights = fresh(self.shape, seed) if weights is None else weights
        # Copies: a step gives its buffers away.
        own, mean = jax.tree.map(jnp.array, weights), jax.tree.map(jnp.array, weights)
        state = Learned(own, mean, self._optimiser.init(own), jnp.zeros((), jnp.int32))
        return jax.device_put(state, self._everywhere)

    def share(self, batch: Batch) -> Batch:
        """This process's part of a batch as arrays on the devices."""
        lanes = len(jax.local_devices())

        def place(x: np.ndarray) -> jax.Array:
            # Repeat the first positions until all devices have as many.
            missing = -len(x) % lanes
            full = np.concatenate([x, x[:1].repeat(missing, axis=0)]) if missing else x
            return jax.make_array_from_process_local_data(self._split, full)

        return jax.tree.map(place, batch)

    def step(self, state: Learned, batch: Batch) -> tuple[Learned, dict[str, jax.Array]]:
        """Learn from a batch; ``state`` is used up."""
        return self._step(state, self.share(batch))

    def evaluate(self, weights: Weights, batch: Batch) -> dict[str, jax.Array]:
        """What :func:`imitation_loss` tells of a batch."""
        return self._evaluate(weights, self.share(batch))

    def _advance(self, state: Learned, batch: Batch) -> tuple[Learned, dict[str, jax.Array]]:
        def loss(weights: Weights) -> tuple[jax.Array, dict[str, jax.Array]]:
            return imitation_loss(self._play(weights, batch.seen), batch)

        gradient, told = jax.grad(loss, has_aux=True)(state.weights)
        change, inner = self._optimiser.update(gradient, state.optimiser, state.weights)
        weights = optax.apply_updates(state.weights, change)
        # Early on the mean is over what there is.
        memory = jnp.minimum(self._memory, state.step / (state.step + 10.0))
        mean = jax.tree.map(lambda m, w: memory * m + (1.0 - memory) * w, state.mean, weights)
        return Learned(weights, mean, inner, state.step + 1), told
