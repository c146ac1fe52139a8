"""JAX's own Jacobian of a traced function, as a function of the same arrays as its program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex

from ccjac.executor import fewer_sweeps, working_mode

from .jaxprs import inner_jaxprs
from .names import ELEMENTWISE
from .reductions import REDUCTIONS
from .structural import IDENTITIES, STRUCTURAL
from .tracing import JaxTraced

FlatFunction = Callable[..., list[Any]]
"""From the operands (captured values last) to the flat results: values, then Jacobian blocks."""


class Function(NamedTuple):
    """A traced function of its operands and of some of its constants, which follow them.

    Attributes:
        jaxpr: What it computes.
        consts: Its constants.
        places: Which of them are operands.
    """

    jaxpr: Any
    consts: tuple[Any, ...]
    places: tuple[int, ...]

    def __call__(self, *operands: Any) -> list[Any]:
        """The flat results."""
        closed, arguments = self.at(*operands)
        return list(jex.jaxpr_as_fun(closed)(*arguments))

    def at(self, *operands: Any) -> tuple[Any, tuple[Any, ...]]:
        """The closed jaxpr, and what it is called with."""
        n = len(self.jaxpr.invars)
        consts = list(self.consts)
        for place, value in zip(self.places, operands[n:], strict=True):
            consts[place] = value
        return jex.ClosedJaxpr(self.jaxpr, consts), operands[:n]


def whole(traced: JaxTraced) -> Function:
    """The traced function of the call's operands and everything it captured."""
    return _function(traced, traced.places)


def known(traced: JaxTraced) -> Function:
    """The traced function of the operands of its scalar program: other captured values are copied."""
    return _function(traced, tuple(traced.places[k] for k in traced.read))


def _function(traced: JaxTraced, places: tuple[int, ...]) -> Function:
    watched = frozenset(traced.places)
    consts = [
        None if k in places else np.array(const) if k in watched else const
        for k, const in enumerate(traced.closed.consts)
    ]
    # Newer releases of JAX keep the constants in the jaxpr itself: these take their places.
    return Function(jex.ClosedJaxpr(traced.closed.jaxpr, consts).jaxpr, tuple(consts), places)


def jacobian_of(
    function: Function, n_differentiated: int, n_outputs: int, mode: str = "", *, holomorphic: bool = False
) -> FlatFunction:
    """The results of a traced function, followed by the blocks of its Jacobian, by one of JAX's modes.

    Args:
        function: The function.
        n_differentiated: How many of the operands are differentiated, the first ones.
        n_outputs: How many of the results are differentiated, the first ones.
        mode: ``"forward"`` or ``"reverse"``; by default the better one that works.
        holomorphic: As in ``jax.jacfwd``.

    Returns:
        A function of the same operands.  Blocks come output by output, and for each of them operand by operand; those
        of outputs that are no floating-point numbers are zeros of the output's type, as in ``jax.jacfwd``.
    """
    jaxpr = function.jaxpr
    n_inputs = sum(v.aval.size for v in jaxpr.invars[:n_differentiated])
    n_results = sum(v.aval.size for v in jaxpr.outvars[:n_outputs])
    moving = [k for k, v in enumerate(jaxpr.outvars[:n_outputs]) if jnp.issubdtype(v.aval.dtype, np.inexact)]

    def flat(*operands: Any) -> list[Any]:
        def of_differentiated(*varying: Any) -> tuple[list[Any], list[Any]]:
            results = function(*varying, *operands[n_differentiated:])
            return [results[k] for k in moving], results

        def by(mode: str) -> tuple[Any, list[Any]]:
            differentiate = jax.jacfwd if mode == "forward" else jax.jacrev
            blocks, results = differentiate(
                of_differentiated, argnums=tuple(range(n_differentiated)), has_aux=True, holomorphic=holomorphic
            )(*operands[:n_differentiated])
            return blocks, results

        def works(mode: str) -> None:
            if not has_both_modes(jaxpr):
                jax.eval_shape(lambda: by(mode))

        chosen = mode or working_mode(fewer_sweeps(n_inputs, n_results), works)
        found, results = by(chosen)
        rows = dict(zip(moving, found, strict=True))
        blocks = [
            rows[k][j] if k in rows else jnp.zeros((*results[k].shape, *operands[j].shape), results[k].dtype)
            for k in range(n_outputs)
            for j in range(n_differentiated)
        ]
        return [*results, *blocks]

    return flat


_TRANSPARENT = frozenset({"jit", "pjit", "closed_call", "remat", "checkpoint", "scan", "cond", "custom_jvp_call"})
_BOTH_MODES = frozenset({*ELEMENTWISE, *STRUCTURAL, *IDENTITIES, *REDUCTIONS, *_TRANSPARENT})
_BOTH_MODES -= {"scatter-mul", "scatter_mul"}


def has_both_modes(jaxpr: Any) -> bool:
    """Whether all operations are known to have a forward and a reverse rule; to find out for others takes a trace."""
    return all(
        eqn.primitive.name in _BOTH_MODES and not eqn.effects and all(map(has_both_modes, inner_jaxprs(eqn)))
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
