"""JAX's own Jacobian of a traced function, as a function of the same arrays as its program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend import core as jex

from ccjac.executor import working_mode

FlatFunction = Callable[..., list[Any]]
"""From the operands (captured values last) to the flat results: values, then Jacobian blocks."""


def jacobian_of(closed: Any, n_differentiated: int, n_outputs: int) -> FlatFunction:
    """The results of a traced function, followed by the blocks of its Jacobian, by one of JAX's modes.

    Args:
        closed: The function's jaxpr; values of an enclosing trace among its constants become operands.
        n_differentiated: How many of the operands are differentiated, the first ones.
        n_outputs: How many of the results are differentiated, the first ones.

    Returns:
        A function of the jaxpr's operands and the captured values.  Blocks come output by output, and for each of
        them operand by operand.
    """
    consts = tuple(None if isinstance(c, jax.core.Tracer) else c for c in closed.consts)
    captured = [isinstance(c, jax.core.Tracer) for c in closed.consts]
    jaxpr = closed.jaxpr
    n_operands = len(jaxpr.invars)
    n_inputs = sum(v.aval.size for v in jaxpr.invars[:n_differentiated])
    n_results = sum(v.aval.size for v in jaxpr.outvars[:n_outputs])

    def flat(*operands: Any) -> list[Any]:
        follow = iter(operands[n_operands:])
        known = [next(follow) if outside else c for outside, c in zip(captured, consts, strict=True)]
        function = jex.jaxpr_as_fun(jex.ClosedJaxpr(jaxpr, known))

        def of_differentiated(*varying: Any) -> tuple[list[Any], list[Any]]:
            results = function(*varying, *operands[n_differentiated:n_operands])
            return results[:n_outputs], results

        def by(mode: str) -> tuple[Any, list[Any]]:
            differentiate = jax.jacfwd if mode == "forward" else jax.jacrev
            blocks, results = differentiate(of_differentiated, argnums=tuple(range(n_differentiated)), has_aux=True)(
                *operands[:n_differentiated]
            )
            return blocks, results

        mode = working_mode(n_inputs, n_results, lambda mode: jax.eval_shape(lambda: by(mode)))
        blocks, results = by(mode)
        return [*results, *(block for row in blocks for block in row)]

    return flat


def differentiated_by(function: FlatFunction, other: FlatFunction) -> FlatFunction:
    """``function``, with the derivatives of ``other``, which computes the same."""

    @jax.custom_jvp
    def call(*operands: Any) -> list[Any]:
        return list(function(*operands))

    @call.defjvp
    def _(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        return call(*primals), list(jax.jvp(lambda *a: list(other(*a)), tuple(primals), tuple(tangents))[1])

    return call
