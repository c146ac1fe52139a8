"""Where a sparse matrix has entries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

_DRAWN = 40
"""Rows and columns of the text drawing."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """The structure of a sparse matrix in compressed rows (CSR), columns ascending in every row.

    Attributes:
        shape: ``(rows, columns)``.
        indptr: ``[rows + 1]``: row ``i`` has the entries ``indptr[i]`` to ``indptr[i + 1]``.
        cols: ``[nnz]`` column of every entry; int32 unless the matrix is too large.
    """

    shape: tuple[int, int]
    indptr: np.ndarray
    cols: np.ndarray

    @classmethod
    def from_coordinates(cls, rows: np.ndarray, cols: np.ndarray, shape: tuple[int, int]) -> Pattern:
        """Entries in any order; repeated ones count once."""
        keys = np.unique(np.asarray(rows, np.int64) * shape[1] + np.asarray(cols, np.int64))
        found, columns = np.divmod(keys, max(shape[1], 1))
        return cls(shape, _pointers(np.bincount(found, minlength=shape[0]), keys.size), narrow(columns, shape[1]))

    @classmethod
    def full(cls, shape: tuple[int, int]) -> Pattern:
        """Every entry."""
        rows, columns = shape
        size = rows * columns
        pointers = np.arange(rows + 1, dtype=np.int64) * columns
        return cls(shape, narrow(pointers, size), narrow(np.tile(np.arange(columns), rows), columns))

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return int(self.cols.size)

    @cached_property
    def rows(self) -> np.ndarray:
        """``[nnz]`` row of every entry."""
        return narrow(np.repeat(np.arange(self.shape[0]), np.diff(self.indptr)), self.shape[0])

    @property
    def density(self) -> float:
        """Part of the matrix that has entries."""
        size = self.shape[0] * self.shape[1]
        return self.nnz / size if size else 0.0

    @property
    def T(self) -> Pattern:
        """The transposed pattern."""
        return Pattern.from_coordinates(self.cols, self.rows, (self.shape[1], self.shape[0]))

    def scipy(self, values: Any) -> Any:
        """A ``scipy.sparse.csr_array`` of ``values`` ``[nnz]`` in this pattern's order."""
        from scipy.sparse import csr_array

        return csr_array((np.asarray(values), self.cols, self.indptr), shape=self.shape)

    def todense(self) -> np.ndarray:
        """``[rows, columns]`` of bools."""
        dense = np.zeros(self.shape, bool)
        dense[self.rows, self.cols] = True
        return dense

    def plot(self, *, ax: Any = None) -> Any:
        """A spy picture; returns matplotlib's axes."""
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots(figsize=(5, 5 * max(min(self.shape[0] / max(self.shape[1], 1), 2), 0.2)))[1]
        size = max(0.5, 200 / max(*self.shape, 1))
        ax.plot(self.cols, self.rows, "s", markersize=min(size, 8), linestyle="none")
        ax.set_xlim(-0.5, self.shape[1] - 0.5)
        ax.set_ylim(self.shape[0] - 0.5, -0.5)
        ax.set_aspect("equal")
        ax.set_title(f"{self.shape[0]:,} × {self.shape[1]:,}, {self.nnz:,} entries")
        return ax

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Pattern)
            and self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.cols, other.cols)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        head = f"Pattern({self.shape[0]:,} × {self.shape[1]:,}, {self.nnz:,} entries, {100 * self.density:.3g} %)"
        if not self.nnz:
            return head
        height, width = (min(size, _DRAWN) for size in self.shape)
        marks = np.zeros((height, width), bool)
        marks[
            self.rows.astype(np.int64) * height // self.shape[0], self.cols.astype(np.int64) * width // self.shape[1]
        ] = True
        return "\n".join([head, *("".join("⠿" if mark else "⋅" for mark in line) for line in marks)])


def _pointers(counts: np.ndarray, nnz: int) -> np.ndarray:
    return narrow(np.concatenate([[0], np.cumsum(counts)]), nnz)


def narrow(numbers: np.ndarray, largest: int) -> np.ndarray:
    """int32 where that is enough, as sparse solvers want."""
    return numbers.astype(np.int32 if largest < 2**31 else np.int64)
