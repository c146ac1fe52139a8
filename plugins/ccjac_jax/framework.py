"""JAX's own Jacobian of a traced function, as a function of the same arrays as its program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend import core as jex

from ccjac.executor import working_mode

from .features import inner_jaxprs
from .names import ELEMENTWISE
from .reductions import REDUCTIONS
from .structural import IDENTITIES, STRUCTURAL

FlatFunction = Callable[..., list[Any]]
"""From the operands (captured values last) to the flat results: values, then Jacobian blocks."""


def jacobian_of(closed: Any, n_differentiated: int, n_outputs: int, mode: str) -> FlatFunction:
    """The results of a traced function, followed by the blocks of its Jacobian, by one of JAX's modes.

    Args:
        closed: The function's jaxpr; values of an enclosing trace among its constants become operands.
        n_differentiated: How many of the operands are differentiated, the first ones.
        n_outputs: How many of the results are differentiated, the first ones.
        mode: ``"forward"`` or ``"reverse"``.

    Returns:
        A function of the jaxpr's operands and the captured values.  Blocks come output by output, and for each of
        them operand by operand.
    """
    consts = tuple(None if isinstance(c, jax.core.Tracer) else c for c in closed.consts)
    captured = [isinstance(c, jax.core.Tracer) for c in closed.consts]
    jaxpr = closed.jaxpr
    n_operands = len(jaxpr.invars)
    differentiate = jax.jacfwd if mode == "forward" else jax.jacrev

    def flat(*operands: Any) -> list[Any]:
        follow = iter(operands[n_operands:])
        known = [next(follow) if outside else c for outside, c in zip(captured, consts, strict=True)]
        function = jex.jaxpr_as_fun(jex.ClosedJaxpr(jaxpr, known))

        def of_differentiated(*varying: Any) -> tuple[list[Any], list[Any]]:
            results = function(*varying, *operands[n_differentiated:n_operands])
            return results[:n_outputs], results

        blocks, results = differentiate(of_differentiated, argnums=tuple(range(n_differentiated)), has_aux=True)(
            *operands[:n_differentiated]
        )
        return [*results, *(block for row in blocks for block in row)]

    return flat


def mode_of(closed: Any, n_differentiated: int, n_outputs: int, better: str) -> str:
    """The mode ``better``, unless the function has the other one only.

    Raises:
        Exception: JAX's own, if the function has neither.
    """
    if _has_both_modes(closed.jaxpr):
        return better
    operands = [*(v.aval for v in closed.jaxpr.invars), *(c for c in closed.consts if isinstance(c, jax.core.Tracer))]
    shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype, weak_type=a.weak_type) for a in operands]
    return working_mode(
        better, lambda mode: jax.eval_shape(jacobian_of(closed, n_differentiated, n_outputs, mode), *shapes)
    )


_TRANSPARENT = frozenset({"jit", "pjit", "closed_call", "remat", "checkpoint", "scan", "cond", "custom_jvp_call"})
_BOTH_MODES = (frozenset(ELEMENTWISE) | set(STRUCTURAL) | IDENTITIES | set(REDUCTIONS) | _TRANSPARENT) - {
    "scatter-mul",
    "scatter_mul",
}


def _has_both_modes(jaxpr: Any) -> bool:
    """Whether all operations are known to have a forward and a reverse rule; to find out for others takes a trace."""
    return all(
        eqn.primitive.name in _BOTH_MODES and not eqn.effects and all(map(_has_both_modes, inner_jaxprs(eqn)))
        for eqn in jaxpr.eqns
    )


def differentiated_by(function: FlatFunction, other: FlatFunction) -> FlatFunction:
    """``function``, with the derivatives of ``other``, which computes the same."""

    @jax.custom_jvp
    def call(*operands: Any) -> list[Any]:
        return list(function(*operands))

    @call.defjvp
    def _(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        return call(*primals), list(jax.jvp(lambda *a: list(other(*a)), tuple(primals), tuple(tangents))[1])

    return call
