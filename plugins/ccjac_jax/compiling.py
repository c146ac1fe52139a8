"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ccjac.limits import ONE_FUSION, SPARSE_FROM
from ccjac.program import Program
from ccjac.program.accumulate import JacobianProgram
from ccjac.results import Block, blocks, layout
from ccjac.settings import limits

from . import kernel
from . import operations as ops
from .framework import FlatFunction, differentiated_by, jacobian_of, known
from .fused import fused
from .results import finished
from .tracing import JaxTraced, specs

Run = Callable[..., Any]
"""From the call's operands to the user's containers."""


def compiled(
    traced: JaxTraced, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False, accelerated: bool = False
) -> Run:
    """The program as a function of ``(*call.operands, *traced.captured)``, by a selected executor."""
    program = jacobian.program
    types = traced.types()
    arguments = specs(types.call.types[: types.call.n_differentiated])
    arrays = blocks(jacobian, specs(types.outputs), arguments, specs(types.values), packed_from=SPARSE_FROM[executor])
    if traced.fused:
        rows = layout(specs([*types.call.types, *types.read_types]), arrays)
        compute = fused(traced, program, rows, fastmath=fastmath, accelerated=accelerated)
    elif executor == "kernel":
        fusible = program.operations <= ONE_FUSION
        options = {"fusible": fusible, "fastmath": fastmath, "accelerated": accelerated}
        compute = _with_kernel(traced, program, arrays, options)
    else:
        compute = _plain(traced, program, arrays)

    def run(*operands: Any) -> Any:
        given, captured = operands[: len(types.call.types)], operands[len(types.call.types) :]
        computed = compute(*given, *(captured[k] for k in types.read))
        return finished(types, [spread(block, x) for block, x in zip(arrays, computed, strict=True)])

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
    jacobian = jacobian_of(known(traced), traced.call.n_differentiated, len(traced.outputs))
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
    if program.operations <= limits().differentiated_operations:
        return plain
    return differentiated_by(plain, _with_framework(traced, arrays))


def _with_kernel(
    traced: JaxTraced, program: Program, arrays: Sequence[Block], options: Mapping[str, Any]
) -> FlatFunction:
    operands = specs([*traced.call.types, *traced.read_types])
    call = kernel.kernel_call(
        program,
        layout(operands, arrays),
        [spec.shape for spec in operands],
        [a.computed_shape for a in arrays],
        _plain(traced, program, arrays, limits().plain_operations),
        **options,
    )
    return lambda *operands: call(*(jnp.asarray(x) for x in operands))
