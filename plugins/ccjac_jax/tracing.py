"""From a call to its linearization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np

from ccjac.errors import InputError, UnsupportedError
from ccjac.estimate import Features, better_mode
from ccjac.expand import Expander, Spec, Symbolic, Value, check_entries, linearize, unforeseen
from ccjac.program.linearization import Linearization
from ccjac.results import Containers

from .arguments import JaxCall
from .features import features
from .framework import mode_of
from .interpreter import run
from .settings import platform_of


@dataclass(eq=False)
class JaxTraced:
    """A traced call.

    Attributes:
        call: The call it was traced for.
        closed: The user's function as a jaxpr of the call's operands.
        outputs: Shape and type of every differentiated result.
        auxiliary: Shape and type of every auxiliary result.
        output_tree, auxiliary_tree: Their containers.
        captured: Values of an enclosing trace that the function reads; they follow the call's operands.
    """

    call: JaxCall
    closed: Any = field(default=None, repr=False)
    outputs: tuple[Any, ...] = ()
    auxiliary: tuple[Any, ...] = ()
    output_tree: Any = None
    auxiliary_tree: Any = None
    captured: tuple[Any, ...] = field(default=(), repr=False)

    @cached_property
    def features(self) -> Features:
        """What an estimate needs to know."""
        n, n_outputs = self.call.n_differentiated, len(self.outputs)
        try:
            return features(self.closed, n, n_outputs)
        except Exception as error:
            unforeseen(error, self.call.request.fun)
            # Nothing speaks against an expansion.
            return Features(sum(a.size for a in self.call.avals[:n]), sum(a.size for a in self.outputs))

    @cached_property
    def mode(self) -> str:
        """JAX's own mode that serves the function best."""
        n, n_outputs = self.call.n_differentiated, len(self.outputs)
        return mode_of(self.closed, n, n_outputs, better_mode(self.features))

    @property
    def linearization(self) -> Linearization | None:
        """The scalar graph and program, or ``None``; expanded when it is first asked for."""
        return self._expanded[0]

    @property
    def obstacle(self) -> str:
        """Why there is no linearization."""
        return self._expanded[1]

    @cached_property
    def _expanded(self) -> tuple[Linearization | None, str]:
        try:
            return _linearize(self.call, self.closed, len(self.outputs)), ""
        except UnsupportedError as obstacle:
            return None, str(obstacle)
        except Exception as error:
            return None, unforeseen(error, self.call.request.fun)

    @property
    def entry_dtypes(self) -> np.ndarray:
        """``[outputs, 1]``: an entry has its output's type, as in ``jax.jacfwd``."""
        names = [a.dtype.name for a in self.outputs for _ in range(a.size)]
        return np.array(names, dtype=object).reshape(-1, 1)

    @property
    def with_values(self) -> bool:
        """Whether values or auxiliary results are returned."""
        return self.call.request.with_value or self.call.request.has_aux

    @property
    def values(self) -> tuple[Any, ...]:
        """The arrays that precede the Jacobian's blocks."""
        return (*self.outputs, *self.auxiliary) if self.with_values else ()

    @property
    def containers(self) -> Containers:
        """The containers of the results."""
        return Containers(self.output_tree, self.auxiliary_tree, self.call.argument_trees, jax.tree.unflatten)

    @property
    def reusable(self) -> bool:
        """Values of an enclosing trace are gone at the next call."""
        return not self.captured

    @property
    def platform(self) -> str:
        """Where the operands live, or will by JAX's default."""
        return platform_of(self.call.operands)


def trace(call: JaxCall) -> JaxTraced:
    """Trace the user's function."""
    traced = JaxTraced(call)

    def flat(*operands: Any) -> list[Any]:
        args, kwargs = call.rebuild(operands)
        output, auxiliary = call.request.fun(*args, **kwargs), ()
        if call.request.has_aux:
            if not (isinstance(output, tuple) and len(output) == 2):
                raise InputError(
                    f"`has_aux=True` needs a function that returns (output, aux), got {type(output).__name__}."
                )
            output, auxiliary = output
        leaves, traced.output_tree = jax.tree.flatten(output)
        aux_leaves, traced.auxiliary_tree = jax.tree.flatten(auxiliary)
        for leaf in leaves:
            _check_output(leaf)
        return [*leaves, *aux_leaves]

    closed = traced.closed = jax.make_jaxpr(flat)(*call.avals)
    avals = closed.out_avals
    n_outputs = traced.output_tree.num_leaves
    traced.outputs, traced.auxiliary = tuple(avals[:n_outputs]), tuple(avals[n_outputs:])
    traced.captured = tuple(c for c in closed.consts if isinstance(c, jax.core.Tracer))
    return traced


def _check_output(leaf: Any) -> None:
    if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, float, int, complex)):
        raise InputError(
            f"`ccjac.jacobian` needs a function that returns arrays, but it returned a {type(leaf).__name__}. "
            "Return such values through `has_aux=True`, or not at all."
        )
    dtype = jax.numpy.result_type(leaf)
    if not (jax.numpy.issubdtype(dtype, np.inexact)):
        raise InputError(
            f"`ccjac.jacobian` needs floating-point outputs, but the function returned {dtype}; return it through "
            "`has_aux=True`, or convert it."
        )


def _linearize(call: JaxCall, closed: Any, n_outputs: int) -> Linearization:
    for aval in (*call.avals, *closed.out_avals):
        if jax.numpy.issubdtype(aval.dtype, np.complexfloating):
            raise UnsupportedError("the function works on complex numbers")
        if jax.numpy.issubdtype(aval.dtype, jax.dtypes.extended):
            raise UnsupportedError("the function takes or returns random keys")
    inputs = specs([*call.avals, *(c for c in closed.consts if isinstance(c, jax.core.Tracer))])
    n = call.n_differentiated
    check_entries(sum(a.size for a in closed.out_avals[:n_outputs]), sum(a.size for a in call.avals[:n]))

    def body(ex: Expander, operands: list[Symbolic]) -> tuple[list[Value], list[Value]]:
        arguments, follow = operands[: len(call.avals)], iter(operands[len(call.avals) :])
        consts = [next(follow) if isinstance(c, jax.core.Tracer) else _known(c) for c in closed.consts]
        results = run(ex, closed, arguments, consts)
        return results[:n_outputs], results[n_outputs:]

    return linearize(inputs, n, body, walk=run)


def specs(values: Sequence[Any]) -> list[Spec]:
    """Shapes and types of arrays or their types."""
    return [Spec(tuple(v.shape), v.dtype.name) for v in values]


def _known(constant: Any) -> Any:
    """Random keys have no numpy equivalent."""
    is_key = jax.numpy.issubdtype(jax.typeof(constant).dtype, jax.dtypes.extended)
    return constant if is_key else np.asarray(constant)
