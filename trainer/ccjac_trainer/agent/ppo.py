"""Proximal policy optimisation on one graph (Schulman et al. 2017, arXiv 1707.06347), with generalised advantages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .learner import Weights, optimiser, player
from .network import Answer, Shape
from .observation import Array, Observation
from .rollout import Policy
from .searcher import Agent, Run
from .sight import Position, begin, look, move


@dataclass(frozen=True)
class Settings:
    """How PPO plays and learns.

    Attributes:
        games: Played at a time.
        decay: Of advantages along a game (lambda); nothing is discounted.
        clip: How far a probability may move in relation to what it was.
        entropy: Weight of the entropy.
        epochs: Passes over the games of a round.
        batch: Positions in a step.
        rate: Of learning.
        temperature: Of moves.
        patience: Rounds whose games all cost the same, after which it begins anew.
    """

    games: int = 8
    decay: float = 0.95
    clip: float = 0.2
    entropy: float = 0.01
    epochs: int = 2
    batch: int = 64
    rate: float = 2.5e-4
    temperature: float = 0.5
    patience: int = 6


class Step(NamedTuple):
    """A drawn move, with a leading batch axis.

    Attributes:
        seen: The position before it.
        action: ``[B]`` int32.
        chance: ``[B]`` logarithm of its probability.
        value: ``[B]`` forecast of the rewards to come.
        price: ``[B]`` int32.
        after: The position after it.
    """

    seen: Observation
    action: Array
    chance: Array
    value: Array
    price: Array
    after: Position | None


class Sample(NamedTuple):
    """Positions to learn from; see :class:`Step`, with advantages and returns ``[B]``."""

    seen: Observation
    action: Array
    chance: Array
    advantage: Array
    returned: Array


def advantages(rewards: np.ndarray, values: np.ndarray, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """Generalised advantages and returns (Schulman et al. 2016, eq. 16, undiscounted) of games that end.

    Args:
        rewards: ``[T, B]``.
        values: ``[T, B]`` forecast before each move; behind the last one it is 0.
        decay: lambda.

    Example:
        Rewards 1, 2 and forecasts 4, 1 with decay 0.5: the last surprise is 2 - 1 = 1, the first 1 + 1 - 4 = -2, so the
        advantages are -2 + 0.5 * 1 = -1.5 and 1.
    """
    found, running = np.zeros_like(rewards), np.zeros(rewards.shape[1:], rewards.dtype)
    following = np.concatenate([values[1:], np.zeros_like(values[:1])])
    for t in reversed(range(len(rewards))):
        running = rewards[t] + following[t] - values[t] + decay * running
        found[t] = running
    return found, found + values


def _values(answer: Answer, alive: jax.Array, scale: jax.Array) -> jax.Array:
    return -jnp.sum(jnp.where(alive, jnp.expm1(answer.payments), 0.0), axis=1) / scale


@cache
def drawer(shape: Shape) -> Callable[..., Step]:
    """Compiled ``(weights, key, position, scale, temperature) -> step``."""
    play = player(shape)

    @jax.jit
    def step(weights: Weights, key: jax.Array, position: Position, scale: jax.Array, temperature: jax.Array) -> Step:
        seen, _ = look(position, complete=False)
        answer = play(weights, seen)
        chances = jax.nn.log_softmax(answer.logits / temperature, axis=1)
        action = jax.random.categorical(key, chances)
        chance = jnp.take_along_axis(chances, action[:, None], axis=1)[:, 0]
        after, price = move(position, action)
        return Step(seen, action, chance, _values(answer, seen.alive, scale), price, after)

    return step


@cache
def updater(shape: Shape, settings: Settings) -> tuple[Callable[[Weights], Any], Callable[..., tuple[Weights, Any]]]:
    """``weights -> state of the optimiser``, and compiled ``(weights, state, sample, scale) -> (weights, state)``."""
    play, rule = player(shape), optimiser(settings.rate, warm_up=10)

    def loss(weights: Weights, sample: Sample, scale: jax.Array) -> jax.Array:
        answer = play(weights, sample.seen)
        chances = jax.nn.log_softmax(answer.logits / settings.temperature, axis=1)
        ratio = jnp.exp(jnp.take_along_axis(chances, sample.action[:, None], axis=1)[:, 0] - sample.chance)
        clipped = jnp.clip(ratio, 1.0 - settings.clip, 1.0 + settings.clip)
        gain = jnp.mean(jnp.minimum(ratio * sample.advantage, clipped * sample.advantage))
        error = jnp.mean(jnp.square(_values(answer, sample.seen.alive, scale) - sample.returned))
        spread = -jnp.mean(jnp.sum(jnp.where(sample.seen.alive, jnp.exp(chances) * chances, 0.0), axis=1))
        return -gain + 0.5 * error - settings.entropy * spread

    @jax.jit
    def update(weights: Weights, state: Any, sample: Sample, scale: jax.Array) -> tuple[Weights, Any]:
        change, state = rule.update(jax.grad(loss)(weights, sample, scale), state, weights)
        return optax.apply_updates(weights, change), state

    return rule.init, update


class PPO(Agent):
    """Rollouts of the network, then games whose moves are drawn and reinforced."""

    name = "ppo"
    largest = 256

    def __init__(
        self, policy: Policy | None = None, *, shape: Shape | None = None, settings: Settings | None = None
    ) -> None:
        super().__init__(policy, shape=shape)
        self.settings = settings or Settings()

    def learn(self, run: Run) -> Iterator[None]:
        """Rounds of games and of learning from them."""
        settings, shape = self.settings, run.policy.shape
        draw, (start, update) = drawer(shape), updater(shape, settings)
        weights = jax.device_get(run.policy.weights)
        state = jax.device_get(start(weights))
        with run.incumbent.paused():
            self._warm_up(run, weights, state)
        flat = 0
        while True:
            self.learned = Policy(shape, jax.device_get(weights))
            position = begin(run.number, settings.games)
            steps: list[Step] = []
            for _ in range(run.table.start.packed.n):
                found = draw(weights, run.key(), position, run.scale, np.float32(settings.temperature))
                assert found.after is not None
                position = found.after
                steps.append(jax.device_get(found._replace(after=None)))
                yield
            spent = np.asarray(position.spent)
            best = int(spent.argmin())
            run.table.offer(np.asarray(position.order[best])[: len(steps)], int(spent[best]))
            run.take("games")
            flat = flat + 1 if np.ptp(spent) == 0 else 0
            if flat == settings.patience:
                # Nothing is left to reinforce: the policy plays one order only.
                flat, weights = 0, jax.device_get(run.policy.weights)
                state = jax.device_get(start(weights))
                continue
            sample = _sample(steps, run.scale, settings.decay)
            for _ in range(settings.epochs):
                places = run.draws.permutation(len(sample.action))
                for first in range(0, len(places), settings.batch):
                    part = np.resize(places[first : first + settings.batch], settings.batch)
                    weights, state = update(weights, state, jax.tree.map(lambda x, p=part: x[p], sample), run.scale)
                    yield

    def _warm_up(self, run: Run, weights: Weights, state: Any) -> None:
        """Compile a move and a step of learning."""
        settings = self.settings
        position = begin(run.number, settings.games)
        found = drawer(run.policy.shape)(weights, run.key(), position, run.scale, np.float32(settings.temperature))
        sample = _sample([jax.device_get(found._replace(after=None))], run.scale, settings.decay)
        part = np.resize(np.arange(settings.games), settings.batch)
        update = updater(run.policy.shape, settings)[1]
        weights, state = update(weights, state, jax.tree.map(lambda x: x[part], sample), run.scale)
        # What comes out of a compiled program differs in kind from what the host puts in.
        update(weights, state, jax.tree.map(lambda x: x[part], sample), run.scale)


def _sample(steps: list[Step], scale: np.float32, decay: float) -> Sample:
    """All positions of some games, advantages brought to mean 0 and deviation 1."""
    rewards = -np.stack([step.price for step in steps]).astype(np.float32) / scale
    gains, returned = advantages(rewards, np.stack([step.value for step in steps]), decay)
    gains = (gains - gains.mean()) / (gains.std() + 1e-6)
    seen = Observation(*(np.concatenate(column) for column in zip(*(step.seen for step in steps), strict=True)))
    action, chance = (np.concatenate([getattr(s, name) for s in steps]) for name in ("action", "chance"))
    return Sample(seen, action, chance, gains.ravel().astype(np.float32), returned.ravel().astype(np.float32))
