"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.executor import working_mode
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
    jacobian = jacobian_of(traced.closed, traced.call.n_differentiated, len(traced.outputs))
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
    """JAX's own Jacobian of the same call: forward mode unless there are fewer outputs than inputs and reverse mode
    works.
    """
    call, request = traced.call, traced.call.request
    n_inputs = sum(a.size for a in call.avals[: call.n_differentiated])
    n_outputs = sum(a.size for a in traced.outputs)

    def with_mode(mode: str) -> Run:
        differentiate = jax.jacfwd if mode == "forward" else jax.jacrev

        def run(*operands: Any) -> Any:
            args, kwargs = call.rebuild(operands)

            def fun(*args: Any, **kwargs: Any) -> Any:
                output = request.fun(*args, **kwargs)
                main, auxiliary = output if request.has_aux else (output, ())
                return main, (main, auxiliary)

            result, (value, auxiliary) = differentiate(fun, argnums=request.argnums, has_aux=True)(*args, **kwargs)
            if request.with_value:
                return ((value, auxiliary), result) if request.has_aux else (value, result)
            return (result, auxiliary) if request.has_aux else result

        return run

    mode = working_mode(n_inputs, n_outputs, lambda mode: jax.eval_shape(with_mode(mode), *call.avals))
    return (with_mode(mode) if traced.captured else jax.jit(with_mode(mode))), mode
