"""Examples from where the policy itself goes: it plays to a random move, and the rest is annealed anew (DAgger).

Imitation teaches states along good orders only; after its first mistake a policy is somewhere else (Ross,
Gordon & Bagnell, AISTATS 2011).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from ccjac.ordering.states.bits import Packed

from .examples import Lesson, lesson
from .rollout import Line, Policy, finish


def reduced(packed: Packed, prefix: Sequence[int] | np.ndarray) -> tuple[Packed, np.ndarray]:
    """The graph after eliminating ``prefix``, and which vertices of ``packed`` its own are."""
    from .snapshot_numba import advance

    rows, n = packed.rows.copy(), packed.n
    advance(rows, np.asarray(prefix, np.int64), packed.units)
    left = np.setdiff1d(np.arange(n), prefix)
    bits = np.unpackbits(rows.view(np.uint8), axis=2, bitorder="little")[:, left]
    # The vertices that are left come first, inputs and outputs keep their order behind them.
    wide = np.concatenate([bits[:, :, left], bits[:, :, n:]], axis=2)
    wide = np.pad(wide, ((0, 0), (0, 0), (0, -wide.shape[2] % 64)))
    fresh = np.packbits(wide, axis=2, bitorder="little").view(np.uint64)
    return Packed(len(left), fresh, packed.pair, packed.units, packed.vertices[left]), left


def visited_lesson(packed: Packed, line: Line, known: int, seed: int) -> Lesson:
    """Examples after the first ``known`` moves of a rollout."""
    prefix = np.array(line.order[:known], np.int64)
    rest, left = reduced(packed, prefix)
    place = {int(v): i for i, v in enumerate(left)}
    found = lesson(rest, np.array([place[v] for v in line.order[known:]], np.int64), seed)
    deltas = np.full((len(found.steps), packed.n), -1, np.int16)
    deltas[:, left] = found.deltas
    sequence = np.concatenate([prefix, left[found.sequence.astype(np.int64)]]).astype(np.int16)
    return Lesson(
        packed.rows, packed.pair, sequence, (found.steps + known).astype(np.int16), deltas, found.left, found.best
    )


def visited_lessons(policy: Policy, graphs: Sequence[Packed], seed: int, temperature: float = 0.2) -> list[Lesson]:
    """One lesson of every graph that leads to any."""
    rng = random.Random(f"visited {seed}")
    lines = [Line(packed) for packed in graphs]
    finish(policy, lines, temperature, np.random.default_rng(seed))
    made = []
    for packed, line in zip(graphs, lines, strict=True):
        known = int(rng.random() ** 1.5 * (packed.n - 4))
        found = visited_lesson(packed, line, known, rng.getrandbits(40))
        if len(found.steps):
            made.append(found)
    return made
