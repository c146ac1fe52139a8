"""What a traced variable can be while a function is expanded: a known array, scalar-program values, or linear forms.

Shapes are those of the variable; every entry stands for one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..program import Builder
from ..program.linearization import NO_TANGENT


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
    """Tangents inside one operation's derivative rule: an object array of
    :data:`~ccjac.program.linearization.Form` or ``None`` for zero.
    """

    entries: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.entries.shape


@dataclass(frozen=True, eq=False)
class Foreign:
    """What depends on the function's inputs and only the framework can hold: complex numbers, random keys.

    Attributes:
        shape: As of an array.
        dtype: The framework's name of the type.
        origin: What the backend knows of it.
    """

    shape: tuple[int, ...]
    dtype: str
    origin: Any


Value = Any
"""A known array (numpy's, or what only the framework can hold), a :class:`Symbolic`, :class:`Forms`, or
:class:`Foreign`."""


def is_floating(dtype: str) -> bool:
    """Whether values of a type, given by its name, carry tangents."""
    return dtype.startswith(("float", "bfloat"))


def is_known(value: Value) -> bool:
    """Whether the value is concrete."""
    return not isinstance(value, (Symbolic, Forms, Foreign))


def as_numpy(value: Value) -> np.ndarray:
    """A known value as a numpy array (of an ml_dtypes type for bfloat16)."""
    return np.asarray(value)


def lift(builder: Builder, value: Value) -> Symbolic:
    """A value as program values; known arrays become constants."""
    if isinstance(value, Symbolic):
        return value
    if isinstance(value, Foreign):
        raise UnsupportedError(f"values of type {value.dtype} meet what takes real numbers")
    array = as_numpy(value)
    dtype = array.dtype.name
    numbers = array.astype(np.float64) if is_floating(dtype) else array
    ids = [builder.const(number, dtype) for number in numbers.ravel().tolist()]
    return Symbolic(np.array(ids, dtype=np.int64).reshape(array.shape), None, dtype)


def without_tangent(value: Value) -> Value:
    """The value alone."""
    return Symbolic(value.ids, None, value.dtype) if isinstance(value, Symbolic) else value


def zero_forms(shape: tuple[int, ...]) -> np.ndarray:
    """An array of zero forms."""
    return np.full(shape, None, dtype=object)


def forms_of_vertices(builder: Builder, value: Value) -> Forms:
    """The tangent of a value, as forms with unit coefficients; that of a known value is zero."""
    if not isinstance(value, Symbolic):
        return Forms(zero_forms(np.shape(value)))
    entries = zero_forms(value.shape)
    one = builder.const(1.0, value.dtype)
    vertices = value.tangent_vertices()
    for position in np.ndindex(value.shape):
        if vertices[position] != NO_TANGENT:
            entries[position] = {int(vertices[position]): one}
    return Forms(entries)


def linear_entries(value: Value) -> np.ndarray:
    """The entries of an operand that must be linear in the tangents: forms, or a known zero.

    Raises:
        UnsupportedError: Anything else.
    """
    if isinstance(value, Forms):
        return value.entries
    if is_known(value) and not as_numpy(value).any():
        return zero_forms(np.shape(value))
    raise UnsupportedError("a derivative rule mixes tangents with values")


def row(value: Value, k: int) -> Value:
    """``value[k]``, still an array."""
    if isinstance(value, Symbolic):
        vertices = None if value.vertices is None else value.vertices[k, ...]
        return Symbolic(value.ids[k, ...], vertices, value.dtype)
    return Forms(value.entries[k, ...]) if isinstance(value, Forms) else value[k, ...]


def stack(builder: Builder, parts: Sequence[Value], shape: tuple[int, ...], dtype: str) -> Value:
    """Values of one shape along a new first axis; ``shape`` and ``dtype`` are the result's, for when there are none."""
    if not parts:
        return np.zeros(shape, dtype)
    if any(isinstance(p, Forms) for p in parts):
        entries = zero_forms(shape)
        for k, part in enumerate(parts):
            # With the dots an array of no dimensions gives its entry, not itself.
            entries[k, ...] = linear_entries(part)
        return Forms(entries)
    if all(map(is_known, parts)):
        return np.stack([as_numpy(p) for p in parts])
    lifted = [lift(builder, p) for p in parts]
    vertices = np.stack([p.tangent_vertices() for p in lifted]) if any(p.active for p in lifted) else None
    return Symbolic(np.stack([p.ids for p in lifted]), vertices, dtype)
