"""A user's function itself as one kernel, and its derivatives as others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax

from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Spec, Symbolic, Value, linearize
from ccjac.kernels import Layout
from ccjac.kernels.derivatives import numbered
from ccjac.kernels.layout import Result
from ccjac.limits import ONE_FUSION
from ccjac.program import Program
from ccjac.program.accumulate import STRUCTURAL_ZERO

from .computation import Expand, Plain
from .framework import FlatFunction, known
from .interpreter import run
from .kernel import kernel_call
from .settings import setting
from .tracing import JaxTraced


def fused(traced: JaxTraced, program: Program, layout: Layout, *, fastmath: bool, accelerated: bool) -> FlatFunction:
    """The traced function by its program, with JAX's derivatives of the function.

    For what cannot be a kernel, and on accelerators unless it is to be a kernel there, it is the function.
    """
    function: Plain = known(traced).__call__
    call = kernel_call(
        program,
        layout,
        [tuple(t.shape) for t in (*traced.call.types, *traced.read_types)],
        [tuple(a.shape) for a in traced.auxiliary],
        function,
        fusible=program.operations <= ONE_FUSION,
        fastmath=fastmath,
        accelerated=accelerated,
        expand=_expander(traced.name),
    )
    return lambda *operands: call(*(jax.numpy.asarray(x) for x in operands))


def _expander(name: str) -> Expand:
    """How functions are expanded that are made while the function ``name`` is differentiated."""
    # Derivatives are expanded when they are lowered, where other settings may hold.
    x64 = setting("jax_enable_x64")

    def expand(function: Plain, operands: Sequence[Spec]) -> tuple[Program, Layout]:
        with jax.enable_x64(x64), jax.numpy_dtype_promotion("standard"):
            try:
                closed = jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s.shape, s.dtype) for s in operands))
            except Exception as error:
                # It raises again where JAX takes the derivative itself.
                raise UnsupportedError(f"JAX does not differentiate {name}: {error}") from None
            return _expanded(closed, operands)

    return expand


def _expanded(closed: Any, operands: Sequence[Spec]) -> tuple[Program, Layout]:
    """The program of a jaxpr's values."""

    def body(ex: Expander, values: list[Symbolic]) -> tuple[list[Value], list[Value]]:
        return [], run(ex, closed, values)

    found = linearize(operands, 0, body, walk=run)
    program = found.builder.finish(found.values, found.n_scalars)
    start, results = 0, []
    for aval in closed.out_avals:
        entries = []
        for k in range(start, start + aval.size):
            node = program.nodes[program.results[k]]
            # Zeros have signs.
            zero = node.op == "const" and node.param == 0 and math.copysign(1.0, node.param) > 0
            entries.append(STRUCTURAL_ZERO if zero else k)
        results.append(Result(tuple(entries), aval.dtype.name))
        start += aval.size
    return program, Layout(tuple(numbered([(s.size, s.dtype) for s in operands], 0)), tuple(results))
