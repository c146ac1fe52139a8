"""Batches of examples of about one size, built from lessons while the device computes."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .examples import Lesson
from .observation import Observation, blank, bucket

SHARPNESS = 1.5
"""A choice that costs d more than the best is imitated with a weight of exp(-1.5 d)."""


class Batch(NamedTuple):
    """Positions and what to answer.

    Attributes:
        seen: Arrays ``[B, ...]``.
        target: ``[B, N]`` float32 probabilities.
        left: ``[B]`` float32, the cost from there on.
    """

    seen: Observation
    target: np.ndarray
    left: np.ndarray


@dataclass(frozen=True)
class Example:
    """The ``k``-th position of a lesson."""

    lesson: Lesson
    k: int

    @property
    def size(self) -> int:
        """Vertices left."""
        return len(self.lesson.sequence) - int(self.lesson.steps[self.k])


def fixed_columns(rows: np.ndarray) -> np.ndarray:
    """``[n, 5]`` float32 for :class:`.observation.Observation`, of a graph in topological numbering."""
    from ccjac.ordering.states.measures_numba import statics

    n = rows.shape[1]
    place = np.arange(n) / max(n - 1, 1)
    return np.concatenate([statics(rows, np.arange(n)), place[:, None]], axis=1).astype(np.float32)


def collate(examples: Sequence[Example], size: int) -> Batch:
    """A batch padded to ``size`` vertices."""
    from .snapshot_numba import advance, snapshot

    seen = blank(len(examples), size)
    target = np.zeros((len(examples), size), np.float32)
    left = np.zeros(len(examples), np.float32)
    for b, example in enumerate(examples):
        lesson, k = example.lesson, example.k
        rows, step = lesson.rows.copy(), int(lesson.steps[k])
        fixed = fixed_columns(lesson.rows)
        advance(rows, lesson.sequence[:step].astype(np.int64), lesson.units)
        alive = np.flatnonzero(lesson.deltas[k] >= 0)
        n = len(alive)
        scratch = np.empty(rows.shape[1], np.int64)
        snapshot(rows, alive, lesson.pair, lesson.units, scratch, seen.measures[b], seen.edges[b])
        seen.fixed[b, :n] = fixed[alive]
        seen.alive[b, :n] = True
        seen.pair[b] = lesson.pair
        weights = np.exp(-SHARPNESS * lesson.deltas[k][alive].astype(np.float32))
        target[b, :n] = weights / weights.sum()
        left[b] = lesson.left[k]
    return Batch(seen._replace(measures=seen.measures.astype(np.int32)), target, left)


_SHARE = {256: 0.6, 512: 0.3}
"""Large positions take most of the time; what is learned on small ones carries over."""


class Sampler:
    """Draws batches: a bucket by its number of examples, then examples without regard to their graph.

    The batch of a step depends on the seed and the step alone, so that a run goes on where it was interrupted.

    Attributes:
        by_bucket: Examples by padded size.
    """

    def __init__(self, batch: int, seed: int, lane: int = 0) -> None:
        self.by_bucket: dict[int, list[Example]] = {}
        self._batch, self._seed, self._lane = batch, seed, lane

    def add(self, lessons: Iterable[Lesson]) -> None:
        """More to draw from."""
        for lesson in lessons:
            for k in range(len(lesson.steps)):
                example = Example(lesson, k)
                self.by_bucket.setdefault(bucket(max(example.size, 32)), []).append(example)

    def __len__(self) -> int:
        return sum(map(len, self.by_bucket.values()))

    def draw(self, step: int) -> Batch:
        """The batch of a step; all lanes draw positions of the same size, large ones in smaller batches."""
        rng = random.Random(f"{self._seed} {step}")
        sizes = sorted(self.by_bucket)
        size = rng.choices(sizes, [len(self.by_bucket[s]) * _SHARE.get(s, 1.0) for s in sizes])[0]
        own = random.Random(f"{self._seed} {step} {self._lane}")
        return collate(own.choices(self.by_bucket[size], k=max(1, min(self._batch, self._batch * 64 // size))), size)


def ahead(draw: Callable[[int], Batch], steps: Iterable[int], depth: int = 3) -> Iterator[Batch]:
    """The batches of ``steps``, made by a thread while earlier ones are used."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Batch]] = deque()
        for step in steps:
            waiting.append(pool.submit(draw, step))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
