"""Examples to imitate: annealed orders of generated graphs, and what every other choice would have cost.

An example is a state on the way along a good order, and for every vertex left by how much the whole order becomes more
expensive if that vertex goes next and the others keep their places.  Several choices are usually as good as each other.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ccjac.cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ccjac.graph import Graph
from ccjac.ordering import greedy
from ccjac.ordering.annealing.searcher import Annealer, cooling
from ccjac.ordering.states.bits import Packed, pack

COSTS: tuple[CostModel, CostModel] = (STRUCTURAL, MULTIPLICATIONS)
STATES = 28
"""At most this many examples from one graph."""


@dataclass(frozen=True)
class Lesson:
    """A graph under one cost model, and examples from one walk through it.

    Attributes:
        rows: ``[4, n, n_words]`` uint64; see :class:`ccjac.ordering.states.bits.Packed`.
        pair: ``[3]`` int64 prices.
        sequence: ``[n]`` the order that was followed.
        steps: ``[k]`` places in it that are described.
        deltas: ``[k, n]`` int16, the extra cost of every vertex left, -1 for those that are eliminated.
        left: ``[k]`` the cost from there on.
        best: ``[2]`` the cost of the start order and of the best one known.
    """

    rows: np.ndarray
    pair: np.ndarray
    sequence: np.ndarray
    steps: np.ndarray
    deltas: np.ndarray
    left: np.ndarray
    best: np.ndarray

    @property
    def units(self) -> bool:
        """Whether unit edges matter."""
        return len(set(self.pair.tolist())) > 1


def anneal(
    packed: Packed, order: np.ndarray, seed: int, *, passes: int, hottest: float = 0.7
) -> tuple[int, np.ndarray]:
    """The best order of one annealing run, ``order`` itself among them, and its cost."""
    annealer, best, found = Annealer(packed, order, seed), cost_of(packed, order), order
    for temperature in cooling(hottest, passes):
        for total in annealer.walk(temperature):
            if total is not None and total < best:
                best, found = total, annealer.order.copy()
    return best, found


def cost_of(packed: Packed, order: np.ndarray) -> int:
    """What an order of packed vertices costs."""
    from ccjac.ordering.states.bits_numba import order_price

    return int(order_price(packed.rows.copy(), order, packed.pair, packed.units))


def lesson(packed: Packed, start: np.ndarray, seed: int, *, wander: float = 0.06, sample: float = 0.1) -> Lesson:
    """Anneal ``start`` shortly and walk along the result."""
    from .expert_numba import walk

    n = packed.n
    passes = max(80, min(200, 20_000 // n))
    total, order = anneal(packed, start, seed, passes=passes)
    sequence, steps = np.empty(n, np.int64), np.empty(STATES, np.int64)
    deltas, left = np.empty((STATES, n), np.int64), np.empty(STATES, np.int64)
    state = np.array([(seed * 0x9E3779B97F4A7C15 + 0x1234567) % (1 << 64) or 1], np.uint64)
    # A few from every graph: the larger, the rarer.
    k, _ = walk(
        packed.rows.copy(), order.copy(), packed.pair, packed.units, wander, min(1.0, sample * 100 / n), state,
        sequence, steps, deltas, left,
    )  # fmt: skip
    small = np.minimum(deltas[:k], np.iinfo(np.int16).max).astype(np.int16)
    best = np.array([total, total], np.int64)
    return Lesson(
        packed.rows, packed.pair, sequence.astype(np.int16), steps[:k].astype(np.int16), small, left[:k], best
    )


def start_order(graph: Graph, packed: Packed, cost: CostModel) -> np.ndarray:
    """The best greedy order, to anneal: under multiplications that is often a sweep, which annealing does not find."""
    return packed.pack_order(greedy.best(graph, cost).order)


def save(path: Path, lessons: Sequence[Lesson]) -> None:
    """Write lessons to an ``.npz`` file, every field as one flat array with the shapes beside it."""
    arrays: dict[str, np.ndarray] = {}
    for field in fields(Lesson):
        values = [getattr(item, field.name) for item in lessons]
        arrays[field.name] = np.concatenate([v.ravel() for v in values])
        arrays[f"{field.name}_shape"] = np.array([v.shape for v in values], np.int64)
    part = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(part, allow_pickle=False, **arrays)
    part.replace(path)


def load(path: Path) -> Iterator[Lesson]:
    """Read what :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        columns = []
        for field in fields(Lesson):
            flat, shapes = file[field.name], file[f"{field.name}_shape"]
            ends = np.cumsum(shapes.prod(axis=1))[:-1]
            columns.append([x.reshape(shape) for x, shape in zip(np.split(flat, ends), shapes, strict=True)])
    for values in zip(*columns, strict=True):
        yield Lesson(*values)


SIZES = (((10, 60), 0.3), ((60, 130), 0.38), ((130, 300), 0.22), ((300, 500), 0.1))
"""Operations of the generated graphs, and the share of each class."""


def problems(seed: int) -> Iterator[tuple[Graph, CostModel, int]]:
    """Endless generated graphs with a cost model and a seed of their own."""
    from ccjac_zoo.graphs import generate

    rng = random.Random(f"lessons {seed}")
    while True:
        sizes = rng.choices([s for s, _ in SIZES], [w for _, w in SIZES])[0]
        own = rng.randrange(1 << 40)
        graph = generate(own, sizes).graph
        if 8 <= len(graph.eliminable) - len(graph.dead) <= 512:
            yield graph, rng.choice(COSTS), own


def lessons(problems: Iterator[tuple[Graph, CostModel, int]], count: int) -> Iterator[Lesson]:
    """Lessons of annealed orders."""
    made = 0
    while made < count:
        graph, cost, seed = next(problems)
        packed = pack(graph, cost)
        start = start_order(graph, packed, cost)
        found = lesson(packed, start, seed)
        if len(found.steps):
            found.best[0] = greedy.price(graph, packed.unpack_order(start), cost)
            made += 1
            yield found
