"""All parts of a sparse Jacobian as one table of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..kernels.cpu.runs import HEAD, TABLE_SAMPLES, TaskKernel, task_width
from ..limits import RARE_SHARE, TASKS_BYTES
from ..program import Program
from .parts import SparseProgram
from .tasks import NO_TABLE, PartTasks, tasks_of


@dataclass(frozen=True, eq=False)
class Schedule:
    """What :func:`ccjac.kernels.cpu.runs.write_runs` takes, and the tables.

    Attributes:
        blocks: The element graph's blocks that are data arrays, in the order in which they are passed.
        programs: The kernels' programs.
        kernels: Their layouts and buffers.
        rare: Which of them few members run: to compile them soon matters more than how fast they are.
        tasks: ``[tasks, width]`` int64.
        reads: ``[indices]`` int32.
        writes: ``[places]`` int32.
        piece: How many tasks a thread takes at a time.
    """

    blocks: tuple[int, ...]
    programs: tuple[Program, ...]
    kernels: tuple[TaskKernel, ...]
    rare: tuple[bool, ...]
    tasks: np.ndarray
    reads: np.ndarray
    writes: np.ndarray
    piece: int


def scheduled(sparse: SparseProgram) -> Schedule:
    """The tasks of all parts."""
    graph = sparse.graph
    found = [tasks_of(graph, part, sparse.dtype) for part in sparse.parts]
    blocks = tuple(sorted({w.block for part in found for w in part.windows}))
    kernels = tuple(TaskKernel(p.layout, tuple(blocks.index(w.block) for w in p.windows)) for p in found)
    members = [part.members for part in sparse.parts]
    rare = tuple(n < RARE_SHARE * sum(members) for n in members)
    width = task_width(kernels)
    rows: list[np.ndarray] = []
    reads: list[np.ndarray] = []
    writes: list[np.ndarray] = []
    n_reads = n_writes = moved = 0
    for k, part in enumerate(found):
        table = np.zeros((len(part.runs), width), np.int64)
        table[:, 0], table[:, 1], table[:, 2:HEAD] = k, part.runs[:, 0], NO_TABLE
        table[:, HEAD : HEAD + part.runs.shape[1] - 1] = part.runs[:, 1:]
        rows.append(table)
        moved += int(part.runs[:, 0].sum()) * _row_bytes(part)
        for start in range(0, len(part.targets), TABLE_SAMPLES):
            window = slice(start, start + TABLE_SAMPLES)
            count = len(part.targets[window])
            row = np.zeros((1, width), np.int64)
            row[0, :HEAD] = k, count, n_reads, n_writes
            row[0, HEAD : HEAD + len(part.uniform)] = part.uniform
            rows.append(row)
            reads += _by_array(part.gathers[window], [w.width for w in part.windows if not w.uniform])
            writes += _by_array(part.targets[window], [len(r.entries) for r in part.layout.results])
            n_reads += part.gathers[window].size
            n_writes += part.targets[window].size
            moved += count * _row_bytes(part)
    tasks = np.concatenate(rows) if rows else np.zeros((0, width), np.int64)
    piece = max(1, -(-TASKS_BYTES * len(tasks) // max(moved, 1)))
    return Schedule(
        blocks, tuple(p.program for p in sparse.parts), kernels, rare, tasks, _table(reads), _table(writes), piece
    )


def _by_array(table: np.ndarray, widths: Sequence[int]) -> list[np.ndarray]:
    """Columns ``[members, sum of widths]`` array by array, each sample by sample."""
    ends = np.cumsum(widths)
    return [table[:, end - width : end].ravel() for end, width in zip(ends, widths, strict=True)]


def _table(pieces: Sequence[np.ndarray]) -> np.ndarray:
    # Never empty: arrays without entries are awkward operands.
    return np.concatenate([*pieces, np.zeros(1, np.int64)]).astype(np.int32)


def _row_bytes(part: PartTasks) -> int:
    arrays = [(o.dtype, len(o.scalars)) for o in part.layout.operands]
    arrays += [(r.dtype, len(r.entries)) for r in part.layout.results]
    return sum(np.dtype(dtype).itemsize * width for dtype, width in arrays)
