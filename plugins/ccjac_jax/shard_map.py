"""Mesh axes over which values vary inside ``jax.shard_map``.

There a value's type says over which of the mesh's manual axes it differs from device to device.  The functions of
``jax.lax`` make their operands agree; what calls a primitive, or XLA, directly has to do so itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax


def axes_of(values: Sequence[Any]) -> frozenset[Any]:
    """The axes over which any of the values varies; none outside ``shard_map``."""
    return frozenset().union(*(_axes(x) for x in values))


def varied(values: Sequence[Any], axes: frozenset[Any]) -> list[Any]:
    """The values, marked as varying over ``axes`` as well."""
    if not axes:
        return list(values)
    marked: list[Any] = []
    for value in values:
        missing = tuple(sorted(axes - _axes(value), key=str))
        if missing:
            value = _marked(value, missing)
        marked.append(value)
    return marked


def _marked(value: Any, axes: tuple[Any, ...]) -> Any:
    if (cast := getattr(jax.lax, "pcast", None)) is not None:
        return cast(value, axes, to="varying")
    # JAX 0.8 had a function of its own for this.
    return jax.lax.pvary(value, axes)  # type: ignore[attr-defined]


def _axes(x: Any) -> frozenset[Any]:
    """Releases of JAX differ in where a type keeps its axes."""
    kind = jax.typeof(x)
    manual = getattr(kind, "manual_axis_type", None)
    return frozenset(manual.varying if manual is not None else getattr(kind, "vma", ()))
