"""How a loop reaches the members of a part: runs that read and write where the arrays lie, and tables for the rest.

Members whose elements lie at equal distances, and whose entries follow each other in the result, are a run: a kernel
reads them inside the arguments and writes inside the result, by address alone.  Around the ends of grid lines, where
neighbours wrap or are clamped, and in graphs without order, a table says for every member where to read and write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..kernels.layout import Layout, Operand, Result
from ..limits import LONGEST_STRIDE, RUN_BYTES, SHORTEST_RUN
from .graph import ElementGraph
from .parts import Part

NO_TABLE = -1
"""In a task: read or write by address."""


@dataclass(frozen=True)
class Window:
    """An operand of a kernel: a row of ``width`` neighbouring elements for each member.

    Attributes:
        block: The block of the element graph that it lies in.
        width: Elements of the row, which is also the distance between members; 1 for separate numbers.
        uniform: All members of a run read the same row.
    """

    block: int
    width: int
    uniform: bool


@dataclass(frozen=True, eq=False)
class PartTasks:
    """A part as tasks of one kernel.

    Attributes:
        layout: The kernel's arrays.
        windows: What each operand is a window of.
        runs: ``[runs, 1 + operands + results]``: members, the first element of every operand relative to its block,
            the first entry of every result; of members that go by address.
        uniform: ``[operands]`` the first element of the operands that are uniform.
        gathers: ``[members, sum of widths]``: for the other members the element of every scalar of every operand that
            is not uniform, relative to its block.
        targets: ``[members, entries]`` where their entries go.
    """

    layout: Layout
    windows: tuple[Window, ...]
    runs: np.ndarray
    uniform: np.ndarray
    gathers: np.ndarray
    targets: np.ndarray


def tasks_of(graph: ElementGraph, part: Part, dtype: str) -> PartTasks:
    """Find the runs of a part."""
    windows, scalars, offsets = _windows(graph, part)
    types = [graph.blocks[w.block].dtype for w in windows]
    operands = tuple(
        Operand(tuple(s), t, batched=not w.uniform) for s, t, w in zip(scalars, types, windows, strict=True)
    )
    groups = _result_groups(part)
    results = []
    start = 0
    for width in groups:
        results.append(Result(tuple(part.places[start : start + width]), dtype))
        start += width
    bases = np.stack(offsets, axis=1) if offsets else np.empty((part.members, 0), np.int64)
    targets = part.targets
    firsts = targets[:, np.concatenate([[0], np.cumsum(groups)[:-1]])]
    begins, lengths = _runs(windows, bases, targets, firsts, groups)
    long = lengths >= SHORTEST_RUN
    by_address = np.zeros(part.members, bool)
    for begin, length in zip(begins[long].tolist(), lengths[long].tolist(), strict=True):
        by_address[begin : begin + length] = True
    row_bytes = sum(np.dtype(o.dtype).itemsize * len(o.scalars) for o in operands if o.batched)
    row_bytes += sum(np.dtype(r.dtype).itemsize * len(r.entries) for r in results)
    piece = max(SHORTEST_RUN, RUN_BYTES // max(row_bytes, 1))
    starts, counts = _cut(begins[long], lengths[long], piece)
    runs = np.concatenate([counts[:, None], bases[starts], firsts[starts]], axis=1)
    rest = np.flatnonzero(~by_address)
    gathers = _gathers(windows, scalars, part, rest, bases[rest], graph)
    uniform = np.where([w.uniform for w in windows], bases[0], 0) if part.members else np.zeros(len(windows), np.int64)
    return PartTasks(Layout(operands, tuple(results)), windows, runs, uniform, gathers, targets[rest])


def _windows(graph: ElementGraph, part: Part) -> tuple[tuple[Window, ...], list[list[int]], list[np.ndarray]]:
    """The operands of a part's kernel, the scalars in their rows, and for every member the row's first element."""
    together: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
    bases: dict[tuple[int, int, int, int], np.ndarray] = {}
    for scalar, (column, place) in enumerate(zip(part.leaves, part.blocks, strict=True)):
        block = graph.blocks[place]
        local = column - block.start
        stride = _stride(local)
        if stride == 0:
            key = (place, 0, 0, int(local[0]))
            together[key] = [(scalar, 0)]
            bases[key] = local
            continue
        width = stride if 1 < stride <= LONGEST_STRIDE and block.size % stride == 0 else 1
        within = int(local[0]) % width
        base = local - within
        key = (place, width, *_signature(base))
        together.setdefault(key, []).append((scalar, within))
        bases.setdefault(key, base)
    windows: list[Window] = []
    scalars: list[list[int]] = []
    offsets: list[np.ndarray] = []
    for key, members in together.items():
        width = max(key[1], 1)
        # Elements of the row that no member reads have the number of no scalar.
        row = [len(part.leaves)] * width
        for scalar, within in members:
            row[within] = scalar
        windows.append(Window(key[0], width, key[1] == 0))
        scalars.append(row)
        offsets.append(bases[key])
    return tuple(windows), scalars, offsets


def _stride(column: np.ndarray) -> int:
    """The commonest distance between neighbouring members; 0 if all read one element."""
    if column.size < 2:
        return 1
    steps = np.diff(column)
    if not steps.any():
        return 0
    positive = steps[(steps > 0) & (steps <= LONGEST_STRIDE)]
    return int(np.bincount(positive).argmax()) if positive.size else 1


def _signature(column: np.ndarray) -> tuple[int, int]:
    """Equal for equal columns, and hardly ever else."""
    weights = np.arange(1, column.size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return int(column[0]), int(np.dot(column.astype(np.uint64), weights | np.uint64(1)))


def _result_groups(part: Part) -> list[int]:
    """Widths of the results: entries of several outputs are one row if they follow each other in most members."""
    widths: list[int] = []
    start = 0
    for width in part.groups:
        follows = start and (part.targets[:, start] == part.targets[:, start - 1] + 1).mean() > 0.5
        if follows:
            widths[-1] += width
        else:
            widths.append(width)
        start += width
    return widths


def _runs(
    windows: Sequence[Window], bases: np.ndarray, targets: np.ndarray, firsts: np.ndarray, groups: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Where maximal runs begin, and their lengths; members that cannot go by address are runs of one."""
    members = len(bases)
    strides = np.array([0 if w.uniform else w.width for w in windows], np.int64)
    joins = (np.diff(bases, axis=0) == strides).all(axis=1)
    joins &= (np.diff(firsts, axis=0) == np.asarray(groups)).all(axis=1)
    start = 0
    plain = np.ones(members, bool)
    for k, width in enumerate(groups):
        window = targets[:, start : start + width]
        plain &= (window - firsts[:, k : k + 1] == np.arange(width)).all(axis=1)
        start += width
    joins &= plain[1:] & plain[:-1]
    begins = np.concatenate([[0], np.flatnonzero(~joins) + 1]) if members else np.empty(0, np.int64)
    return begins, np.diff(np.concatenate([begins, [members]]))


def _cut(begins: np.ndarray, lengths: np.ndarray, piece: int) -> tuple[np.ndarray, np.ndarray]:
    """Runs cut into pieces of up to ``piece`` members of nearly equal length."""
    pieces = -(-lengths // piece)
    number = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begin, length, parts = (np.repeat(a, pieces) for a in (begins, lengths, pieces))
    low, high = number * length // np.maximum(parts, 1), (number + 1) * length // np.maximum(parts, 1)
    return begin + low, high - low


def _gathers(
    windows: Sequence[Window],
    scalars: Sequence[Sequence[int]],
    part: Part,
    members: np.ndarray,
    bases: np.ndarray,
    graph: ElementGraph,
) -> np.ndarray:
    columns: list[np.ndarray] = []
    for k, (window, row) in enumerate(zip(windows, scalars, strict=True)):
        if window.uniform:
            continue
        start = graph.blocks[window.block].start
        for scalar in row:
            # What is not read may be anything inside the array.
            inside = bases[:, k] if scalar >= len(part.leaves) else part.leaves[scalar][members] - start
            columns.append(inside)
    return np.stack(columns, axis=1) if columns else np.empty((len(members), 0), np.int64)
