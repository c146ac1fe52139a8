"""Values inside of a traced function, computed apart from its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.extend import core as jex

from ccjac.errors import UnsupportedError

from .derivative import is_literal, shape_of

Path = tuple[int, ...]
"""Equations from the outermost jaxpr inwards; to a value: then which of the last one's results it is."""


def called(eqn: Any) -> Any:
    """The jaxpr that a call runs once."""
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key in eqn.params:
            return eqn.params[key]
    raise UnsupportedError(f"`{eqn.primitive.name}`")


def value_at(closed: Any, operands: Sequence[Any], path: Path) -> Any:
    """The value that a path leads to.

    Args:
        closed: The outermost jaxpr.
        operands: What it is called with.
        path: From :meth:`ccjac.elements.graph.ElementGraph.originates`.
    """
    place, *rest = path
    jaxpr = closed.jaxpr
    eqn = jaxpr.eqns[place]
    if len(rest) == 1:
        return _wanted(closed, operands, place + 1, [eqn.outvars[rest[0]]])[0]
    inner = called(eqn)
    inner = inner if isinstance(inner, jex.ClosedJaxpr) else jex.ClosedJaxpr(inner, ())
    known = [v for v in eqn.invars if not is_literal(v)]
    values = iter(_wanted(closed, operands, place, known))
    given = [v.val if is_literal(v) else next(values) for v in eqn.invars]
    return value_at(inner, given, tuple(rest))


def _wanted(closed: Any, operands: Sequence[Any], n_equations: int, wanted: Sequence[Any]) -> list[Any]:
    """Some values of a jaxpr, which its first equations compute."""
    jaxpr = closed.jaxpr
    # An empty jaxpr of the same arity brings the debugging information that JAX wants every jaxpr to carry.
    frame = jax.make_jaxpr(lambda *_: (0.0,) * len(wanted))(*(shape_of(v.aval) for v in jaxpr.invars)).jaxpr
    part = frame.replace(
        constvars=jaxpr.constvars, invars=jaxpr.invars, eqns=jaxpr.eqns[:n_equations], outvars=list(wanted)
    )
    return list(jex.jaxpr_as_fun(jex.ClosedJaxpr(part, closed.consts))(*operands))
