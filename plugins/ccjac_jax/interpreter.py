"""Walk through a jaxpr and expand it.

Every equation is evaluated in one of five ways, tried in this order: concretely (all operands known), by its
control-flow rule, by moving entries (structural), by its value rule, or by JAX as a region of its own.  Where an
operand is active, the partials come from JAX's own derivative of that one equation: from a template for elementwise
operations, else from a walk through the equation's ``jvp``.  A primitive that none of the tables knows is evaluated as
JAX evaluates it (:mod:`~ccjac_jax.lowered`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac import expand
from ccjac.errors import TooLargeError
from ccjac.expand import Expander, Forms, Spec, Symbolic, Value, as_numpy, is_known, linear, unsupported
from ccjac.limits import RULE_ENTRIES

from . import derivative as local
from . import elementwise, foreign, linalg, lowered
from .concrete import on_numpy
from .control import CALLS, CONTROL
from .derivative import is_float
from .indexing import COMPUTED, SORTS, indices_of, outside, sort
from .names import ELEMENTWISE, label
from .reductions import LINEAR_ONLY, REDUCTIONS
from .structural import IDENTITIES, STRUCTURAL

CUSTOM = {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "custom_vjp_call_jaxpr": "fun_jaxpr"}


def run(ex: Expander, jaxpr: Any, operands: Sequence[Value], consts: Sequence[Value] | None = None) -> list[Value]:
    """Evaluate a jaxpr, closed or open; ``consts`` replaces the constants of a closed one."""
    if isinstance(jaxpr, jex.ClosedJaxpr):
        jaxpr, consts = jaxpr.jaxpr, jaxpr.consts if consts is None else consts
    env: dict[Any, Value] = dict(zip(jaxpr.constvars, consts or (), strict=True))
    env.update(zip(jaxpr.invars, operands, strict=True))

    def read(v: Any) -> Value:
        return np.asarray(v.val, dtype=v.aval.dtype) if local.is_literal(v) else env[v]

    for eqn in jaxpr.eqns:
        results = evaluate(ex, eqn, [read(v) for v in eqn.invars])
        env.update(zip(eqn.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def evaluate(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    """Evaluate one equation: as part of the scalar program, or by JAX where that has nothing like it."""
    name = eqn.primitive.name
    if eqn.effects:
        raise unsupported(name, "has side effects")
    if all(map(is_known, operands)):
        return concrete(eqn, operands)
    if name in IDENTITIES:
        return operands
    if name in CALLS:
        return CONTROL[name](ex, eqn, operands)
    opaque = any(foreign.is_opaque(v.aval) for v in (*eqn.invars, *eqn.outvars))
    if ex.recorder.n_scalars is None:
        if opaque:
            raise unsupported(name, "works on complex numbers")
        return _expanded(ex, eqn, operands)
    if opaque:
        return foreign.evaluate(ex, eqn, operands, "it works on what is no real number")
    mark = ex.recorder.mark()
    try:
        return _expanded(ex, eqn, operands)
    except TooLargeError:
        raise
    except NotImplementedError as error:
        # Of JAX, too, where an operation has no derivative.
        if any(isinstance(v, Forms) for v in operands):
            raise
        reason = str(error)
    ex.recorder.rewind(mark)
    return foreign.evaluate(ex, eqn, operands, reason)


def _expanded(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    name = eqn.primitive.name
    if name in CONTROL:
        return CONTROL[name](ex, eqn, operands)
    if name in COMPUTED and not all(is_known(operands[k]) for k in indices_of(name, len(operands))):
        if name in STRUCTURAL or not _is_active(operands):
            return [COMPUTED[name](ex, eqn, operands)]
        return _differentiated(ex, eqn, operands)
    if name in SORTS:
        return sort(ex, eqn, operands)
    if name in STRUCTURAL or (name == "select_n" and is_known(operands[0])):
        return _moved(ex, eqn, operands)
    with_tangents = any(isinstance(v, Forms) for v in operands)
    if with_tangents and name in linalg.LINALG:
        return linalg.evaluate(ex, eqn, operands)
    if with_tangents and name in _KNOWN:
        return [_linear(ex, eqn, operands)]
    if name in ELEMENTWISE:
        return elementwise.apply(ex, eqn, operands)
    if _is_active(operands) and any(is_float(v.aval) for v in eqn.outvars):
        if name in foreign.WHOLE_ARRAYS and _partials(eqn, operands) > RULE_ENTRIES:
            raise unsupported(name)
        return _differentiated(ex, eqn, operands)
    if name in foreign.WHOLE_ARRAYS:
        raise unsupported(name)
    if name in CUSTOM:
        return ex.run(eqn.params[CUSTOM[name]], operands)
    if name in REDUCTIONS:
        return [REDUCTIONS[name](ex, eqn, operands)]
    if name in linalg.LINALG:
        return linalg.evaluate(ex, eqn, operands)
    if (inner := lowered.inlined(eqn)) is not None:
        return ex.run(inner, operands)
    return lowered.evaluate(ex, eqn, operands)


def _is_active(operands: Sequence[Value]) -> bool:
    return any(isinstance(v, Symbolic) and v.active for v in operands)


def _partials(eqn: Any, operands: Sequence[Value]) -> int:
    into = sum(v.ids.size for v in operands if isinstance(v, Symbolic) and v.active)
    return into * sum(v.aval.size for v in eqn.outvars if is_float(v.aval))


_KNOWN = frozenset({*ELEMENTWISE, *CUSTOM, *REDUCTIONS, *LINEAR_ONLY})


def concrete(eqn: Any, operands: list[Value]) -> list[Value]:
    """An equation on known arrays."""
    if all(isinstance(v, np.ndarray) for v in operands) and (done := on_numpy(eqn, operands)) is not None:
        return done
    distinct = local.operands_of(eqn)
    places = [list(map(id, eqn.invars)).index(id(v)) for v in distinct]
    # Inside an enclosing jit the operands are still concrete; keep it that way.
    with jax.ensure_compile_time_eval():
        results = local.as_function(eqn, distinct)(*(operands[k] for k in places))
    return [r if jax.numpy.issubdtype(r.dtype, jax.dtypes.extended) else np.asarray(r) for r in results]


def _moved(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    name, outs = eqn.primitive.name, [v.aval for v in eqn.outvars]
    if name == "select_n":
        which = np.broadcast_to(as_numpy(operands[0]), outs[0].shape)
        return [expand.move(ex, operands[1:], expand.picked(which, len(operands) - 1), outs[0].dtype.name)]
    rule, divide = STRUCTURAL[name]
    array_places, index_places = divide(len(operands))
    entries, indices = [operands[k] for k in array_places], [operands[k] for k in index_places]
    positions = expand.positions_of([np.shape(v) for v in entries])
    moved = rule(eqn.params, positions, [as_numpy(v) for v in indices])
    fill = None
    if name == "gather" and (number := outside(eqn)) is not None:
        fill = ex.builder.const(number, outs[0].dtype.name)
    return [expand.move(ex, entries, p, out.dtype.name, fill=fill) for p, out in zip(moved, outs, strict=True)]


def _linear(ex: Expander, eqn: Any, operands: list[Value]) -> Value:
    """An equation of a derivative rule, with tangents among its operands."""
    name, out = eqn.primitive.name, eqn.outvars[0].aval
    rule = LINEAR_ONLY.get(name) or REDUCTIONS.get(name)
    if rule is not None and name not in _NOT_LINEAR:
        return rule(ex, eqn, operands)
    return linear.apply(ex, ELEMENTWISE.get(name, name), operands, out.shape, out.dtype.name)


_NOT_LINEAR = frozenset({"argmax", "argmin"})


# -- derivatives of one equation ---------------------------------------------------------------------------------------


def _differentiated(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    if eqn.primitive.name == "custom_jvp_call":
        # A user's rule gets a tangent for every operand; those of constants are zero forms, so that zeros stay visible.
        apart = local.with_distinct_operands(eqn)
        return expand.differentiated(ex, local.forward_rule(apart, frozenset(apart.invars)), operands, label(eqn))
    by_var = {v: x for v, x in zip(eqn.invars, operands, strict=True) if not local.is_literal(v)}
    active = frozenset(v for v, value in by_var.items() if isinstance(value, Symbolic) and value.active)
    if eqn.primitive.name.startswith("custom_vjp"):
        # A function that defines its cotangents only.
        rule = local.reverse_rule(eqn, active)
        outputs = [Spec(a.shape, a.dtype.name) for a in (eqn.outvars[k].aval for k in rule.differentiable)]
        return expand.transposed(ex, rule, [by_var[v] for v in rule.operands], outputs, label(eqn))
    rule = local.remembered_forward_rule(eqn, active)
    return expand.differentiated(ex, rule, [by_var[v] for v in rule.operands], label(eqn))
