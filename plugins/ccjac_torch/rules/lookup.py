"""Sorting, and reading and writing at places that depend on the arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import (
    Forms,
    Symbolic,
    Value,
    forms_of_vertices,
    is_floating,
    lift,
    linear_entries,
    lookup,
    without_tangent,
)
from ccjac.expand.integers import possible
from ccjac.expand.sorting import sort

from .operation import Operation, Rule

_INDEX = "int64"

# -- sorting -----------------------------------------------------------------------------------------------------------


def _ordered(op: Operation, *, descending: bool, first: int | None = None) -> list[Any]:
    """Sorted values and the places where they were."""
    value = op.value(op.named["self"])
    if isinstance(value, Forms):
        raise UnsupportedError(f"a derivative rule applies `{op.name}` to tangents")
    value = lift(op.ex.builder, value)
    if not value.shape:
        return [value, op.ex.values([op.ex.builder.const(0, _INDEX)], (), _INDEX)]
    dim = op.named.get("dim", -1) % len(value.shape)
    numbers = np.array([op.ex.builder.const(k, _INDEX) for k in range(value.shape[dim])])
    column = [-1 if d == dim else 1 for d in range(len(value.shape))]
    places = Symbolic(np.broadcast_to(numbers.reshape(column), value.shape), None, _INDEX)
    return list(sort(op.ex, [value, places], 1, dim, label=op.label, first=first, descending=descending))


def _sort(op: Operation) -> list[Any]:
    return _ordered(op, descending=op.named["descending"])


def _top(op: Operation) -> list[Any]:
    return _ordered(op, descending=op.named["largest"], first=op.named["k"])


def _kth(op: Operation) -> list[Any]:
    named = op.named
    found = _ordered(op, descending=False, first=named["k"])
    if not found[0].shape:
        return found
    dim = named["dim"] % len(found[0].shape)
    last = [slice(None)] * dim + [slice(-1, None) if named["keepdim"] else -1]
    return [
        Symbolic(v.ids[tuple(last)], None if v.vertices is None else v.vertices[tuple(last)], v.dtype) for v in found
    ]


def _counted(op: Operation) -> Value:
    """How many boundaries lie before each number; one that is not a number lies behind all of them."""
    named = op.named
    if named.get("sorter") is not None:
        raise UnsupportedError(f"the operation `{op.name}` has no scalar rule with a sorter")
    bounds, values = (
        (named["boundaries"], named["self"]) if op.name == "bucketize" else (named["sorted_sequence"], named["self"])
    )
    right = named["right"] or named.get("side") == "right"
    sequence, wanted = lift(op.ex.builder, op.value(bounds)), lift(op.ex.builder, op.value(values))
    kind = np.promote_types(sequence.dtype, wanted.dtype).name
    sequence, wanted = op.converted(sequence, kind), op.converted(wanted, kind)
    assert isinstance(sequence, Symbolic)
    assert isinstance(wanted, Symbolic)
    emit, dtype = op.ex.builder.emit, op.dtype
    one, zero = op.ex.builder.const(1, dtype), op.ex.builder.const(0, dtype)
    found = []
    for place in np.ndindex(*wanted.shape):
        row = sequence.ids if sequence.ids.ndim == 1 else sequence.ids[place[:-1]]
        op.ex.recorder.check_size(row.size * wanted.ids.size)
        total = zero
        for bound in row.tolist():
            behind = emit("gt" if right else "ge", (bound, int(wanted.ids[place])), "bool")
            total = emit("add", (total, emit("select_n", (behind, one, zero), dtype)), dtype)
        found.append(total)
    return op.ex.values(found, wanted.shape, dtype)


# -- computed places ---------------------------------------------------------------------------------------------------


def computed(op: Operation, *names: str) -> bool:
    """Whether any of the index arguments depends on the arguments of the traced function."""
    tracked = op.tracing.shadows.tracked
    for name in names:
        x = op.named.get(name)
        if any(tracked(y) for y in (x if isinstance(x, (list, tuple)) else [x])):
            return True
    return False


def _indices(op: Operation, x: Any, size: int) -> np.ndarray:
    """An index array as program values, counted from the front."""
    if x.dtype in (torch.bool, torch.uint8):
        raise UnsupportedError(f"the operation `{op.name}` has a mask that depends on the arguments")
    index = lift(op.ex.builder, op.value(x, _INDEX))
    emit, const = op.ex.builder.emit, op.ex.builder.const
    found = np.zeros(index.shape, np.int64)
    for place in np.ndindex(*index.shape):
        k = int(index.ids[place])
        numbers = possible(op.ex.builder, k, op.ex.recorder.integers)
        if numbers is None or min(numbers) < 0:
            negative = emit("lt", (k, const(0, _INDEX)), "bool")
            k = emit("select_n", (negative, k, emit("add", (k, const(size, _INDEX)), _INDEX)), _INDEX)
        found[place] = k
    return found


def _grid(
    op: Operation, shape: Sequence[int], columns: dict[int, np.ndarray], places: Sequence[np.ndarray]
) -> np.ndarray:
    """``[*result, rank]``: program values of the place that every entry of a result comes from or goes to.

    Args:
        op: The operation.
        shape: The array's.
        columns: Along some axes program values, of the result's shape.
        places: Along every axis the known places, of the result's shape.
    """
    const = op.ex.builder.const
    starts = np.zeros((*places[0].shape, len(shape)), np.int64)
    for axis in range(len(shape)):
        if axis in columns:
            starts[..., axis] = columns[axis]
        else:
            flat = [const(int(k), _INDEX) for k in places[axis].ravel()]
            starts[..., axis] = np.array(flat, dtype=np.int64).reshape(places[axis].shape)
    return starts


def _along(op: Operation, shape: Sequence[int], axis: int, index: np.ndarray, *, spread: bool) -> np.ndarray:
    """The grid of operators with one index array along ``axis``: of the result's rank, or a list to be ``spread``."""
    if spread:
        result = [index.size if d == axis else n for d, n in enumerate(shape)]
        column = [-1 if d == axis else 1 for d in range(len(shape))]
        index = np.broadcast_to(index.reshape(column), result)
    places = np.indices(index.shape)
    return _grid(op, shape, {axis: index}, list(places))


def _by_indices(op: Operation, shape: Sequence[int]) -> np.ndarray:
    """The grid of advanced indexing, whose layout torch itself gives."""
    indices = list(op.named["indices"])
    given = {d: x for d, x in enumerate(indices) if x is not None}
    columns = {d: _indices(op, x, shape[d]) for d, x in given.items()}
    together = np.broadcast_shapes(*(c.shape for c in columns.values()))
    count = int(np.prod(together, dtype=np.int64))
    numbers = torch.arange(count).reshape(together)
    # Along an axis that is indexed, the number of the index; along others the place itself.
    layout = [count if d in given else n for d, n in enumerate(shape)]
    lookups = [numbers if d in given else None for d in range(len(indices))]
    places = [
        torch.ops.aten.index(
            torch.arange(n).reshape([-1 if e == d else 1 for e in range(len(layout))]).expand(layout), lookups
        ).numpy()
        for d, n in enumerate(layout)
    ]
    found = {d: np.broadcast_to(c, together).ravel()[places[d]] for d, c in columns.items()}
    return _grid(op, shape, found, places)


def _read(op: Operation, value: Value, starts: np.ndarray) -> Value:
    """Entries of an array; outside of it, where torch raises an error, there are no numbers."""
    if isinstance(value, np.ndarray):
        value = lift(op.ex.builder, value)
    dtype = op.dtype
    if not is_floating(dtype):
        _inside(op, starts, np.shape(value) if not isinstance(value, (Symbolic, Forms)) else value.shape)
    fill = op.ex.builder.const(float("nan"), dtype) if is_floating(dtype) else None
    sizes = [1] * len(value.shape)
    found = lookup.gather(op.ex, value, starts, sizes, dtype, clip=False, fill=fill, label=op.label)
    shape = starts.shape[:-1]
    if isinstance(found, Forms):
        return Forms(found.entries.reshape(shape))
    assert isinstance(found, Symbolic)
    vertices = None if found.vertices is None else found.vertices.reshape(shape)
    return Symbolic(found.ids.reshape(shape), vertices, found.dtype)


def _inside(op: Operation, starts: np.ndarray, shape: Sequence[int]) -> None:
    """
    Raises:
        UnsupportedError: A place may lie outside, where torch raises an error.
    """
    for axis, size in enumerate(shape):
        for k in set(starts[..., axis].ravel().tolist()):
            numbers = possible(op.ex.builder, k, op.ex.recorder.integers)
            if numbers is None or not all(0 <= n < size for n in numbers):
                raise UnsupportedError(f"the operation `{op.name}` has indices that may lie outside")


def _written(op: Operation, base: Value, updates: Value, starts: np.ndarray, how: str) -> Value:
    old, new = (v if isinstance(v, Forms) else lift(op.ex.builder, v) for v in (base, updates))
    shape, sizes = old.shape, [1] * len(old.shape)
    _inside(op, starts, shape)
    new = _like_windows(new, starts.shape[:-1])
    options: dict[str, Any] = {"clip": False, "label": op.label}
    dtype = op.dtype
    if how == "set" or isinstance(old, Forms) or isinstance(new, Forms):
        return lookup.scatter(op.ex, old, starts, sizes, new, how, dtype, **options)
    result = lookup.scatter(op.ex, without_tangent(old), starts, sizes, without_tangent(new), how, dtype, **options)
    assert isinstance(result, Symbolic)
    if not (old.active or new.active):
        return result
    tangents = [forms_of_vertices(op.ex.builder, v) for v in (old, new)]
    forms = lookup.scatter(op.ex, tangents[0], starts, sizes, tangents[1], how, dtype, **options)
    return op.ex.with_vertices(result, linear_entries(forms), op.label)


def _like_windows(value: Any, shape: Sequence[int]) -> Any:
    def windows(entries: np.ndarray) -> np.ndarray:
        return np.broadcast_to(entries, shape)

    if isinstance(value, Forms):
        return Forms(windows(value.entries))
    vertices = None if value.vertices is None else windows(value.vertices)
    return Symbolic(windows(value.ids), vertices, value.dtype)


# -- operators ---------------------------------------------------------------------------------------------------------


def gather(op: Operation) -> Value:
    """``gather`` at computed places."""
    value, dim = op.value(op.named["self"]), op.named["dim"]
    index = _indices(op, op.named["index"], value.shape[dim])
    return _read(op, value, _along(op, value.shape, dim % len(value.shape), index, spread=False))


def index_select(op: Operation) -> Value:
    """``index_select`` at computed places."""
    value, dim = op.value(op.named["self"]), op.named["dim"]
    index = _indices(op, op.named["index"], value.shape[dim])
    return _read(op, value, _along(op, value.shape, dim % len(value.shape), index.ravel(), spread=True))


def embedding(op: Operation) -> Value:
    """Rows of a table at computed places."""
    table = op.value(op.named["weight"])
    rows = _indices(op, op.named["indices"], table.shape[0])
    places = list(np.indices((*rows.shape, table.shape[1])))
    columns = np.broadcast_to(rows[..., None], places[0].shape)
    return _read(op, table, _grid(op, table.shape, {0: columns}, [places[0], places[-1]]))


def index(op: Operation) -> Value:
    """Advanced indexing at computed places."""
    value = op.value(op.named["self"])
    return _read(op, value, _by_indices(op, value.shape))


def index_put(op: Operation) -> Value:
    """Writing by advanced indexing at computed places."""
    named = op.named
    base = op.value(named["self"], op.dtype)
    how = "add" if named.get("accumulate") else "set"
    return _written(op, base, op.value(named["values"], op.dtype), _by_indices(op, base.shape), how)


def scatter(op: Operation, how: str = "set") -> Value:
    """``scatter`` and ``scatter_add`` at computed places."""
    named = op.named
    base, dim = op.value(named["self"], op.dtype), named["dim"]
    new = op.value(named["src"] if "src" in named else named["value"], op.dtype)
    index = _indices(op, named["index"], base.shape[dim])
    if new.shape and new.shape != index.shape:
        raise UnsupportedError(f"the operation `{op.name}` has no scalar rule for a source larger than its index")
    return _written(op, base, new, _along(op, base.shape, dim % len(base.shape), index, spread=False), how)


def otherwise(known: Rule, rule: Callable[[Operation], Value], *names: str) -> Rule:
    """One rule for known indices, the arguments ``names``, and one for computed ones."""
    return lambda op: rule(op) if computed(op, *names) else known(op)


PLACES = frozenset(
    "gather index index_select index_put _unsafe_index _unsafe_index_put scatter scatter_add embedding".split()
)
"""Operators that raise an error for indices outside, but not if other indices are put in their place."""

LOOKUP: dict[str, Rule] = {
    "sort": _sort,
    "topk": _top,
    "kthvalue": _kth,
    "searchsorted": _counted,
    "bucketize": _counted,
}
"""Operator -> rule."""
