"""What the learning searchers share: the graph they play on, whom they begin as, and rollouts of the network."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from ccjac.cost import CostModel
from ccjac.graph import Graph
from ccjac.ordering.protocol import Listener, SearchResult
from ccjac.ordering.toolkit import Incumbent, Interleaved, Part

from . import weights as files
from .learner import fresh
from .network import Shape
from .precision import single
from .rollout import Line, Policy, finish
from .sight import LARGEST, Table, close_table, open_table


@dataclass
class Run:
    """One search.

    Attributes:
        incumbent: The best order so far, with what was given and what the greedy rules found.
        table: What is played on, with the best order that the agent itself saw there.
        number: Of the table.
        policy: Whom it began as.
        seed, rng, draws: For decisions.
        name: Of the searcher.
    """

    incumbent: Incumbent
    table: Table
    number: int
    policy: Policy
    seed: int
    name: str

    def __post_init__(self) -> None:
        self.rng, self.draws = random.Random(self.seed), np.random.default_rng(self.seed)

    def key(self) -> jax.Array:
        """A new key."""
        return jax.random.key(self.rng.getrandbits(32))

    @property
    def scale(self) -> np.float32:
        """The cost that counts as 1: what the greedy rules need."""
        return np.float32(max(1, self._greedy))

    @property
    def _greedy(self) -> int:
        return self.incumbent.history[0][1] if self.incumbent.history else self.incumbent.total

    def take(self, how: str) -> None:
        """Hand the agent's best order over."""
        packed = self.table.start.packed
        self.incumbent.offer(packed.unpack_order(self.table.best), self.table.cost, f"{self.name}:{how}")


class Agent(Interleaved):
    """A searcher that plays with a network and learns from what it plays.

    Attributes:
        policy: Whom it begins as; the package's pretrained policy if it is ``None`` and ``shape`` is too.
        shape: Of a network with random weights to begin with.
        temperature: At which the first rollouts are drawn.
        learned: What the last search has made of the policy, ``None`` if it did not get as far as to learn.
        table: What the last search was played on; it counts the positions that were looked at.
    """

    largest = LARGEST
    learned: Policy | None = None
    table: Table | None = None

    def __init__(self, policy: Policy | None = None, *, shape: Shape | None = None, temperature: float = 0.25) -> None:
        self.policy, self.shape, self.temperature = policy, shape, temperature

    def search(
        self,
        graph: Graph,
        *,
        cost: CostModel,
        seconds: float,
        seed: int,
        start: Sequence[Sequence[int]] = (),
        progress: Listener | None = None,
    ) -> SearchResult:
        """See :class:`ccjac.ordering.toolkit.Interleaved`."""
        with single():
            return super().search(graph, cost=cost, seconds=seconds, seed=seed, start=start, progress=progress)

    def parts(self, incumbent: Incumbent, seed: int) -> Iterable[Part]:
        """The agent alone."""
        return [Part(self._play(incumbent, seed))]

    def begin(self) -> Policy:
        """Whom it begins as."""
        if self.policy is not None:
            return self.policy
        return files.shipped() if self.shape is None else Policy(self.shape, fresh(self.shape, 0))

    @abstractmethod
    def learn(self, run: Run) -> Iterator[None]:
        """Play and learn without end."""

    def _play(self, incumbent: Incumbent, seed: int) -> Iterator[None]:
        if incumbent.done():
            return
        with incumbent.paused():
            self.table = table = Table.of(incumbent.graph, incumbent.cost)
            run = Run(incumbent, table, open_table(table), self.begin(), seed, self.name)
        try:
            yield from self._rollouts(run)
            yield from self.learn(run)
        finally:
            close_table(run.number)

    def _rollouts(self, run: Run) -> Iterator[None]:
        """One greedy rollout, then some that are drawn."""
        packed = run.table.start.packed
        for copies, temperature in ((1, 0.0), (16, self.temperature)):
            with run.incumbent.paused():
                run.policy.warm_up(packed.n, copies)
            lines = [Line(packed, run.table.fixed[: packed.n]) for _ in range(copies)]
            finish(run.policy, lines, temperature, run.draws)
            run.table.evaluations += copies * packed.n
            best = min(lines, key=lambda line: line.cost)
            run.table.offer(best.order, best.cost)
            run.take("rollout")
            yield
