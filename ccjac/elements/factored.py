"""Functions of a few numbers that depend on everything: their Jacobian is sparse but for a part of low rank.

Norms, means and totals connect every output with every input.  With such numbers s cut out, ``y = f(x, s(x))`` has the
Jacobian ``S + U V``: ``S = df/dx`` and ``U = df/ds`` by cells, ``V = ds/dx`` one dense row for each number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import UnsupportedError
from ..limits import CUT_LIMIT, CUT_SHARE, NONZERO_LIMIT
from ..pattern import Pattern
from .dependence import dependence
from .graph import ElementGraph, Elements
from .parts import Part, SparseProgram
from .places import divided_blocks, joined_blocks


@dataclass(frozen=True, eq=False)
class FactoredProgram:
    """``S + U V``.

    Attributes:
        extended: ``S`` and ``U``: the outputs by the arguments and the numbers that were cut out.
        n_arguments: How many of its arguments are differentiated arguments of the function.
        right: ``V``'s structure, numbers by inputs; it may be larger than necessary.
    """

    extended: SparseProgram
    n_arguments: int
    right: Pattern

    @property
    def graph(self) -> ElementGraph:
        """The function's elements."""
        return self.extended.graph

    @property
    def parts(self) -> tuple[Part, ...]:
        """What computes ``S`` and ``U``."""
        return self.extended.parts

    @property
    def dtype(self) -> str:
        """Name of the values' type."""
        return self.extended.dtype

    @property
    def rank(self) -> int:
        """How many numbers were cut out."""
        return self.right.shape[0]

    @property
    def written(self) -> int:
        """Entries of ``S`` and ``U``."""
        return self.extended.nnz

    @cached_property
    def whole(self) -> Pattern:
        """The structure of the product multiplied out, all blocks together.

        Raises:
            UnsupportedError: It has too many entries.
        """
        sparse, left = self._sides
        outer = int(np.diff(self.right.indptr)[left.cols].sum(dtype=np.int64))
        if sparse.nnz + outer > NONZERO_LIMIT:
            raise UnsupportedError(
                f"multiplied out, its Jacobian has up to {sparse.nnz + outer:,} entries, more than {NONZERO_LIMIT:,}: "
                'its dense part has low rank, ask for `output="operator"`'
            )
        _, rows, columns = self.products
        return Pattern.from_coordinates(
            np.concatenate([sparse.rows, rows]), np.concatenate([sparse.cols, columns]), sparse.shape
        )

    @cached_property
    def patterns(self) -> tuple[tuple[Pattern, ...], ...]:
        """``[outputs][arguments]``: the same block by block."""
        lines = self.extended.patterns
        widths = [p.shape[1] for p in lines[0][: self.n_arguments]]
        return divided_blocks(self.whole, [line[0].shape[0] for line in lines], widths)

    @property
    def in_whole(self) -> np.ndarray | None:
        """As :attr:`.SparseProgram.in_whole`."""
        return joined_blocks(self.patterns)[1]

    @cached_property
    def products(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every product in ``U V`` the entry of ``U``, and row and column of the result."""
        left = self._sides[1]
        counts = np.diff(self.right.indptr)[left.cols].astype(np.int64)
        entry = np.repeat(np.arange(left.nnz), counts)
        within = np.arange(entry.size) - np.repeat(np.cumsum(counts) - counts, counts)
        columns = self.right.cols[self.right.indptr[left.cols[entry]] + within]
        return entry, left.rows[entry], columns

    @cached_property
    def sparse_whole(self) -> tuple[Pattern, np.ndarray]:
        """``S``, all blocks together, and where its entries lie among the extended program's values."""
        return self._side(0, self.n_arguments)

    @cached_property
    def left_whole(self) -> tuple[Pattern, np.ndarray]:
        """The same of ``U``."""
        if not self.rank:
            nothing = np.empty(0, np.int64)
            return Pattern.from_coordinates(nothing, nothing, (self.sparse_whole[0].shape[0], 0)), nothing
        return self._side(self.n_arguments, None)

    @property
    def _sides(self) -> tuple[Pattern, Pattern]:
        return self.sparse_whole[0], self.left_whole[0]

    def _side(self, first: int, last: int | None) -> tuple[Pattern, np.ndarray]:
        starts, start = [], 0
        for line in self.extended.patterns:
            for k, pattern in enumerate(line):
                if k in range(len(line))[first:last]:
                    starts.append(np.arange(start, start + pattern.nnz))
                start += pattern.nnz
        pattern, order = joined_blocks([line[first:last] for line in self.extended.patterns])
        places = np.concatenate(starts)
        return pattern, places if order is None else places[order]


def factored(
    graph: ElementGraph, outputs: Sequence[Elements], n_differentiated: int, program: SparseProgram
) -> SparseProgram | FactoredProgram:
    """A program with numbers cut out as a sum with a product; any other as it is.

    Raises:
        UnsupportedError: Too many numbers were cut out.
    """
    if not program.cut:
        return program
    total = sum(graph.blocks[k].size for k in program.cut)
    if total > CUT_LIMIT:
        raise UnsupportedError(f"its outputs depend on {total} sums over many entries, more than {CUT_LIMIT}")
    smaller = min(sum(o.size for o in outputs), sum(b.size for b in graph.blocks[:n_differentiated]))
    if total > CUT_SHARE * smaller:
        raise UnsupportedError(f"{total} numbers depend on everything, too many beside {smaller} outputs or inputs")
    blocks = [graph.blocks[k] for k in program.cut if graph.blocks[k].is_differentiated]
    numbers = [Elements((b.size,), b.dtype, start=b.start) for b in blocks]
    return FactoredProgram(program, n_differentiated, dependence(graph, numbers, n_differentiated))


def candidates(graph: ElementGraph) -> frozenset[int]:
    """The blocks that may be cut out."""
    return frozenset(k for k in graph.origins if graph.blocks[k].size <= CUT_LIMIT)
