"""AlphaZero on one graph: Gumbel search on the true rules, learning from its own games."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.ordering.toolkit import Incumbent, Interleaved, Part

from . import weights as files
from .batches import Batch
from .learner import fresh, learner
from .network import Shape
from .observation import Observation
from .rollout import Line, Policy, finish
from .sight import LARGEST, Table, begin, close_table, open_table
from .tree import Effort, mover


@dataclass(frozen=True)
class Settings:
    """How the agent plays and learns.

    Attributes:
        pretrained: Begin with the package's weights; otherwise with random ones.
        shape: Of the network if it is not pretrained.
        games: Played at a time.
        effort: Of a move.
        noise: Scale of the Gumbel noise at the root; large values waste few simulations on bad moves.
        temperature: Of rollouts without search.
        restart: Share of the rounds that begin within the best order known instead of at its beginning.
        replay: Positions kept.
        updates: Learning steps per round.
        batch: Positions in a step.
        rate: Of learning.
    """

    pretrained: bool = True
    shape: Shape = field(default_factory=Shape)
    games: int = 4
    effort: Effort = field(default_factory=Effort)
    noise: float = 0.3
    temperature: float = 0.25
    restart: float = 0.6
    replay: int = 2_048
    updates: int = 4
    batch: int = 32
    rate: float = 3e-4


class AlphaZero(Interleaved):
    """Rollouts of the network, then games searched move by move that it learns from."""

    name = "alphazero"
    largest = LARGEST

    def __init__(self, settings: Settings | None = None, policy: Policy | None = None) -> None:
        self.settings = settings or Settings()
        self.policy = policy

    def parts(self, incumbent: Incumbent, seed: int) -> Iterable[Part]:
        """The agent alone."""
        with incumbent.paused():
            run = _Run(self, incumbent, seed)
        return [Part(run.steps())]

    def begin(self) -> Policy:
        """The policy to begin with."""
        if self.policy is not None:
            return self.policy
        if self.settings.pretrained:
            return files.shipped()
        return Policy(self.settings.shape, fresh(self.settings.shape, 0))


class _Run:
    """One search: the table, what was seen, and the learner."""

    def __init__(self, agent: AlphaZero, incumbent: Incumbent, seed: int) -> None:
        self.settings, self.name, self.incumbent, self.seed = agent.settings, agent.name, incumbent, seed
        self.policy = agent.begin()
        self.rng, self.draws = random.Random(seed), np.random.default_rng(seed)
        self.seen: deque[tuple[Any, np.ndarray, float]] = deque(maxlen=agent.settings.replay)

    def steps(self) -> Iterator[None]:
        """Improve the incumbent step by step."""
        incumbent = self.incumbent
        if incumbent.done():
            return
        table = Table.of(incumbent.graph, incumbent.cost)
        table.offer(table.start.packed.pack_order(incumbent.order), incumbent.total)
        number = open_table(table)
        try:
            yield from self._rollouts(table)
            teacher = learner(self.policy.shape, self.settings.rate)
            scale = jnp.float32(max(1, incumbent.total))
            with incumbent.paused():
                self._warm_up(number, scale)
                state = teacher.begin(self.seed, self.policy.weights)
            while True:
                # As arrays of the host: the game is not spread over devices, its program would be compiled once more.
                yield from self._round(table, number, jax.device_get(state.weights), scale)
                for _ in range(self.settings.updates if len(self.seen) >= self.settings.batch else 0):
                    state, _ = teacher.step(state, self._batch())
                    yield
        finally:
            close_table(number)

    def _warm_up(self, number: int, scale: jax.Array) -> None:
        """Compile a move and a step of learning."""
        settings = self.settings
        turn, teacher = mover(self.policy.shape, settings.effort), learner(self.policy.shape, settings.rate)
        state = teacher.begin(0, self.policy.weights)
        position, own = begin(number, settings.games), jax.device_get(state.weights)
        found = turn(own, jax.random.key(0), position, scale, jnp.float32(settings.noise))
        seen = Observation(*(np.resize(x, (settings.batch, *x.shape[1:])) for x in jax.device_get(found.seen)))
        policy = np.resize(found.policy, (settings.batch, found.policy.shape[1]))
        teacher.step(state, Batch(seen, policy, np.ones(settings.batch, np.float32)))

    def _take(self, table: Table, how: str) -> None:
        packed = table.start.packed
        self.incumbent.offer(packed.unpack_order(table.best), table.cost, f"{self.name}:{how}")

    def _rollouts(self, table: Table) -> Iterator[None]:
        """One greedy rollout, then a few that are drawn."""
        packed = table.start.packed
        for copies, temperature in ((1, 0.0), (16, self.settings.temperature)):
            with self.incumbent.paused():
                self.policy.warm_up(packed.n, copies)
            lines = [Line(packed, table.fixed[: packed.n]) for _ in range(copies)]
            finish(self.policy, lines, temperature, self.draws)
            best = min(lines, key=lambda line: line.cost)
            table.offer(best.order, best.cost)
            self._take(table, "rollout")
            yield

    def _round(self, table: Table, number: int, weights: Any, scale: jax.Array) -> Iterator[None]:
        """Some games from one position."""
        settings, n = self.settings, table.start.packed.n
        prefix = table.best[: self.rng.randrange(n)] if self.rng.random() < settings.restart else table.best[:0]
        position = begin(number, settings.games, prefix.tolist())
        turn = mover(self.policy.shape, settings.effort)
        games: list[tuple[Observation, np.ndarray, np.ndarray]] = []
        key = jax.random.key(self.rng.getrandbits(32))
        for _ in range(n - len(prefix)):
            key, own = jax.random.split(key)
            found = turn(weights, own, position, scale, jnp.float32(settings.noise))
            games.append((jax.device_get(found.seen), np.asarray(found.policy), np.asarray(found.after.spent)))
            position = found.after
            self._take(table, "search")
            yield
        final = np.asarray(position.spent)
        before = np.asarray(begin(number, settings.games, prefix.tolist()).spent)
        for seen, policy, spent in games:
            for b in range(settings.games):
                one = Observation(*(x[b] for x in seen))
                self.seen.append((one, policy[b], float(final[b] - before[b])))
            before = spent

    def _batch(self) -> Batch:
        picked = self.rng.choices(self.seen, k=self.settings.batch)
        seen = Observation(*(np.stack(column) for column in zip(*(p[0] for p in picked), strict=True)))
        return Batch(seen, np.stack([p[1] for p in picked]), np.array([p[2] for p in picked], np.float32))
