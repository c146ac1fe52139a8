"""What operations on arrays do to element numbers: move them, or make a block.

The counterpart of :mod:`ccjac.expand` for large arrays; a backend names the operations in the same words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from ..errors import UnsupportedError
from ..expand import contract as scalar_contract
from ..expand import elementwise as scalar_elementwise
from ..expand import reduce as scalar_reduce
from ..expand.expander import Expander
from ..expand.reductions import matrices
from ..expand.values import Symbolic, Value, forms_of_vertices, stack, without_tangent
from ..limits import WIDE
from ..program.template import Template
from .graph import ElementGraph, Elements, Expansion, Operation

Array = Elements | np.ndarray


def elementwise(
    graph: ElementGraph,
    op: str,
    param: Hashable,
    operands: Sequence[Array],
    shape: tuple[int, ...],
    dtype: str,
    *,
    template: Callable[[tuple[int, ...], Sequence[str]], Template],
    label: str,
) -> Elements:
    """An operation on every entry; the arguments are those of :func:`ccjac.expand.elementwise`."""

    def expand(ex: Expander, args: Sequence[Value]) -> Symbolic:
        return scalar_elementwise(ex, op, param, args, (), dtype, template=template, label=label)

    key = (op, param, dtype, *(dtype_of(v) for v in operands))
    return graph.apply(Operation(key, dtype, expand), operands, shape)


def move(
    graph: ElementGraph, operands: Sequence[Array], positions: np.ndarray, dtype: str, *, fill: int | None = None
) -> Elements:
    """Entries in another arrangement; the arguments are those of :func:`ccjac.expand.move`, ``fill`` is an element."""
    lifted = [graph.lift(v) for v in operands]
    start = lifted[0].start if len(lifted) == 1 else None
    if start is not None and (first := _first_of_range(positions)) is not None:
        return Elements(positions.shape, dtype, start=start + first)
    outside = (positions < 0).any()
    numbers = [v.ids.ravel() for v in lifted]
    if outside:
        numbers.append(np.array([graph.literal(0, dtype) if fill is None else fill]))
    joined = numbers[0] if len(numbers) == 1 else np.concatenate(numbers)
    return Elements(positions.shape, dtype, ids=joined[positions])


def _first_of_range(positions: np.ndarray) -> int | None:
    """The first position if all others follow it one by one; most movements fail at a glance."""
    flat = positions.ravel()
    if flat.size == 0:
        return None
    first, last = int(flat[0]), int(flat[-1])
    if first < 0 or last - first != flat.size - 1 or not (np.diff(flat) == 1).all():
        return None
    return first


def reduce(
    graph: ElementGraph, value: Array, axes: Sequence[int], op: str, *, expand: Expansion | None = None, label: str = ""
) -> Elements:
    """Combine entries along axes: a block with as many operands as there are terms, or a wide sum.

    Args:
        graph: The function.
        value: What is reduced.
        axes: The axes that vanish.
        op: A binary operation of scalar programs.
        expand: The reduction of single numbers where it is no sum: its derivative is the framework's.
        label: For the vertices.
    """
    operand = graph.lift(value)
    kept = [axis for axis in range(len(operand.shape)) if axis not in axes]
    shape = tuple(operand.shape[axis] for axis in kept)
    terms = math.prod(operand.shape[axis] for axis in axes)
    table = operand.ids.transpose([*kept, *axes]).reshape(math.prod(shape), terms)
    if terms == 0:
        raise UnsupportedError("a reduction of nothing")
    if terms == 1:
        return Elements(shape, operand.dtype, ids=np.ascontiguousarray(table).reshape(shape))
    if op != "add" and expand is None:
        raise UnsupportedError(f"a reduction by `{op}`")
    operation = Operation(("reduce", op, terms, operand.dtype), operand.dtype, expand or _sum(label))
    if terms > WIDE:
        if op != "add":
            raise UnsupportedError(f"a reduction by `{op}` over {terms} entries")
        return graph.wide(operation, table, shape)
    return graph.apply(operation, _columns(table, operand.dtype), (len(table),)).reshaped(shape)


def contract(
    graph: ElementGraph,
    left: Array,
    right: Array,
    *,
    batch: tuple[Sequence[int], Sequence[int]],
    contracted: tuple[Sequence[int], Sequence[int]],
    dtype: str,
    label: str,
) -> Elements:
    """Sums of products; the arguments are those of :func:`ccjac.expand.contract`."""
    # Known factors are told apart by value: the weights of a small dense layer are part of its cells.
    a, b = (graph.lift(v) for v in (left, right))
    x, y, shape = matrices(a.ids, b.ids, batch, contracted)
    groups, rows, terms = x.shape
    columns = y.shape[1]
    for known, array, swapped in ((right, a, False), (left, b, True)):
        if isinstance(known, np.ndarray) and terms and not known.all():
            pair = (known, b.ids) if swapped else (a.ids, known)
            nonzero = np.not_equal(matrices(*pair, batch, contracted)[0 if swapped else 1], 0)
            ids = _sparse_contract(graph, array, known.dtype.name, nonzero, (y, x) if swapped else (x, y), dtype, label)
            return Elements(shape, dtype, ids=(ids.transpose(0, 2, 1) if swapped else ids).reshape(shape))
    if terms > WIDE or terms == 0:
        raise UnsupportedError(f"a product of matrices with {terms} terms in each entry")
    full = (groups, rows, columns)
    operands: list[Elements] = []
    for k in range(terms):
        operands.append(Elements(full, a.dtype, ids=np.broadcast_to(x[:, :, None, k], full)))
        operands.append(Elements(full, b.dtype, ids=np.broadcast_to(y[:, None, :, k], full)))
    return graph.apply(_products(terms, a.dtype, b.dtype, dtype, label), operands, full).reshaped(shape)


def _sparse_contract(
    graph: ElementGraph,
    array: Elements,
    known: str,
    nonzero: np.ndarray,
    arranged: tuple[np.ndarray, np.ndarray],
    dtype: str,
    label: str,
) -> np.ndarray:
    """Products with a known matrix that has zeros: only other entries are terms, and those of equally many a block.

    Args:
        graph: The function.
        array: The factor that is not known.
        known: Name of the other one's type.
        nonzero: ``[groups, columns, terms]`` where it is not zero.
        arranged: The elements ``[groups, rows, terms]`` of the one and ``[groups, columns, terms]`` of the other.
        dtype: Name of the result's type.
        label: For the vertices.

    Returns:
        The elements ``[groups, rows, columns]``.
    """
    x, y = arranged
    groups, rows, _ = x.shape
    ids = np.full((groups, rows, y.shape[1]), graph.literal(0, dtype))
    counts = nonzero.sum(2)
    for n in np.unique(counts[counts > 0]).tolist():
        if n > WIDE:
            raise UnsupportedError(f"a product of matrices with {n} terms in each entry")
        group, column = np.nonzero(counts == n)
        places = np.nonzero(nonzero[group, column])[1].reshape(-1, n)
        shape = (group.size, rows)
        operands: list[Elements] = []
        for k in range(n):
            read, weight = x[group, :, places[:, k]], y[group, column, places[:, k]]
            operands.append(Elements(shape, array.dtype, ids=read))
            operands.append(Elements(shape, known, ids=np.broadcast_to(weight[:, None], shape)))
        operation = _products(n, array.dtype, known, dtype, label)
        ids[group, :, column] = graph.apply(operation, operands, shape).ids
    return ids


def _products(terms: int, left: str, right: str, dtype: str, label: str) -> Operation:
    return Operation(("dot", terms, left, right, dtype), dtype, _dot(dtype, label))


def add_at(graph: ElementGraph, base: Array, targets: np.ndarray, updates: Array, label: str) -> Elements:
    """Add updates to entries of ``base``; the arguments are those of :func:`ccjac.expand.combine_at`.

    Entries that equally many updates meet are one block.
    """
    array, extra = graph.lift(base), graph.lift(updates)
    place, update = targets.ravel(), extra.ids.ravel()
    place, update = place[place >= 0], update[place >= 0]
    order = np.argsort(place, kind="stable")
    target, first, count = np.unique(place[order], return_index=True, return_counts=True)
    update, flat = update[order], array.ids.ravel().copy()
    zero = graph.literal(0, array.dtype)
    for n in np.unique(count).tolist():
        chosen = np.flatnonzero(count == n)
        table = update[first[chosen][:, None] + np.arange(n)]
        before = flat[target[chosen]]
        if (before != zero).any():
            table = np.concatenate([before[:, None], table], axis=1)
        summed = reduce(graph, Elements(table.shape, array.dtype, ids=table), (1,), "add", label=label)
        flat[target[chosen]] = summed.ids
    return Elements(array.shape, array.dtype, ids=flat.reshape(array.shape))


def dtype_of(value: Array) -> str:
    """Name of the type of the entries."""
    return value.dtype if isinstance(value, Elements) else np.asarray(value).dtype.name


def _columns(table: np.ndarray, dtype: str) -> list[Elements]:
    return [Elements((len(table),), dtype, ids=np.ascontiguousarray(column)) for column in table.T]


def _sum(label: str) -> Expansion:
    """A sum of numbers: one vertex whatever the number of terms."""

    def expand(ex: Expander, args: Sequence[Value]) -> Symbolic:
        terms = stack(ex.builder, args, (len(args),), args[0].dtype)
        value = scalar_reduce(ex, without_tangent(terms), (0,), "add")
        forms = scalar_reduce(ex, forms_of_vertices(ex.builder, terms), (0,), "add")
        return ex.with_vertices(value, forms.entries, label)

    return expand


def _dot(dtype: str, label: str) -> Expansion:
    """A sum of products ``args[0] * args[1] + args[2] * args[3] + ...``."""
    alone: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())

    def expand(ex: Expander, args: Sequence[Value]) -> Symbolic:
        n = len(args) // 2
        factors = [stack(ex.builder, args[k::2], (n,), args[k].dtype) for k in (0, 1)]
        values = [without_tangent(f) for f in factors]
        tangents = [forms_of_vertices(ex.builder, f) for f in factors]

        def product(left: Value, right: Value) -> Value:
            return scalar_contract(ex, left, right, batch=alone, contracted=((0,), (0,)), dtype=dtype)

        forms = np.full((), None, dtype=object)
        both = product(tangents[0], values[1]).entries[()], product(values[0], tangents[1]).entries[()]
        forms[()] = ex.add(*both)
        return ex.with_vertices(product(*values), forms, label)

    return expand
