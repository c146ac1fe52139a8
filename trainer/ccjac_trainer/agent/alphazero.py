"""AlphaZero on one graph: Gumbel search on the true rules, learning from its own games."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from .batches import Batch
from .learner import learner
from .network import Shape
from .observation import Observation
from .rollout import Policy
from .searcher import Agent, Run
from .sight import begin
from .tree import Effort, Turn, mover


@dataclass(frozen=True)
class Settings:
    """How AlphaZero plays and learns.

    Attributes:
        games: Played at a time.
        effort: Of a move.
        noise: Scale of the Gumbel noise at the root; with few simulations large values waste them on bad moves.  It
            doubles, five times at most, after every round of whole games that all cost the same.
        restart: Share of the rounds that begin within the best order known instead of at its beginning.
        replay: Positions kept.
        updates: Steps of learning per round.
        batch: Positions in a step.
        rate: Of learning.
    """

    games: int = 4
    effort: Effort = field(default_factory=Effort)
    noise: float = 0.3
    restart: float = 0.6
    replay: int = 2_048
    updates: int = 4
    batch: int = 32
    rate: float = 3e-4


class AlphaZero(Agent):
    """Rollouts of the network, then games searched move by move that it learns from."""

    name = "alphazero"

    def __init__(
        self, policy: Policy | None = None, *, shape: Shape | None = None, settings: Settings | None = None
    ) -> None:
        super().__init__(policy, shape=shape)
        self.settings = settings or Settings()
        self._flat = 0

    def learn(self, run: Run) -> Iterator[None]:
        """Rounds of games and of learning from all positions that are kept."""
        settings = self.settings
        teacher = learner(run.policy.shape, settings.rate)
        with run.incumbent.paused():
            self._warm_up(run)
            state = teacher.begin(run.seed, run.policy.weights)
        memory: deque[tuple[Observation, np.ndarray, float]] = deque(maxlen=settings.replay)
        self._flat = 0
        while True:
            # As arrays of the host: the game is not spread over devices, its program would be compiled once more.
            weights = jax.device_get(state.weights)
            self.learned = Policy(run.policy.shape, weights)
            yield from self._round(run, weights, memory)
            for _ in range(settings.updates if len(memory) >= settings.batch else 0):
                state, _ = teacher.step(state, _batch(run.rng.choices(memory, k=settings.batch)))
                yield

    def _round(self, run: Run, weights: Any, memory: deque[tuple[Observation, np.ndarray, float]]) -> Iterator[None]:
        """Some games from one position."""
        n, games = run.table.start.packed.n, self.settings.games
        turn = mover(run.policy.shape, self.settings.effort)
        known = run.rng.randrange(n) if run.rng.random() < self.settings.restart else 0
        position = begin(run.number, games, run.table.best[:known].tolist())
        before = [np.asarray(position.spent)]
        noise = np.float32(self.settings.noise * 2 ** min(self._flat, 5))
        turns: list[Turn] = []
        for _ in range(n - known):
            found = turn(weights, run.key(), position, run.scale, noise)
            position = found.after
            turns.append(found._replace(seen=jax.device_get(found.seen), policy=np.asarray(found.policy)))
            before.append(np.asarray(position.spent))
            run.take("search")
            yield
        if known == 0:
            self._flat = self._flat + 1 if np.ptp(before[-1]) == 0 else 0
        for found, spent in zip(turns, before, strict=False):
            for b in range(games):
                seen = Observation(*(x[b] for x in found.seen))
                memory.append((seen, np.asarray(found.policy[b]), float(before[-1][b] - spent[b])))

    def _warm_up(self, run: Run) -> None:
        """Compile a move and a step of learning."""
        settings = self.settings
        teacher, turn = learner(run.policy.shape, settings.rate), mover(run.policy.shape, settings.effort)
        state = teacher.begin(0, run.policy.weights)
        weights, position = jax.device_get(state.weights), begin(run.number, settings.games)
        found = turn(weights, run.key(), position, run.scale, np.float32(settings.noise))
        seen = Observation(*(x[0] for x in jax.device_get(found.seen)))
        teacher.step(state, _batch([(seen, np.asarray(found.policy[0]), 1.0)] * settings.batch))


def _batch(picked: Sequence[tuple[Observation, np.ndarray, float]]) -> Batch:
    seen = Observation(*(np.stack(column) for column in zip(*(p[0] for p in picked), strict=True)))
    return Batch(seen, np.stack([p[1] for p in picked]), np.array([p[2] for p in picked], np.float32))
