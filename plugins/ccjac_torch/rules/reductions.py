"""Sums, products, extremes and running combinations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import (
    Forms,
    Symbolic,
    Value,
    argument,
    forms_of_vertices,
    is_floating,
    lift,
    linear_entries,
    move,
    positions_of,
    reduce,
    running,
    select,
    without_tangent,
)

from .derivative import with_tangents
from .elementwise import apply
from .operation import Operation, Rule


def axes_of(value: Value, dim: Any) -> tuple[int, ...]:
    """The axes that an argument ``dim`` names: all of them, if none."""
    rank = len(value.shape)
    if dim is None or dim == []:
        return tuple(range(rank))
    chosen = (dim,) if isinstance(dim, int) else dim
    return tuple(sorted({d % max(rank, 1) for d in chosen})) if rank else ()


def shaped(value: Value, shape: tuple[int, ...]) -> Value:
    """The same entries in another shape."""
    if isinstance(value, Forms):
        return Forms(value.entries.reshape(shape))
    vertices = None if value.vertices is None else value.vertices.reshape(shape)
    return Symbolic(value.ids.reshape(shape), vertices, value.dtype)


def total(op: Operation, value: Value, axes: tuple[int, ...], shape: tuple[int, ...]) -> Value:
    """A sum over axes: one vertex per entry of the result."""
    if isinstance(value, Forms):
        return shaped(reduce(op.ex, value, axes, "add"), shape)
    value = lift(op.ex.builder, value)
    result = reduce(op.ex, without_tangent(value), axes, "add")
    if value.active:
        forms = reduce(op.ex, forms_of_vertices(op.ex.builder, value), axes, "add")
        result = op.ex.with_vertices(result, linear_entries(forms), op.label)
    return shaped(result, shape)


def _sum(op: Operation) -> Value:
    if not is_floating(op.dtype) and op.dtype not in ("int32", "int64"):
        raise UnsupportedError(f"the operation `sum` has no scalar rule for {op.dtype}")
    value = op.value(op.args[0], op.dtype)
    return total(op, value, axes_of(value, op.named.get("dim")), op.shape)


def _running_sum(op: Operation) -> Value:
    value = op.value(op.named["self"], op.dtype)
    if not value.shape:
        return value
    axis = op.named["dim"] % len(value.shape)
    if isinstance(value, Forms):
        return running(op.ex, value, axis, "add")
    value = lift(op.ex.builder, value)
    result = running(op.ex, without_tangent(value), axis, "add")
    if value.active:
        forms = running(op.ex, forms_of_vertices(op.ex.builder, value), axis, "add")
        result = op.ex.with_vertices(result, linear_entries(forms), op.label)
    return result


def _by_torch(name: str, combine: Any) -> Rule:
    """A reduction whose vertices come from torch's own rule, which says what happens at ties and at zero."""

    def rule(op: Operation) -> Value:
        tensor, *rest = op.args
        value = op.value(tensor)
        if isinstance(value, Symbolic) and value.active and is_floating(op.dtype):
            return with_tangents(op, lambda x: op.function(x, *rest, **op.kwargs), [value])
        if isinstance(value, Forms):
            raise UnsupportedError(f"a derivative rule applies `{op.name}` to tangents")
        return combine(op, op.converted(value, op.dtype))

    return rule


def _reduced(scalar: str) -> Any:
    def combine(op: Operation, value: Value) -> Value:
        axes = axes_of(value, op.named.get("dim"))
        return shaped(reduce(op.ex, value, axes, scalar), op.shape)

    return combine


def _largest(op: Operation) -> Any:
    """``argmax`` and ``argmin``."""
    named = op.named
    value = lift(op.ex.builder, op.value(named["self"]))
    dim = named.get("dim")
    axes = tuple(range(len(value.shape))) if dim is None else axes_of(value, dim)
    return shaped(argument(op.ex, value, axes, "int64", largest=op.name == "argmax"), op.shape)


def _extreme_along(op: Operation) -> Any:
    """``max`` and ``min`` along an axis: the entry at the first extreme place, and that place."""
    named = op.named
    value = op.value(named["self"])
    if isinstance(value, Forms):
        raise UnsupportedError(f"a derivative rule applies `{op.name}` to tangents")
    value = lift(op.ex.builder, value)
    values, _ = op.out
    axes = axes_of(value, named["dim"])
    where = shaped(argument(op.ex, value, axes, "int64", largest=op.name == "max"), tuple(values.shape))
    return [entry_at(op, value, axes, where), where]


def entry_at(op: Operation, value: Symbolic, axes: tuple[int, ...], where: Symbolic) -> Value:
    """The entry along one axis that a program value names: a selection among all of them."""
    if not value.shape:
        return value
    (axis,) = axes
    n = value.shape[axis]
    (positions,) = positions_of([value.shape])
    columns = np.moveaxis(positions, axis, 0)
    result_ids: list[int] = []
    vertices: list[int] = []
    for place, index in zip(np.ndindex(columns.shape[1:]), where.ids.ravel().tolist(), strict=True):
        cases = [move(op.ex, [value], columns[(k, *place)].reshape(()), value.dtype) for k in range(n)]
        chosen = select(op.ex, index, cases, (), value.dtype, op.label)
        result_ids.append(int(chosen.ids))
        vertices.append(int(chosen.tangent_vertices()))
    return op.ex.symbolic(result_ids, vertices, where.shape, value.dtype)


def _any_or_all(scalar: str) -> Rule:
    def rule(op: Operation) -> Value:
        value = lift(op.ex.builder, op.value(op.args[0]))
        if value.dtype != "bool":
            zero = op.ex.builder.const(0.0 if is_floating(value.dtype) else 0, value.dtype)
            ids = [op.ex.builder.emit("ne", (k, zero), "bool") for k in value.ids.ravel().tolist()]
            value = op.ex.values(ids, value.shape, "bool")
        named = op.named
        return shaped(reduce(op.ex, value, axes_of(value, named.get("dim")), scalar), op.shape)

    return rule


def _max_or_min(op: Operation) -> Any:
    if isinstance(op.out, torch.Tensor):
        return _by_torch(op.name, _reduced(op.name))(op)
    return _extreme_along(op)


def _root(op: Operation, value: Value) -> Value:
    """A square root whose derivative at zero is zero, as torch has it for norms and deviations."""
    return apply(op, "sqrt", [value], call=_root_or_zero, key="root")


def _root_or_zero(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x == 0.0, torch.zeros_like(x), torch.sqrt(x))


def _norm(op: Operation) -> Any:
    named = op.named
    if named.get("ord", named.get("p", 2)) not in (2, None) or not is_floating(op.dtype):
        return NotImplemented
    value = op.value(named["self"], op.dtype)
    if isinstance(value, Forms):
        return NotImplemented
    squares = apply(op, "square", [value], shape=value.shape, call=torch.square, key="square")
    return _root(op, total(op, squares, axes_of(value, named.get("dim")), op.shape))


def _deviation(op: Operation) -> Any:
    named = op.named
    value = op.value(named["self"], op.dtype)
    dim, less = named.get("dim"), named.get("correction")
    if isinstance(dim, bool) or "unbiased" in named:
        less, dim = (0 if named.get("unbiased", dim) is False else 1), None if isinstance(dim, bool) else dim
    less = 1 if less is None else less
    if isinstance(value, Forms):
        return NotImplemented
    axes = axes_of(value, dim)
    kept = tuple(1 if d in axes else n for d, n in enumerate(value.shape))
    count = int(np.prod([value.shape[d] for d in axes], dtype=np.int64))
    divide: dict[str, Any] = {"call": torch.div, "key": "div"}
    center = apply(op, "div", [total(op, value, axes, kept), op.value(count, op.dtype)], shape=kept, **divide)
    distance = apply(op, "sub", [value, center], shape=value.shape, call=torch.sub, key="sub")
    squares = apply(op, "square", [distance], shape=value.shape, call=torch.square, key="square")
    summed = total(op, squares, axes, op.shape)
    return _root(op, apply(op, "div", [summed, op.value(max(count - less, 0), op.dtype)], **divide))


REDUCTIONS: dict[str, Rule] = {
    "linalg_vector_norm": _norm,
    "norm": _norm,
    "std": _deviation,
    "sum": _sum,
    "cumsum": _running_sum,
    "amax": _by_torch("amax", _reduced("max")),
    "amin": _by_torch("amin", _reduced("min")),
    "max": _max_or_min,
    "min": _max_or_min,
    "prod": _by_torch("prod", _reduced("mul")),
    "argmax": _largest,
    "argmin": _largest,
    "any": _any_or_all("or"),
    "all": _any_or_all("and"),
}
