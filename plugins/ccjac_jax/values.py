"""What a traced variable can be while a jaxpr is walked: a known array, scalar-program values, or linear forms.

Shapes are those of the variable; every entry stands for one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ccjac.program import Builder
from ccjac.program.linearization import NO_TANGENT, Form


@dataclass(frozen=True, eq=False)
class Symbolic:
    """Values of the scalar program.

    Attributes:
        ids: Positions in the program.
        vertices: The graph's vertex of every entry, ``NO_TANGENT`` where there is none, or ``None`` if there is none
        at all.
        dtype: Name of the entries' type.
    """

    ids: np.ndarray
    vertices: np.ndarray | None
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.ids.shape

    @property
    def active(self) -> bool:
        """Whether any entry depends on the differentiated inputs."""
        return self.vertices is not None

    def tangent_vertices(self) -> np.ndarray:
        """``vertices``, spelled out."""
        return np.full(self.shape, NO_TANGENT) if self.vertices is None else self.vertices


@dataclass(frozen=True, eq=False)
class Forms:
    """Tangents inside one equation's derivative rule: an object array of :data:`Form` or ``None`` for zero."""

    entries: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.entries.shape


Value = Any
"""A concrete array (numpy or JAX), a :class:`Symbolic`, or :class:`Forms`."""


def is_known(value: Value) -> bool:
    """Whether the value is concrete."""
    return not isinstance(value, (Symbolic, Forms))


def as_numpy(value: Value) -> np.ndarray:
    """A concrete value as a numpy array (of an ml_dtypes type for bfloat16)."""
    return np.asarray(value)


def lift(builder: Builder, value: Value) -> Symbolic:
    """A value as program values; concrete arrays become constants."""
    if isinstance(value, Symbolic):
        return value
    array = as_numpy(value)
    dtype = array.dtype.name
    ids = np.empty(array.shape, dtype=np.int64)
    numbers = array.astype(np.float64) if jax.numpy.issubdtype(array.dtype, np.floating) else array
    for position, number in zip(np.ndindex(array.shape), numbers.ravel().tolist(), strict=True):
        ids[position] = builder.const(number, dtype)
    return Symbolic(ids, None, dtype)


def zero_forms(shape: tuple[int, ...]) -> np.ndarray:
    """An array of zero forms."""
    return np.full(shape, None, dtype=object)


def forms_of_vertices(builder: Builder, value: Value) -> Forms:
    """The tangent of a value, as forms with unit coefficients; that of a concrete value is zero."""
    if not isinstance(value, Symbolic):
        return Forms(zero_forms(np.shape(value)))
    entries = zero_forms(value.shape)
    one = builder.const(1.0, value.dtype)
    vertices = value.tangent_vertices()
    for position in np.ndindex(value.shape):
        if vertices[position] != NO_TANGENT:
            entries[position] = {int(vertices[position]): one}
    return Forms(entries)


__all__ = ["Form", "Forms", "Symbolic", "Value", "as_numpy", "forms_of_vertices", "is_known", "lift", "zero_forms"]
