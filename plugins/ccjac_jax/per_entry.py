"""Functions with a rule of the user's that act on every entry alone, as functions of single numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from . import derivative as local
from .names import ELEMENTWISE
from .structural import IDENTITIES


def per_entry(eqn: Any) -> Any:
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
