"""The framework's own derivative rule of one equation, as a jaxpr that is linear in the tangents."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac.expand import Expander, Value
from ccjac.limits import RULE_MEMORY

from .settings import setting


@dataclass(frozen=True, eq=False)
class LocalRule:
    """One equation with its tangents.

    Attributes:
        closed: A forward rule's jaxpr goes from (operands, tangents of the active operands) to (results, tangents of
            the float results), a reverse rule's from (operands, cotangents of the float results) to (results,
            cotangents of the active operands).
        operands: The distinct variables the operands stand for.
        active: Positions among ``operands`` of those with tangents.
        differentiable: Positions of the results that carry tangents.
        n_derivatives: How many tangents (cotangents) the jaxpr ends with.
    """

    closed: Any
    operands: tuple[Any, ...]
    active: tuple[int, ...]
    differentiable: tuple[int, ...]
    n_derivatives: int

    def run(self, ex: Expander, primals: Sequence[Value], tangents: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """Walk through the jaxpr, see :class:`ccjac.expand.LocalRule`."""
        outs = ex.run(self.closed, [*primals, *tangents])
        n = len(outs) - self.n_derivatives
        return outs[:n], outs[n:]


def is_literal(var: Any) -> bool:
    """Whether an operand is a constant; JAX declares less of its type than it has, so nothing is narrowed here."""
    return isinstance(var, jex.Literal)


def operands_of(eqn: Any) -> tuple[Any, ...]:
    """The distinct variables among the operands, in order of appearance."""
    return tuple(dict.fromkeys(v for v in eqn.invars if not is_literal(v)))


def is_float(aval: Any) -> bool:
    """Whether values of this type carry tangents."""
    dtype = getattr(aval, "dtype", None)
    return dtype is not None and jax.numpy.issubdtype(dtype, np.floating)


def as_function(eqn: Any, operands: Sequence[Any]) -> Any:
    """A function of the operands' values that applies the one equation."""
    # An empty jaxpr of the same arity brings the debugging information that JAX wants every jaxpr to carry.
    frame = jax.make_jaxpr(lambda *_: (0.0,) * len(eqn.outvars))(*(shape_of(v.aval) for v in operands)).jaxpr
    jaxpr = frame.replace(invars=list(operands), outvars=list(eqn.outvars), eqns=[eqn], effects=eqn.effects)
    return jex.jaxpr_as_fun(jex.ClosedJaxpr(jaxpr, []))


def with_distinct_operands(eqn: Any) -> Any:
    """The equation with a fresh variable for every operand, constants and repeated ones included."""
    fresh = jax.make_jaxpr(lambda *a: a)(*(shape_of(v.aval) for v in eqn.invars)).jaxpr.invars
    return eqn.replace(invars=list(fresh))


def forward_rule(eqn: Any, active_vars: frozenset[Any]) -> LocalRule:
    """The equation's ``jvp``."""
    operands, active, differentiable, shapes = _analyse(eqn, active_vars)
    fun = as_function(eqn, operands)

    def rule(values: list[Any], tangents: list[Any]) -> Any:
        def of_active(*varied: Any) -> Any:
            merged = list(values)
            for position, value in zip(active, varied, strict=True):
                merged[position] = value
            return fun(*merged)

        primals_out, tangents_out = jax.jvp(of_active, tuple(values[k] for k in active), tuple(tangents))
        return primals_out, [tangents_out[k] for k in differentiable]

    closed = jax.make_jaxpr(rule)(shapes, [shapes[k] for k in active])
    return LocalRule(closed, operands, active, differentiable, len(differentiable))


def reverse_rule(eqn: Any, active_vars: frozenset[Any]) -> LocalRule:
    """The equation's ``vjp``, for functions that define nothing else."""
    operands, active, differentiable, shapes = _analyse(eqn, active_vars)
    fun = as_function(eqn, operands)

    def rule(values: list[Any], cotangents: list[Any]) -> Any:
        def of_active(*varied: Any) -> Any:
            merged = list(values)
            for position, value in zip(active, varied, strict=True):
                merged[position] = value
            results = fun(*merged)
            return [results[k] for k in differentiable], results

        _, pullback, results = jax.vjp(of_active, *(values[k] for k in active), has_aux=True)
        return results, list(pullback(cotangents))

    outs = [shape_of(eqn.outvars[k].aval) for k in differentiable]
    closed = jax.make_jaxpr(rule)(shapes, outs)
    return LocalRule(closed, operands, active, differentiable, len(active))


def shape_of(aval: Any) -> jax.ShapeDtypeStruct:
    """The type of a value, whichever value it is."""
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)


def _analyse(
    eqn: Any, active_vars: frozenset[Any]
) -> tuple[tuple[Any, ...], tuple[int, ...], tuple[int, ...], list[jax.ShapeDtypeStruct]]:
    operands = operands_of(eqn)
    active = tuple(k for k, v in enumerate(operands) if v in active_vars and is_float(v.aval))
    differentiable = tuple(k for k, v in enumerate(eqn.outvars) if is_float(v.aval))
    return operands, active, differentiable, [shape_of(v.aval) for v in operands]


_memory: dict[Hashable, LocalRule] = {}


def remembered_forward_rule(eqn: Any, active_vars: frozenset[Any]) -> LocalRule:
    """:func:`forward_rule`, shared between equations that differ in their variables only."""
    operands = operands_of(eqn)
    try:
        key = (
            eqn.primitive,
            tuple(sorted(eqn.params.items())),
            tuple(
                ("literal", str(v.val), v.aval.dtype.name, v.aval.shape)
                if is_literal(v)
                else (operands.index(v), v.aval.shape, v.aval.dtype.name, v.aval.weak_type)
                for v in eqn.invars
            ),
            tuple(v in active_vars for v in operands),
            setting("jax_enable_x64"),
        )
        found = _memory.get(key)
    except TypeError:
        # Parameters that cannot be hashed or sorted: trace the rule again each time.
        return forward_rule(eqn, active_vars)
    if found is None:
        found = forward_rule(eqn, active_vars)
        if len(_memory) < RULE_MEMORY:
            _memory[key] = found
    return replace(found, operands=operands)
