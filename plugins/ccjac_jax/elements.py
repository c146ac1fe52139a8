"""Walk through a jaxpr of large arrays and record blocks of elements.

The same words as in :mod:`.interpreter`, for :mod:`ccjac.elements`: what moves entries indexes their numbers, what
computes is a block, and everything else has no structure that is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac import expand
from ccjac.elements import rules
from ccjac.elements.graph import ElementGraph, Elements, Operation
from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Symbolic, Value, unsupported
from ccjac.limits import SCALAR_LIMIT, UNROLLED_STEPS
from ccjac.program.linearization import Recorder

from . import derivative as local
from . import elementwise, interpreter
from .apart import Path, called
from .control import parts_of_scan
from .indexing import outside
from .names import ELEMENTWISE, label, parameter
from .reductions import REDUCERS
from .structural import IDENTITIES, STRUCTURAL, scatter_positions

_FOR_TEMPLATES = Expander(Recorder(0, SCALAR_LIMIT), interpreter.run)


def walk(
    closed: Any, arguments: Sequence[Any], n_differentiated: int, unknown: Sequence[int] = ()
) -> tuple[ElementGraph, list[Elements]]:
    """The element graph of a closed jaxpr, and its results.

    Args:
        closed: The jaxpr; its constants are known arrays.
        arguments: Shapes and types of its operands, differentiated ones first.
        n_differentiated: How many are differentiated.
        unknown: Which of the constants are operands, behind the arguments, because their values may change.

    Raises:
        UnsupportedError: An operation with side effects.  Results of one without an element rule are opaque.
    """
    graph = ElementGraph()
    operands = [
        graph.leaf("input" if k < n_differentiated else "operand", a.shape, a.dtype.name)
        for k, a in enumerate(arguments)
    ]
    captured = {k: graph.leaf("operand", np.shape(c := closed.consts[k]), c.dtype.name) for k in unknown}
    consts = [captured[k] if k in captured else np.asarray(const) for k, const in enumerate(closed.consts)]
    results = _run(graph, closed.jaxpr, operands, consts, path=())
    return graph, [graph.lift(r) for r in results]


def _run(
    graph: ElementGraph, jaxpr: Any, operands: Sequence[Any], consts: Sequence[Any] = (), *, path: Path | None = None
) -> list[Any]:
    """The results; ``path`` leads to the jaxpr, ``None`` if it runs more than once."""
    if isinstance(jaxpr, jex.ClosedJaxpr):
        jaxpr, consts = jaxpr.jaxpr, [np.asarray(c) for c in jaxpr.consts]
    env: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    env.update(zip(jaxpr.invars, operands, strict=True))

    def read(v: Any) -> Any:
        return np.asarray(v.val, dtype=v.aval.dtype) if local.is_literal(v) else env[v]

    for k, eqn in enumerate(jaxpr.eqns):
        operands = [read(v) for v in eqn.invars]
        here = None if path is None else (*path, k)
        try:
            if eqn.primitive.name in _CALLS and any(isinstance(v, Elements) for v in operands):
                results = _run(graph, called(eqn), operands, path=here)
            else:
                results = _evaluate(graph, eqn, operands)
        except UnsupportedError as error:
            results = _opaque(graph, eqn, operands, str(error))
        for n, result in enumerate(results):
            if here is not None and isinstance(result, Elements):
                graph.originates(result, (*here, n))
        env.update(zip(eqn.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _opaque(graph: ElementGraph, eqn: Any, operands: Sequence[Any], reason: str) -> list[Any]:
    """Results that may depend on all operands; cells that need one are refused for this reason."""
    read = [v for v in operands if isinstance(v, Elements)]
    if not read or eqn.effects:
        raise UnsupportedError(reason)
    return [graph.opaque(reason, read, v.aval.shape, v.aval.dtype.name) for v in eqn.outvars]


def _evaluate(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    name = eqn.primitive.name
    if eqn.effects:
        raise unsupported(name, "has side effects")
    if not any(isinstance(v, Elements) for v in operands):
        return interpreter.concrete(eqn, operands)
    for var in (*eqn.invars, *eqn.outvars):
        if jax.numpy.issubdtype(getattr(var.aval, "dtype", np.float32), np.complexfloating):
            raise unsupported(name, "works on complex numbers")
    if name in _RULES:
        return _RULES[name](graph, eqn, operands)
    if name in IDENTITIES:
        return operands
    if name in STRUCTURAL or (name == "select_n" and not isinstance(operands[0], Elements)):
        return _moved(graph, eqn, operands)
    if name in ELEMENTWISE:
        return [_elementwise(graph, eqn, operands)]
    raise unsupported(name, "has no element rule")


def _moved(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    name, outs = eqn.primitive.name, [v.aval for v in eqn.outvars]
    if name == "select_n":
        which = np.broadcast_to(np.asarray(operands[0]), outs[0].shape)
        entries, indices, moved = operands[1:], [], [expand.picked(which, len(operands) - 1)]
    else:
        rule, divide = STRUCTURAL[name]
        array_places, index_places = divide(len(operands))
        entries, indices = [operands[k] for k in array_places], [operands[k] for k in index_places]
        if any(isinstance(v, Elements) for v in indices):
            raise unsupported(name, "has indices that depend on the arguments")
        moved = rule(eqn.params, expand.positions_of([v.shape for v in entries]), indices)
    fill = None
    if name == "gather" and (number := outside(eqn)) is not None:
        fill = graph.literal(number, outs[0].dtype.name)
    return [rules.move(graph, entries, p, out.dtype.name, fill=fill) for p, out in zip(moved, outs, strict=True)]


def _elementwise(graph: ElementGraph, eqn: Any, operands: list[Any]) -> Elements:
    name, out = eqn.primitive.name, eqn.outvars[0].aval
    return rules.elementwise(
        graph,
        ELEMENTWISE[name],
        parameter(name, eqn.params),
        operands,
        out.shape,
        out.dtype.name,
        template=lambda active, dtypes: elementwise.template(_FOR_TEMPLATES, eqn, active, dtypes),
        label=label(eqn),
    )


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


def _custom_jvp(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    """A user's rule on every entry alone is a block with that rule; others are not taken apart."""
    scalar = _per_entry(eqn)
    if scalar is None:
        raise unsupported(eqn.primitive.name, "has a rule of its own that is no rule for every entry")
    out = eqn.outvars[0].aval
    key = ("custom_jvp", str(eqn.params["call_jaxpr"]), id(eqn.params["jvp_jaxpr_fun"]), out.dtype.name)
    operation = Operation(key, out.dtype.name, lambda ex, args: _inlined(ex, scalar, args))
    return [graph.apply(operation, operands, out.shape)]


def _per_entry(eqn: Any) -> Any:
    """A ``custom_jvp`` whose function and rule act on every entry alone, as the same for single numbers."""
    closed = eqn.params["call_jaxpr"]
    if len(eqn.outvars) != 1 or eqn.params.get("num_consts") or eqn.params.get("symbolic_zeros"):
        return None
    shape = eqn.outvars[0].aval.shape
    if any(v.aval.shape not in ((), shape) for v in eqn.invars):
        return None
    n = len(eqn.invars)
    apart = local.with_distinct_operands(eqn)
    forward = local.forward_rule(apart, frozenset(apart.invars)).closed
    if len(forward.jaxpr.outvars) != 2:
        return None
    active = [k for k, v in enumerate(apart.invars) if local.is_float(v.aval)]

    @jax.custom_jvp
    def function(*numbers: Any) -> Any:
        return _scalars(closed, numbers)[0]

    @function.defjvp
    def derivative(primals: Any, tangents: Any) -> Any:
        value, tangent = _scalars(forward, (*primals, *(tangents[k] for k in active)))
        return value, tangent

    numbers = [jax.ShapeDtypeStruct((), v.aval.dtype, weak_type=v.aval.weak_type) for v in eqn.invars]
    try:
        made = jax.make_jaxpr(function)(*numbers)
        # The rule is looked at here, where a function that is no rule for every entry can still be refused.
        jax.make_jaxpr(lambda *a: jax.jvp(function, a[:n], a[n:]))(*numbers, *numbers)
    except _NotPerEntryError:
        return None
    return made


class _NotPerEntryError(Exception):
    """A jaxpr does more than act on every entry alone."""


def _scalars(closed: Any, numbers: Sequence[Any]) -> list[Any]:
    """A jaxpr of arrays of one shape, evaluated on single numbers."""
    jaxpr = closed.jaxpr if isinstance(closed, jex.ClosedJaxpr) else closed
    env: dict[Any, Any] = dict(zip(jaxpr.invars, numbers, strict=True))
    for var, const in zip(jaxpr.constvars, getattr(closed, "consts", ()), strict=True):
        if np.ndim(const):
            raise _NotPerEntryError
        env[var] = const

    def read(v: Any) -> Any:
        if not local.is_literal(v):
            return env[v]
        if np.ndim(v.val):
            raise _NotPerEntryError
        return v.val

    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        operands = [read(v) for v in eqn.invars]
        if name in ELEMENTWISE:
            params = eqn.params | ({"sharding": None} if "sharding" in eqn.params else {})
            results = [eqn.primitive.bind(*operands, **params)]
        elif name in ("broadcast_in_dim", "reshape", "squeeze", "expand_dims") or name in IDENTITIES:
            results = [operands[0]]
        elif name in ("jit", "pjit", "closed_call", "custom_jvp_call"):
            # A rule's value is the function itself again.
            results = _scalars(eqn.params.get("jaxpr", eqn.params.get("call_jaxpr")), operands)
        else:
            raise _NotPerEntryError
        env.update(zip(eqn.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _scan(graph: ElementGraph, eqn: Any, operands: list[Any]) -> list[Any]:
    params = eqn.params
    length = params["length"]
    n_consts, n_carry = parts_of_scan(eqn)
    if length > UNROLLED_STEPS:
        raise unsupported("scan", f"runs for {length} steps, too many to unroll")
    consts, carry, sequences = operands[:n_consts], operands[n_consts:][:n_carry], operands[n_consts + n_carry :]
    collected: dict[int, list[Any]] = {}
    for k in reversed(range(length)) if params["reverse"] else range(length):
        outs = _run(graph, params["jaxpr"], [*consts, *carry, *(_row(s, k) for s in sequences)])
        carry, collected[k] = outs[:n_carry], outs[n_carry:]
    stacked = [
        _stacked(graph, [collected[k][position] for k in range(length)], var.aval)
        for position, var in enumerate(eqn.outvars[n_carry:])
    ]
    return [*carry, *stacked]


def _row(value: Any, k: int) -> Any:
    if not isinstance(value, Elements):
        return np.asarray(value)[k]
    shape = value.shape[1:]
    if value.start is not None:
        return Elements(shape, value.dtype, start=value.start + k * int(np.prod(shape, dtype=np.int64)))
    return Elements(shape, value.dtype, ids=value.ids[k])


def _stacked(graph: ElementGraph, parts: Sequence[Any], aval: Any) -> Any:
    if not any(isinstance(p, Elements) for p in parts):
        return np.stack(parts) if parts else np.zeros(aval.shape, aval.dtype)
    return Elements(aval.shape, aval.dtype.name, ids=np.stack([graph.lift(p).ids for p in parts]))


_CALLS = frozenset({"jit", "pjit", "closed_call", "core_call", "call", "remat", "remat2", "checkpoint"})

_RULES: dict[str, Callable[[ElementGraph, Any, list[Any]], list[Any]]] = (
    dict.fromkeys(REDUCERS, _reduce)
    | dict.fromkeys(("scatter-add", "scatter_add"), _scatter_add)
    | {"dot_general": _dot_general, "scan": _scan, "custom_jvp_call": _custom_jvp}
)
"""Primitive name -> rule."""
