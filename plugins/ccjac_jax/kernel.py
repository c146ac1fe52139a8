"""A scalar program as one custom call in a compiled JAX function, under every transformation."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.ffi
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jax.sharding import NamedSharding, PartitionSpec

from ccjac.kernels import Layout, supports
from ccjac.program import Program

from .shard_map import axes_of, varied
from .xla import register as ffi

Arrays = Sequence[Any]

_FEW_SAMPLES = 2
"""Batches up to this size are computed by scalar code or, if that is quicker, by plain operations."""


@dataclass(frozen=True, eq=False)
class _Kernel:
    """The program, its layout without a batch, and the shapes of one sample's arrays."""

    program: Program
    layout: Layout
    operand_shapes: tuple[tuple[int, ...], ...]
    result_shapes: tuple[tuple[int, ...], ...]
    ops: Callable[..., Arrays]
    fusible: bool
    fastmath: bool


def obstacle(program: Program) -> str | None:
    """Why ``program`` cannot run as a kernel in this process, or ``None`` if it can."""
    if (reason := supports(program)) is not None:
        return reason
    version = ffi.interface()
    return version if isinstance(version, str) else None


def kernel_call(
    program: Program,
    layout: Layout,
    operand_shapes: Sequence[tuple[int, ...]],
    result_shapes: Sequence[tuple[int, ...]],
    ops: Callable[..., Arrays],
    *,
    fusible: bool = False,
    fastmath: bool = False,
) -> Callable[..., list[Any]]:
    """The program as a JAX function of arrays.

    Under ``vmap`` it stays one call for the whole batch; operands without the batch axis are read once and not copied.
    Derivatives of it are those of ``ops``, forward and reverse.  On other platforms than the CPU it is ``ops``.

    Args:
        program: A program for which :func:`obstacle` has no objection.
        layout: Which scalars the arrays of one sample hold; all operands are taken as batched.
        operand_shapes: Shape of every operand; its size is that of the layout's row.
        result_shapes: Shape of every result.
        ops: The same function as plain JAX operations.
        fusible: Compute one or two samples by ``ops``.  XLA makes one fusion of a very short program, or fuses it with
            its surroundings inside a larger function, which costs less than a custom call's fixed price.
        fastmath: See :func:`ccjac.kernels.compile_kernel`.

    Returns:
        A function from the operands to a list of the results.
    """
    # Empty arrays carry no data, and arrays nobody reads need not be passed.
    read = {node.param for node in program.nodes if node.op == "input"}
    used = [k for k, operand in enumerate(layout.operands) if read.intersection(operand.scalars)]
    filled = [k for k, result in enumerate(layout.results) if result.entries]

    def plain(*operands: Any) -> list[Any]:
        whole = [jnp.zeros(s, o.dtype) for s, o in zip(operand_shapes, layout.operands, strict=True)]
        for k, operand in zip(used, operands, strict=True):
            whole[k] = operand
        results = list(ops(*whole))
        return [results[k] for k in filled]

    kernel = _Kernel(
        program,
        Layout(tuple(layout.operands[k] for k in used), tuple(layout.results[k] for k in filled)),
        tuple(operand_shapes[k] for k in used),
        tuple(result_shapes[k] for k in filled),
        plain,
        fusible,
        fastmath,
    )

    @jax.custom_jvp
    def call(*operands: Any) -> list[Any]:
        results = _call(kernel, (False,) * len(used), [operands[k] for k in used], 0) if filled else []
        whole = [jnp.zeros(s, r.dtype) for s, r in zip(result_shapes, layout.results, strict=True)]
        for k, result in zip(filled, results, strict=True):
            whole[k] = result
        return whole

    @call.defjvp
    def derivative(primals: Arrays, tangents: Arrays) -> tuple[list[Any], list[Any]]:
        # The plain operations' own results are not used, and vanish when the function is compiled.
        return call(*primals), list(jax.jvp(lambda *a: list(ops(*a)), tuple(primals), tuple(tangents))[1])

    return call


def _call(kernel: _Kernel, flags: tuple[bool, ...], operands: Arrays, rank: int) -> list[Any]:
    """The call with ``rank`` leading batch axes on its results and on those operands that ``flags`` names."""
    return KERNEL.bind(*varied(operands, axes_of(operands)), kernel=kernel, flags=flags, rank=rank)


KERNEL = Primitive("ccjac_kernel")
"""Which kernel it is, or whether plain operations are the better choice, is decided when a computation is lowered: only
then are all batch axes known, and only what runs gets compiled."""
KERNEL.multiple_results = True


def _sizes(flags: tuple[bool, ...], rank: int, operands: Arrays) -> tuple[Any, ...]:
    return next((tuple(x.shape[:rank]) for x, flag in zip(operands, flags, strict=True) if flag), ())


def _run(*operands: Any, **params: Any) -> list[Any]:
    with jax.disable_jit(False):
        return jax.jit(functools.partial(KERNEL.bind, **params))(*operands)


def _types(*operands: Any, kernel: _Kernel, flags: tuple[bool, ...], rank: int) -> list[Any]:
    sizes = _sizes(flags, rank, operands)
    # Inside ``shard_map`` a result varies over the same mesh axes as the operands: its type is made from one of theirs.
    model = operands[0] if operands else jax.core.ShapedArray((), np.float32)
    spread = NamedSharding(model.sharding.mesh, PartitionSpec())
    return [
        model.update(shape=(*sizes, *shape), dtype=np.dtype(r.dtype), weak_type=False, sharding=spread)
        for shape, r in zip(kernel.result_shapes, kernel.layout.results, strict=True)
    ]


def _batch(
    operands: Arrays, axes: Sequence[int | None], *, kernel: _Kernel, flags: tuple[bool, ...], rank: int
) -> tuple[list[Any], list[int]]:
    """One more leading axis.  Operands that have none of the batch axes are not copied."""
    size = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    moved = [x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(operands, axes, strict=True)]
    sizes = next((x.shape[(a is not None) :][:rank] for x, a, old in zip(moved, axes, flags, strict=True) if old), ())
    after = tuple(old or axis is not None for old, axis in zip(flags, axes, strict=True))
    full: list[Any] = []
    for x, shape, axis, old, now in zip(moved, kernel.operand_shapes, axes, flags, after, strict=True):
        if now and (axis is None or (rank and not old)):
            # An operand has all batch axes or none: one that lacks some is spread out.
            lead = (size if axis is not None else 1, *(sizes if old else (1,) * rank))
            x = jnp.broadcast_to(x.reshape(*lead, *shape), (size, *sizes, *shape))
        full.append(x)
    return _call(kernel, after, full, rank + 1), [0] * len(kernel.result_shapes)


KERNEL.def_impl(_run)
KERNEL.def_abstract_eval(_types)
batching.primitive_batchers[KERNEL] = _batch


def plain_operations(kernel: _Kernel, flags: tuple[bool, ...], rank: int) -> Callable[..., Arrays]:
    """What an equation of :data:`KERNEL` with these parameters computes, as plain JAX operations."""
    run = kernel.ops
    for _ in range(rank):
        run = jax.vmap(run, in_axes=tuple(0 if flag else None for flag in flags))
    return run


def _lower_operations(ctx: Any, *operands: Any, **params: Any) -> Any:
    return mlir.lower_fun(plain_operations(**params), multiple_results=True)(ctx, *operands)


def _lower_kernel(ctx: Any, *operands: Any, kernel: _Kernel, flags: tuple[bool, ...], rank: int) -> Any:
    sizes = _sizes(flags, rank, ctx.avals_in)
    # Sizes of an exported function may be symbols.
    samples = math.prod(sizes) if all(isinstance(size, int) for size in sizes) else math.inf
    single = samples <= _FEW_SAMPLES
    if single and kernel.fusible:
        return _lower_operations(ctx, *operands, kernel=kernel, flags=flags, rank=rank)
    layout = kernel.layout
    # Without batch axes every operand is the row of the one sample.
    rows = tuple(replace(o, batched=flag or not rank) for o, flag in zip(layout.operands, flags, strict=True))
    name = ffi.register(kernel.program, Layout(rows, layout.results), single=single, fastmath=kernel.fastmath)
    return jax.ffi.ffi_lowering(name)(ctx, *operands)


mlir.register_lowering(KERNEL, _lower_operations)
mlir.register_lowering(KERNEL, _lower_kernel, platform="cpu")
