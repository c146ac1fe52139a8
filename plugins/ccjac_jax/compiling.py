"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from ccjac.limits import ONE_FUSION, SPARSE_FROM
from ccjac.program import Program
from ccjac.program.accumulate import JacobianProgram
from ccjac.results import Block, blocks, layout, placed
from ccjac.settings import limits

from . import kernel
from . import operations as ops
from .framework import FlatFunction, differentiated_by, jacobian_of, known
from .fused import fused
from .own_rules import has_own_rules
from .results import finished
from .staged import Placed, staged
from .tracing import JaxTraced, specs

Run = Callable[..., Any]
"""From the call's operands to the user's containers."""


def compiled(
    traced: JaxTraced, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False, accelerated: bool = False
) -> Run:
    """The program as a function of ``(*call.operands, *traced.captured)``, by a selected executor."""
    types = traced.types()
    arguments = specs(types.call.types[: types.call.n_differentiated])
    arrays = blocks(jacobian, specs(types.outputs), arguments, specs(types.values), packed_from=SPARSE_FROM[executor])
    options = {"fastmath": fastmath, "accelerated": accelerated}
    if traced.fused:
        rows = layout(placed(specs([*types.call.types, *types.read_types])), arrays)
        compute = fused(traced, jacobian.program, rows, fastmath=fastmath, accelerated=accelerated)
    else:
        compute = _computing(traced, jacobian, arrays, executor, options)

    def run(*operands: Any) -> Any:
        given, captured = operands[: len(types.call.types)], operands[len(types.call.types) :]
        computed = compute(*given, *(captured[k] for k in types.read))
        return finished(types, [spread(block, x) for block, x in zip(arrays, computed, strict=True)])

    return run


def _computing(
    traced: JaxTraced,
    jacobian: JacobianProgram,
    arrays: Sequence[Block],
    executor: str,
    options: Mapping[str, bool],
) -> FlatFunction:
    operands = placed(specs([*traced.call.types, *traced.read_types]))
    own_rules = has_own_rules(traced.closed.jaxpr, values=traced.with_values)
    if jacobian.stages:
        compute = staged(jacobian, operands, arrays, functools.partial(_stage, executor, options))
    elif executor == "kernel":
        plain = _plain(traced, jacobian.program, operands, arrays, limits().plain_operations)
        compute = _with_kernel(jacobian.program, operands, arrays, plain, options)
    else:
        compute = _plain(traced, jacobian.program, operands, arrays)
    return differentiated_by(compute, _with_framework(traced, arrays)) if jacobian.stages or own_rules else compute


def _stage(
    executor: str, options: Mapping[str, bool], program: Program, operands: Placed, arrays: Sequence[Block]
) -> FlatFunction:
    """One stage of a program that has several: its derivative is never asked for."""
    plain = _with_operations(program, operands, arrays)
    return _with_kernel(program, operands, arrays, plain, options) if executor == "kernel" else plain


def spread(block: Block, computed: Any) -> Any:
    """A block's array from what the program computed of it."""
    if not block.packed:
        return computed
    padded = jnp.concatenate([computed, jnp.zeros(1, block.spec.dtype)])
    return padded.at[block.spread].get(mode="promise_in_bounds").reshape(block.spec.shape)


def _with_operations(program: Program, operands: Placed, arrays: Sequence[Block]) -> FlatFunction:
    wanted = ops.used_inputs(program)
    fused = program.operations <= ONE_FUSION

    def flat(*given: Any) -> list[Any]:
        scalars: list[Any] = [None] * program.n_inputs
        for (first, _), array in zip(operands, given, strict=True):
            for k, scalar in ops.split(array, wanted, first).items():
                scalars[k] = scalar
        results = ops.run(program, scalars)
        return [ops.assemble(a.computed, results, a.computed_shape, a.spec.dtype, fused=fused) for a in arrays]

    return flat


def _with_framework(traced: JaxTraced, arrays: Sequence[Block]) -> FlatFunction:
    """The same arrays by JAX's own mode."""
    jacobian = jacobian_of(known(traced), traced.call.n_differentiated, len(traced.outputs))
    skipped = len(traced.outputs) + len(traced.auxiliary) - len(traced.values)

    def flat(*operands: Any) -> list[Any]:
        found = jacobian(*operands)[skipped:]
        return [x.reshape(-1)[a.nonzero] if a.packed else x for a, x in zip(arrays, found, strict=True)]

    return flat


def _plain(
    traced: JaxTraced, program: Program, operands: Placed, arrays: Sequence[Block], limit: float = math.inf
) -> FlatFunction:
    """Plain operations, of which XLA is never given too many: beyond ``limit`` the framework's own mode instead, and as
    their derivative, which has several times as many, that mode's derivative.
    """
    if program.operations > limit:
        return _with_framework(traced, arrays)
    plain = _with_operations(program, operands, arrays)
    if program.operations <= limits().differentiated_operations:
        return plain
    return differentiated_by(plain, _with_framework(traced, arrays))


def _with_kernel(
    program: Program, operands: Placed, arrays: Sequence[Block], plain: FlatFunction, options: Mapping[str, Any]
) -> FlatFunction:
    call = kernel.kernel_call(
        program,
        layout(operands, arrays),
        [spec.shape for _, spec in operands],
        [a.computed_shape for a in arrays],
        plain,
        fusible=program.operations <= ONE_FUSION,
        **options,
    )
    return lambda *given: call(*(jnp.asarray(x) for x in given))
