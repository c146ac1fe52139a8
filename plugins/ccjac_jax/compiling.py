"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.limits import DIFFERENTIATED_LIMIT, ONE_FUSION, OPERATIONS_LIMIT, SPARSE_FROM
from ccjac.program import Program
from ccjac.program.accumulate import JacobianProgram
from ccjac.results import Block, blocks, layout, nest

from . import kernel
from . import operations as ops
from .framework import FlatFunction, differentiated_by, jacobian_of
from .tracing import JaxTraced, specs

Run = Callable[..., Any]
"""From the call's operands to the user's containers."""


def compiled(traced: JaxTraced, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False) -> Run:
    """The program as a function of ``(*call.operands, *traced.captured)``, by a selected executor."""
    call, program = traced.call, jacobian.program
    arguments = specs(call.avals[: call.n_differentiated])
    arrays = blocks(jacobian, specs(traced.outputs), arguments, specs(traced.values), packed_from=SPARSE_FROM[executor])

    def finished(computed: FlatFunction) -> FlatFunction:
        return jax.jit(lambda *operands: [spread(a, x) for a, x in zip(arrays, computed(*operands), strict=True)])

    if executor == "kernel":
        alone = finished(_with_kernel(traced, program, arrays, fusible=False, fastmath=fastmath))
        fusible = program.operations <= ONE_FUSION
        within = finished(_with_kernel(traced, program, arrays, fusible=fusible, fastmath=fastmath))
    else:
        alone = within = finished(_plain(traced, program, arrays))
    n_values = len(traced.values)

    def run(*operands: Any) -> Any:
        transformed = any(isinstance(x, jax.core.Tracer) for x in operands)
        results = (within if transformed else alone)(*operands)
        return nest(traced.containers, call.request, results[:n_values], results[n_values:])

    return run


def spread(block: Block, computed: Any) -> Any:
    """A block's array from what the program computed of it."""
    if not block.packed:
        return computed
    padded = jnp.concatenate([computed, jnp.zeros(1, block.spec.dtype)])
    return padded.at[block.spread].get(mode="promise_in_bounds").reshape(block.spec.shape)


def _with_operations(program: Program, arrays: Sequence[Block]) -> FlatFunction:
    wanted = ops.used_inputs(program)
    fused = program.operations <= ONE_FUSION

    def flat(*operands: Any) -> list[Any]:
        scalars: list[Any] = [None] * program.n_inputs
        first = 0
        for operand in operands:
            for k, scalar in ops.split(operand, wanted, first).items():
                scalars[k] = scalar
            first += int(np.prod(np.shape(operand), dtype=np.int64))
        results = ops.run(program, scalars)
        return [ops.assemble(a.computed, results, a.computed_shape, a.spec.dtype, fused=fused) for a in arrays]

    return flat


def _with_framework(traced: JaxTraced, arrays: Sequence[Block]) -> FlatFunction:
    """The same arrays by JAX's own mode."""
    jacobian = jacobian_of(traced.closed, traced.call.n_differentiated, len(traced.outputs), traced.mode)
    skipped = len(traced.outputs) + len(traced.auxiliary) - len(traced.values)

    def flat(*operands: Any) -> list[Any]:
        found = jacobian(*operands)[skipped:]
        return [x.reshape(-1)[a.nonzero] if a.packed else x for a, x in zip(arrays, found, strict=True)]

    return flat


def _plain(traced: JaxTraced, program: Program, arrays: Sequence[Block], limit: float = math.inf) -> FlatFunction:
    """Plain operations, of which XLA is never given too many: beyond ``limit`` the framework's own mode instead, and as
    their derivative, which has several times as many, that mode's derivative.
    """
    if program.operations > limit:
        return _with_framework(traced, arrays)
    plain = _with_operations(program, arrays)
    if program.operations <= DIFFERENTIATED_LIMIT:
        return plain
    return differentiated_by(plain, _with_framework(traced, arrays))


def _with_kernel(
    traced: JaxTraced, program: Program, arrays: Sequence[Block], *, fusible: bool, fastmath: bool
) -> FlatFunction:
    operands = specs([jax.typeof(x) for x in (*traced.call.avals, *traced.captured)])
    call = kernel.kernel_call(
        program,
        layout(operands, arrays),
        [spec.shape for spec in operands],
        [a.computed_shape for a in arrays],
        _plain(traced, program, arrays, OPERATIONS_LIMIT),
        fusible=fusible,
        fastmath=fastmath,
    )
    return lambda *operands: call(*(jnp.asarray(x) for x in operands))


def framework_mode(traced: JaxTraced) -> tuple[Run, str]:
    """JAX's own Jacobian of the same call: in the mode that an estimate finds quicker, if the function has it."""
    call, n_results = traced.call, len(traced.outputs) + len(traced.auxiliary)
    jacobian = jacobian_of(traced.closed, call.n_differentiated, len(traced.outputs), traced.mode)

    def run(*operands: Any) -> Any:
        found = jacobian(*operands, *traced.captured)
        values = found[:n_results] if traced.with_values else []
        return nest(traced.containers, call.request, values, found[n_results:])

    return (run if traced.captured else jax.jit(run)), traced.mode
