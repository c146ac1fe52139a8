"""A sparse Jacobian as something to multiply with."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import sparse as jsparse


@jax.tree_util.register_pytree_node_class
class JacobianOperator:
    """A matrix of the flat output by the flat argument, a pytree.

    Attributes:
        matrix: Its entries, a ``jax.experimental.sparse.BCSR``.
        left, right: ``[rows, k]`` and ``[k, columns]``, whose product is added, or ``None``: the share of numbers that
            depend on everything, such as norms and totals.
        transposed: Whether it stands for the transposed matrix.
    """

    def __init__(self, matrix: Any, left: Any = None, right: Any = None, *, transposed: bool = False) -> None:
        self.matrix = matrix
        self.left, self.right = left, right
        self.transposed = transposed

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.matrix.shape
        return (columns, rows) if self.transposed else (rows, columns)

    @property
    def dtype(self) -> Any:
        """Of the entries."""
        return self.matrix.dtype

    @property
    def T(self) -> JacobianOperator:
        """The transposed matrix, of the same entries."""
        return JacobianOperator(self.matrix, self.left, self.right, transposed=not self.transposed)

    def __matmul__(self, vector: Any) -> Any:
        """The product with a vector ``[columns]`` or a matrix ``[columns, k]``."""
        values, columns = self.matrix.data, self.matrix.indices
        height = self.matrix.shape[0]
        rows = jnp.repeat(jnp.arange(height), jnp.diff(self.matrix.indptr), total_repeat_length=values.shape[0])
        into, out_of = (columns, rows) if self.transposed else (rows, columns)
        taken = vector[out_of]
        products = values.reshape(-1, *(1,) * (taken.ndim - 1)) * taken
        total = jax.ops.segment_sum(products, into, self.shape[0], indices_are_sorted=not self.transposed)
        if self.left is None:
            return total
        outer, inner = (self.right.T, self.left.T) if self.transposed else (self.left, self.right)
        return total + outer @ (inner @ vector)

    def todense(self) -> Any:
        """The whole matrix."""
        dense = jsparse.BCSR.todense(self.matrix)
        if self.left is not None:
            dense = dense + self.left @ self.right
        return dense.T if self.transposed else dense

    def tree_flatten(self) -> tuple[tuple[Any, ...], bool]:
        """As a pytree."""
        return (self.matrix, self.left, self.right), self.transposed

    @classmethod
    def tree_unflatten(cls, transposed: bool, children: Any) -> JacobianOperator:
        """As a pytree."""
        return cls(*children, transposed=transposed)

    def __repr__(self) -> str:
        low = "" if self.left is None else f" + rank {self.left.shape[-1]}"
        return f"JacobianOperator({self.shape[0]} × {self.shape[1]}, {self.matrix.nse} entries{low}, {self.dtype})"
