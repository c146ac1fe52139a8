"""Rules for element graphs: what sums, multiplies, and has a rule of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from ccjac import expand
from ccjac.elements import rules
from ccjac.elements.graph import ElementGraph, Elements, Operation
from ccjac.expand import Expander, Symbolic, Value, unsupported
from ccjac.limits import CUMULATED

from . import interpreter
from .names import label
from .per_entry import per_entry
from .reductions import CUMULATIVE, REDUCERS
from .structural import scatter_positions
from .windows import convolution_positions, window_positions

ElementRule = Callable[[ElementGraph, Any, list[Any]], list[Any]]


def _reduce(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    op, axes = REDUCERS[eqn.primitive.name], tuple(eqn.params["axes"])
    terms = int(np.prod([eqn.invars[0].aval.shape[a] for a in axes], dtype=np.int64))
    own = None if op == "add" or terms < 2 else _by_framework(eqn, terms)
    return [rules.reduce(graph, operands[0], axes, op, expand=own, label=label(eqn))]


def _by_framework(eqn: Any, terms: int) -> Callable[[Expander, Sequence[Value]], Symbolic]:
    """A reduction of single numbers with JAX's own derivative, which says what happens at ties."""
    number = jax.ShapeDtypeStruct((), eqn.invars[0].aval.dtype)

    def reduction(*numbers: Any) -> Any:
        return eqn.primitive.bind(jax.numpy.stack(numbers), **(eqn.params | {"axes": (0,)}))

    closed = jax.make_jaxpr(reduction)(*[number] * terms)
    return lambda ex, args: _inlined(ex, closed, args)


def _inlined(ex: Expander, closed: Any, args: Sequence[Value]) -> Symbolic:
    own = Expander(ex.recorder, interpreter.run)
    (result,) = own.run(closed, args)
    return expand.lift(ex.builder, result)


def _dot_general(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    contracted, batch = eqn.params["dimension_numbers"]
    dtype = eqn.outvars[0].aval.dtype.name
    left, right = operands
    return [rules.contract(graph, left, right, batch=batch, contracted=contracted, dtype=dtype, label=label(eqn))]


def _scatter_add(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    base, where, updates = operands
    if isinstance(where, Elements):
        raise unsupported(eqn.primitive.name, "has indices that depend on the arguments")
    targets = scatter_positions(eqn.params, np.asarray(where), base.shape, updates.shape)
    return [rules.add_at(graph, base, targets, updates, label(eqn))]


def _convolution(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    """Sums of products of patches and weights; known weights are parameters, so that all outputs share a program."""
    left, right = (graph.lift(v) for v in operands)
    params, dtype = eqn.params, eqn.outvars[0].aval.dtype.name
    patches, weights, arranged = convolution_positions(params, left.shape, right.shape)
    read = rules.move(graph, [left], patches, left.dtype), rules.move(graph, [right], weights, right.dtype)
    # [groups, outputs, terms] by [groups, channels, terms].
    products = rules.contract(graph, *read, batch=((0,), (0,)), contracted=((2,), (2,)), dtype=dtype, label=label(eqn))
    return [rules.move(graph, [products], arranged(products.shape), dtype)]


def _window_sum(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    (array,) = (graph.lift(v) for v in operands)
    positions = window_positions(eqn.params, array.shape)
    read = rules.move(graph, [array], positions, array.dtype)
    return [rules.reduce(graph, read, (positions.ndim - 1,), "add", label=label(eqn))]


def _cumulative(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    """Every running result is a reduction of its own: exact where the axis is short, and no cell where it is long."""
    (array,) = (graph.lift(v) for v in operands)
    name, axis, reverse = eqn.primitive.name, eqn.params["axis"], eqn.params["reverse"]
    length = array.shape[axis]
    if length > CUMULATED:
        raise unsupported(name, f"runs along {length} entries")
    rows = np.moveaxis(array.ids, axis, -1)
    rows = rows[..., ::-1] if reverse else rows
    results = []
    for k in range(1, length + 1):
        read = Elements(rows[..., :k].shape, array.dtype, ids=np.ascontiguousarray(rows[..., :k]))
        own = None if name == "cumsum" or k == 1 else _running_by_framework(eqn, k)
        op = CUMULATIVE[name]
        results.append(rules.reduce(graph, read, (read.ids.ndim - 1,), op, expand=own, label=label(eqn)).ids)
    stacked = np.stack(results, -1)
    ids = np.moveaxis(stacked[..., ::-1] if reverse else stacked, -1, axis)
    return [Elements(array.shape, array.dtype, ids=np.ascontiguousarray(ids))]


def _running_by_framework(eqn: Any, terms: int) -> Callable[[Expander, Sequence[Value]], Symbolic]:
    number = jax.ShapeDtypeStruct((), eqn.invars[0].aval.dtype)

    def last(*numbers: Any) -> Any:
        return eqn.primitive.bind(jax.numpy.stack(numbers), axis=0, reverse=False)[-1]

    closed = jax.make_jaxpr(last)(*[number] * terms)
    return lambda ex, args: _inlined(ex, closed, args)


def _custom_jvp(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    """A user's rule on every entry alone is a block with that rule; others are not taken apart."""
    scalar = per_entry(eqn)
    if scalar is None:
        raise unsupported(eqn.primitive.name, "has a rule of its own that is no rule for every entry")
    out = eqn.outvars[0].aval
    key = ("custom_jvp", str(eqn.params["call_jaxpr"]), id(eqn.params["jvp_jaxpr_fun"]), out.dtype.name)
    operation = Operation(key, out.dtype.name, lambda ex, args: _inlined(ex, scalar, args))
    return [graph.apply(operation, operands, out.shape)]


RULES: dict[str, ElementRule] = (
    dict.fromkeys(REDUCERS, _reduce)
    | dict.fromkeys(CUMULATIVE, _cumulative)
    | dict.fromkeys(("scatter-add", "scatter_add"), _scatter_add)
    | {"dot_general": _dot_general, "custom_jvp_call": _custom_jvp}
    | {"conv_general_dilated": _convolution, "reduce_window_sum": _window_sum}
)
"""Primitive name -> rule."""
