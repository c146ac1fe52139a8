"""Orders by the network alone: many positions move by move in lockstep, each padded to what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jax
import numpy as np

from ccjac.ordering.states.bits import Packed, pack_edges

from .batches import fixed_columns
from .learner import Weights, player
from .network import Answer, Shape
from .observation import BUCKETS, Observation, blank, bucket

_BATCHES = (1, 16, 64)
_SMALLEST = 32


@dataclass(frozen=True)
class Policy:
    """A network with its weights.

    Attributes:
        shape: Of the network.
        weights: See :data:`.learner.Weights`.
    """

    shape: Shape
    weights: Weights = field(repr=False)

    def answer(self, seen: Observation) -> Answer:
        """Answers to a batch of positions."""
        return _compiled(self.shape)(self.weights, seen)

    def warm_up(self, n: int, copies: int) -> None:
        """Compile what :func:`finish` needs for ``copies`` of a graph of ``n`` vertices."""
        batch = next((b for b in _BATCHES if b >= copies), _BATCHES[-1])
        for size in (b for b in BUCKETS if _SMALLEST <= b <= bucket(max(_SMALLEST, n))):
            seen = blank(batch, size)
            self.answer(seen._replace(measures=seen.measures.astype(np.int32)))
        line = Line(pack_edges([1, 2], [(0, 1, True), (1, 2, False), (2, 3, True)], (1, 0, 0), True))
        look([line], _SMALLEST)
        line.move(0)


@cache
def _compiled(shape: Shape) -> Any:
    return jax.jit(player(shape))


class Line:
    """One order in the making.

    Attributes:
        packed: The graph.
        order: Moves so far.
        cost: What they cost.
        left: Vertices left, ascending.
    """

    def __init__(self, packed: Packed, fixed: np.ndarray | None = None, prefix: Sequence[int] = ()) -> None:
        self.packed = packed
        self.fixed = fixed_columns(packed.rows) if fixed is None else fixed
        self.order: list[int] = []
        self.cost = 0
        self.left = np.arange(packed.n)
        self._rows = packed.rows.copy()
        self._keep = np.zeros((packed.n + 63) // 64, np.uint64)
        self._keep[:] = np.iinfo(np.uint64).max
        if packed.n % 64:
            self._keep[-1] = np.uint64((1 << packed.n % 64) - 1)
        for v in prefix:
            self.move(int(v))

    def move(self, v: int) -> None:
        """Eliminate ``v``."""
        from ccjac.ordering.states.bits_numba import eliminate, price

        self.cost += int(price(self._rows, v, self.packed.pair, self.packed.units))
        eliminate(self._rows, v, self._keep, self.packed.units)
        self.order.append(v)
        self.left = self.left[self.left != v]

    def describe(self, seen: Observation, b: int) -> None:
        """Write the position to row ``b`` of zeroed arrays."""
        from .snapshot_numba import snapshot

        packed, n = self.packed, len(self.left)
        scratch = np.empty(packed.n, np.int64)
        snapshot(self._rows, self.left, packed.pair, packed.units, scratch, seen.measures[b], seen.edges[b])
        seen.fixed[b, :n] = self.fixed[self.left]
        seen.alive[b, :n] = True
        seen.pair[b] = packed.pair


def look(lines: Sequence[Line], size: int) -> Observation:
    """The positions of ``lines``, padded to ``size`` vertices and to one of few batch sizes."""
    batch = next((b for b in _BATCHES if b >= len(lines)), len(lines))
    seen = blank(batch, size)
    for b, line in enumerate(lines):
        line.describe(seen, b)
    return seen._replace(measures=seen.measures.astype(np.int32))


def finish(policy: Policy, lines: Sequence[Line], temperature: float, rng: np.random.Generator) -> None:
    """Let the network play all ``lines`` to their end.

    Args:
        policy: Who plays.
        lines: What is played; changed in place.
        temperature: 0 takes the first choice (ties: the last vertex); moves are drawn above.
        rng: For draws.
    """
    playing = [line for line in lines if len(line.left)]
    while playing:
        groups: dict[int, list[Line]] = {}
        for line in playing:
            groups.setdefault(bucket(max(_SMALLEST, len(line.left))), []).append(line)
        for size, group in groups.items():
            for first in range(0, len(group), _BATCHES[-1]):
                part = group[first : first + _BATCHES[-1]]
                logits = np.asarray(policy.answer(look(part, size)).logits)
                for b, line in enumerate(part):
                    n = len(line.left)
                    scores = logits[b, :n].astype(np.float64)
                    if temperature > 0:
                        scores = scores / temperature + rng.gumbel(size=n)
                    line.move(int(line.left[n - 1 - int(np.argmax(scores[::-1]))]))
        playing = [line for line in playing if len(line.left)]


def zero_shot(policy: Policy, graphs: Sequence[Packed]) -> list[Line]:
    """One greedy rollout of each graph."""
    lines = [Line(packed) for packed in graphs]
    finish(policy, lines, 0.0, np.random.default_rng(0))
    return lines
