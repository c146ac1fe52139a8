"""Where the entries of the blocks of a Jacobian go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UnsupportedError
from ..limits import NONZERO_LIMIT
from ..pattern import Pattern, narrow


@dataclass(frozen=True, eq=False)
class Entries:
    """The entries of a part.

    Attributes:
        rows: ``[members, groups]``: the row that a group of entries belongs to, among all rows of all blocks.
        columns: ``[members, entries]``: their columns in the block.
        groups: How many entries follow each other, by output and argument.
    """

    rows: np.ndarray
    columns: np.ndarray
    groups: tuple[int, ...]

    @property
    def windows(self) -> list[slice]:
        """Every group among the columns."""
        ends = np.cumsum(self.groups).tolist()
        return [slice(end - width, end) for end, width in zip(ends, self.groups, strict=True)]


class Places:
    """Where entries of the blocks of a Jacobian go: block by block, row by row."""

    def __init__(self, output_sizes: Sequence[int], argument_sizes: Sequence[int]) -> None:
        self._outputs, self._arguments = list(output_sizes), list(argument_sizes)
        self._first_output = np.concatenate([[0], np.cumsum(output_sizes)])
        self._counts = np.zeros(0, np.int64)
        self._columns = np.zeros(0, np.int64)
        self.added = np.zeros(0, np.int64)

    def virtual(self, outputs: np.ndarray, argument: int) -> np.ndarray:
        """The row among all rows of all blocks, from flat positions among all outputs."""
        leaf = np.searchsorted(self._first_output, outputs, side="right") - 1
        first, size = self._first_output[leaf], np.asarray(self._outputs)[leaf]
        return first * len(self._arguments) + size * argument + (outputs - first)

    def arranged(self, parts: Sequence[Entries]) -> list[np.ndarray]:
        """The target of every entry; of several that meet, all but one lie behind the values, to be added.

        Every row belongs to one member of one part.
        """
        total = int(self._first_output[-1]) * len(self._arguments)
        counts = np.zeros(total, np.int64)
        ranked: list[list[tuple[np.ndarray, np.ndarray | None]]] = []
        for part in parts:
            ranked.append([])
            for group, window in enumerate(part.windows):
                rank, distinct, repeats = _ranks(part.columns[:, window])
                counts[part.rows[:, group]] = distinct
                ranked[-1].append((rank, repeats))
        first = np.concatenate([[0], np.cumsum(counts)])
        check_size(int(first[-1]))
        # int32 halves the memory of what is largest here.
        first = first.astype(np.int32)
        self._counts = counts
        self._columns = np.empty(int(first[-1]), np.int32 if max(self._arguments, default=0) < 2**31 else np.int64)
        targets: list[np.ndarray] = []
        added: list[np.ndarray] = [self.added]
        behind = int(first[-1])
        for part, ranks in zip(parts, ranked, strict=True):
            target = np.empty(part.columns.shape, np.int32)
            for group, (window, (rank, repeats)) in enumerate(zip(part.windows, ranks, strict=True)):
                np.add(first[part.rows[:, group], None], rank, out=target[:, window], casting="unsafe")
                self._columns[target[:, window]] = part.columns[:, window]
                if repeats is not None:
                    added.append(target[:, window][repeats].astype(np.int64))
                    check_size(behind + added[-1].size)
                    target[:, window][repeats] = behind + np.arange(added[-1].size)
                    behind += added[-1].size
            targets.append(target)
        self.added = np.concatenate(added)
        return targets

    def arranged_sums(self, parts: Sequence[Entries]) -> list[np.ndarray]:
        """The same where rows are sums of several members' rows."""
        width = max(self._arguments, default=0)
        keys = [np.repeat(p.rows, p.groups, axis=1) * width + p.columns for p in parts]
        flat = np.concatenate([k.ravel() for k in keys]) if keys else np.empty(0, np.int64)
        check_size(flat.size)
        distinct, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
        again = np.ones(flat.size, bool)
        again[first] = False
        targets = inverse.astype(np.int32)
        self.added = targets[again].astype(np.int64)
        targets[again] = distinct.size + np.arange(self.added.size)
        row, self._columns = np.divmod(distinct, max(width, 1))
        self._counts = np.bincount(row, minlength=int(self._first_output[-1]) * len(self._arguments))
        ends = np.cumsum([k.size for k in keys]).tolist()
        return [targets[end - k.size : end].reshape(k.shape) for k, end in zip(keys, ends, strict=True)]

    def patterns(self) -> tuple[tuple[Pattern, ...], ...]:
        """The structure of every block."""
        found: list[tuple[Pattern, ...]] = []
        row = entry = 0
        for height in self._outputs:
            line: list[Pattern] = []
            for width in self._arguments:
                counts = self._counts[row : row + height]
                nnz = int(counts.sum())
                pointers = np.concatenate([[0], np.cumsum(counts)])
                line.append(Pattern((height, width), narrow(pointers, nnz), narrow(self._columns[entry:][:nnz], width)))
                row, entry = row + height, entry + nnz
            found.append(tuple(line))
        return tuple(found)


def joined_blocks(patterns: Sequence[Sequence[Pattern]]) -> tuple[Pattern, np.ndarray | None]:
    """Blocks ``[outputs][arguments]`` as one matrix.

    Returns:
        Its structure, and where each of its entries lies among those of all blocks, block by block; ``None`` if the
        order is the same.
    """
    if len(patterns) == 1 and len(patterns[0]) == 1:
        return patterns[0][0], None
    widths = [pattern.shape[1] for pattern in patterns[0]]
    shift = np.concatenate([[0], np.cumsum(widths)])
    rows, columns, top = [], [], 0
    for line in patterns:
        for left, pattern in zip(shift.tolist(), line, strict=False):
            rows.append(pattern.rows.astype(np.int64) + top)
            columns.append(pattern.cols.astype(np.int64) + left)
        top += line[0].shape[0]
    row, column = np.concatenate(rows), np.concatenate(columns)
    order = np.lexsort((column, row))
    pointers = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=top))])
    pattern = Pattern((top, sum(widths)), narrow(pointers, row.size), narrow(column[order], sum(widths)))
    return pattern, narrow(order, row.size)


def divided_blocks(whole: Pattern, heights: Sequence[int], widths: Sequence[int]) -> tuple[tuple[Pattern, ...], ...]:
    """The inverse: a matrix divided into blocks ``[outputs][arguments]``."""
    lefts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    found: list[tuple[Pattern, ...]] = []
    top = 0
    for height in heights:
        first, last = whole.indptr[top], whole.indptr[top + height]
        row, column = whole.rows[first:last] - top, whole.cols[first:last]
        line: list[Pattern] = []
        for left, width in zip(lefts, widths, strict=False):
            here = (column >= left) & (column < left + width)
            line.append(Pattern.from_coordinates(row[here], column[here] - left, (height, width)))
        found.append(tuple(line))
        top += height
    return tuple(found)


def check_size(entries: int) -> None:
    """Refuse what int32 tables cannot hold.

    Raises:
        UnsupportedError: There are too many entries.
    """
    if entries > NONZERO_LIMIT:
        raise UnsupportedError(f"its Jacobian has {entries:,} entries, more than {NONZERO_LIMIT:,}")


def _ranks(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray | int, np.ndarray | None]:
    """For every row of ``columns`` the rank of each entry among the row's distinct ones, how many these are, and which
    entries repeat another; ``None`` if no entry does.
    """
    width = columns.shape[1]
    steps = np.diff(columns, axis=1)
    if (steps > 0).all():
        return np.broadcast_to(np.arange(width), columns.shape), width, None
    order = np.argsort(columns, axis=1, kind="stable")
    ascending = np.take_along_axis(columns, order, axis=1)
    new = np.concatenate([np.zeros((len(columns), 1), bool), np.diff(ascending, axis=1) > 0], axis=1)
    number = np.cumsum(new, axis=1)
    ranks = np.empty_like(columns)
    np.put_along_axis(ranks, order, number, axis=1)
    distinct = number[:, -1] + 1
    if (distinct == width).all():
        return ranks, width, None
    new[:, 0] = True
    repeats = np.empty(columns.shape, bool)
    np.put_along_axis(repeats, order, ~new, axis=1)
    return ranks, distinct, repeats
