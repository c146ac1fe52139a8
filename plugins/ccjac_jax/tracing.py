"""From a call to its linearization."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from ccjac.errors import InputError, UnsupportedError
from ccjac.program.linearization import Linearization, Recorder

from .arguments import JaxCall
from .interpreter import Interpreter
from .values import Symbolic, lift

log = logging.getLogger("ccjac")

SCALAR_LIMIT = 60_000
"""Program values beyond which a function is left to the framework's own modes."""

ENTRY_LIMIT = 4_000_000
"""Jacobian entries beyond which the same holds; zeros count."""


@dataclass(eq=False)
class JaxTraced:
    """A traced call.

    Attributes:
        call: The call it was traced for.
        linearization: The scalar graph and program, or ``None``.
        obstacle: Why there is none.
        outputs: Shape and type of every differentiated result.
        auxiliary: Shape and type of every auxiliary result.
        output_tree, auxiliary_tree: Their containers.
        captured: Values of an enclosing trace that the function reads; they follow the call's operands.
    """

    call: JaxCall
    linearization: Linearization | None = None
    obstacle: str = ""
    outputs: tuple[Any, ...] = ()
    auxiliary: tuple[Any, ...] = ()
    output_tree: Any = None
    auxiliary_tree: Any = None
    captured: tuple[Any, ...] = field(default=(), repr=False)

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
    def n_values(self) -> int:
        """How many arrays precede the Jacobian's blocks."""
        return len(self.outputs) + len(self.auxiliary) if self.with_values else 0

    @property
    def reusable(self) -> bool:
        """Whether later calls may use the compiled function."""
        return not self.captured


def trace(call: JaxCall) -> JaxTraced:
    """Trace the user's function, then expand it to scalars if that is possible."""
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

    closed = jax.make_jaxpr(flat)(*call.avals)
    avals = closed.out_avals
    n_outputs = traced.output_tree.num_leaves
    traced.outputs, traced.auxiliary = tuple(avals[:n_outputs]), tuple(avals[n_outputs:])
    traced.captured = tuple(c for c in closed.consts if isinstance(c, jax.core.Tracer))
    try:
        traced.linearization = _linearize(call, closed, n_outputs)
    except UnsupportedError as obstacle:
        traced.obstacle = str(obstacle)
    except Exception as error:
        # What JAX can differentiate must work, whatever it is made of; JAX's own modes raise again what is the user's.
        traced.obstacle = f"the expansion to scalars failed with {type(error).__name__}: {error}"
        log.debug("expansion of %s failed", call.request.fun, exc_info=True)
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
    n = call.n_differentiated
    n_inputs = sum(a.size for a in call.avals[:n])
    for aval in (*call.avals, *closed.out_avals):
        if jax.numpy.issubdtype(aval.dtype, np.complexfloating):
            raise UnsupportedError("the function works on complex numbers")
        if jax.numpy.issubdtype(aval.dtype, jax.dtypes.extended):
            raise UnsupportedError("the function takes or returns random keys")
    recorder = Recorder(n_inputs, SCALAR_LIMIT)
    captured = [c for c in closed.consts if isinstance(c, jax.core.Tracer)]
    total = n_inputs + sum(a.size for a in call.avals[n:]) + sum(c.size for c in captured)
    recorder.check_size(total)
    position = 0

    def scalars(shape: tuple[int, ...], dtype: str, active: bool) -> Symbolic:
        nonlocal position
        size = int(np.prod(shape, dtype=np.int64))
        ids = [recorder.builder.input(position + k, dtype) for k in range(size)]
        vertices = np.arange(position, position + size).reshape(shape) if active else None
        position += size
        return Symbolic(np.array(ids, dtype=np.int64).reshape(shape), vertices, dtype)

    operands = [scalars(a.shape, a.dtype.name, k < n) for k, a in enumerate(call.avals)]
    consts = [
        scalars(c.shape, c.dtype.name, False)
        if isinstance(c, jax.core.Tracer)
        else (c if jax.numpy.issubdtype(jax.typeof(c).dtype, jax.dtypes.extended) else np.asarray(c))
        for c in closed.consts
    ]
    results = Interpreter(recorder).run(closed.jaxpr, consts, operands)
    lifted = [lift(recorder.builder, r) for r in results]
    recorder.check_size()
    outputs = [int(v) for r in lifted[:n_outputs] for v in r.tangent_vertices().ravel()]
    values = [int(k) for r in lifted for k in r.ids.ravel()]
    if len(outputs) * n_inputs > ENTRY_LIMIT:
        raise UnsupportedError(f"the Jacobian has {len(outputs)} x {n_inputs} entries")
    return recorder.finish(outputs, values, total)
