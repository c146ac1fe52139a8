"""Values and patterns as the matrices that users ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse as jsparse

from ccjac.pattern import Pattern

from .operator import JacobianOperator


def dense(values: Any, pattern: Pattern) -> Any:
    """``[rows, columns]``, by one scatter."""
    rows, columns = pattern.shape
    size = rows * columns
    if pattern.nnz == size:
        return values
    if size >= 2**31:
        where: Any = (jnp.asarray(pattern.rows), jnp.asarray(pattern.cols))
        zeros = jnp.zeros((rows, columns), values.dtype)
    else:
        where = jnp.asarray(pattern.rows * columns + pattern.cols)
        zeros = jnp.zeros(size, values.dtype)
    return zeros.at[where].set(values, mode="promise_in_bounds", indices_are_sorted=True, unique_indices=True)


def formatted(output: str, values: Any, pattern: Pattern, out: Sequence[int], argument: Sequence[int]) -> Any:
    """A block of shape ``(*out, *argument)`` from its values, or the matrix of flat output by flat argument."""
    if output == "dense":
        return dense(values, pattern).reshape(*out, *argument)
    if output == "bcoo":
        places: list[np.ndarray] = []
        if out:
            places += np.unravel_index(pattern.rows, out)
        if argument:
            places += np.unravel_index(pattern.cols, argument)
        indices = np.stack(places, 1) if places else np.zeros((pattern.nnz, 0), np.int64)
        return jsparse.BCOO(
            (values, jnp.asarray(indices.astype(np.int32))),
            shape=(*out, *argument),
            indices_sorted=True,
            unique_indices=True,
        )
    matrix = jsparse.BCSR(
        (values, jnp.asarray(pattern.cols), jnp.asarray(pattern.indptr)),
        shape=pattern.shape,
        indices_sorted=True,
        unique_indices=True,
    )
    return matrix if output == "bcsr" else JacobianOperator(matrix)
