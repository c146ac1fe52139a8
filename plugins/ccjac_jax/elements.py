"""Walk through a jaxpr of large arrays and record blocks of elements.

The same words as in :mod:`.interpreter`, for :mod:`ccjac.elements`: what moves entries indexes their numbers, what
computes is a block, and everything else has no structure that is known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac import expand
from ccjac.elements import rules
from ccjac.elements.graph import ElementGraph, Elements
from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, unsupported
from ccjac.limits import SCALAR_LIMIT, UNROLLED_STEPS
from ccjac.program.linearization import Recorder

from . import derivative as local
from . import elementwise, interpreter
from .apart import Path, called
from .control import parts_of_scan
from .element_rules import RULES
from .indexing import outside
from .names import ELEMENTWISE, label, parameter
from .slices import slices_of
from .structural import IDENTITIES, STRUCTURAL

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
    if (found := slices_of(eqn, read)) is not None:
        table, arranged = found
        return [
            graph.opaque_slices(reason, table, slices, v.aval.dtype.name)
            for v, slices in zip(eqn.outvars, arranged, strict=True)
        ]
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
    if name == "scan":
        return _scan(graph, eqn, operands)
    if name in RULES:
        return RULES[name](graph, eqn, operands)
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
