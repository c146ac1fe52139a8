"""A scalar program as one custom call in a compiled JAX function, under every transformation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.ffi
import jax.numpy as jnp

from ccjac.scalar import Program
from ccjac.scalar.kernel import Layout, supports

from . import ffi
from .varying import axes_of, varied

Arrays = Sequence[Any]

_FEW_SAMPLES = 2
"""Batches up to this size are computed by scalar code."""

_INLINE_FLOPS = 800
"""XLA runs a computation of fewer than 1,000 floating-point operations in the caller's thread, and hands a longer one
to another thread, which takes as long as the rest of a call.  A custom call does not count."""

_TINY_FLOPS, _TINY_SAMPLES = 90, 1024
"""Up to as many floating-point operations a sample, a batch of this size saves more than it costs by plain operations:
the fixed 2 µs of a custom call inside a compiled function.  Functions with Jacobians of 2 x 2 or 2 x 3 are so short."""


@dataclass(frozen=True, eq=False)
class _Kernel:
    """The program, its layout without a batch, and the shapes of one sample's arrays."""

    program: Program
    layout: Layout
    operand_shapes: tuple[tuple[int, ...], ...]
    result_shapes: tuple[tuple[int, ...], ...]
    ops: Callable[..., Arrays]
    fusible: int | None
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
    fusible: int | None = None,
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
        fusible: Floating-point operations of ``ops`` for one sample about as XLA counts them, if small batches may be
            computed by ``ops``: inside a larger function XLA fuses a very short program with its surroundings, which
            costs less than a custom call's fixed price.  ``None``: never.
        fastmath: See :func:`ccjac.scalar.kernel.compile_kernel`.

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
    cpu_only = jax.default_backend() == "cpu"

    @jax.custom_jvp
    def call(*operands: Any) -> list[Any]:
        if cpu_only:
            return fused(*operands)
        return list(jax.lax.platform_dependent(*operands, cpu=fused, default=lambda *a: list(ops(*a))))

    def fused(*operands: Any) -> list[Any]:
        results = _batched(kernel, (), 0)(*(operands[k] for k in used)) if filled else []
        whole = [jnp.zeros(s, r.dtype) for s, r in zip(result_shapes, layout.results, strict=True)]
        for k, result in zip(filled, results, strict=True):
            whole[k] = result
        return whole

    @call.defjvp
    def derivative(primals: Arrays, tangents: Arrays) -> tuple[list[Any], list[Any]]:
        # The plain operations' own results are not used, and vanish when the function is compiled.
        return call(*primals), list(jax.jvp(lambda *a: list(ops(*a)), tuple(primals), tuple(tangents))[1])

    return call


def _batched(kernel: _Kernel, flags: tuple[bool, ...], rank: int) -> Callable[..., list[Any]]:
    """The call with ``rank`` leading batch axes on its results and on those operands that ``flags`` names."""
    flags = flags or (True,) * len(kernel.operand_shapes)

    @jax.custom_batching.custom_vmap
    def call(*operands: Any) -> list[Any]:
        return _invoke(kernel, flags, rank, operands)

    @call.def_vmap
    def rule(axis_size: int, in_batched: list[bool], *operands: Any) -> tuple[list[Any], list[bool]]:
        # At rank 0 every operand still stands for "one row": only what this axis batches becomes batched.
        before = flags if rank else (False,) * len(flags)
        after = tuple(a or b for a, b in zip(before, in_batched, strict=True))
        sizes = next((x.shape[b : b + rank] for x, b, old in zip(operands, in_batched, before, strict=True) if old), ())
        full: list[Any] = []
        for x, shape, new, old, now in zip(operands, kernel.operand_shapes, in_batched, before, after, strict=True):
            if now and not (new and (old or not rank)):
                # An operand has all batch axes or none: one that lacks some is spread out.
                lead = (axis_size if new else 1, *(sizes if old else (1,) * rank))
                x = jnp.broadcast_to(x.reshape(*lead, *shape), (axis_size, *sizes, *shape))
            full.append(x)
        return _batched(kernel, after, rank + 1)(*full), [True] * len(kernel.result_shapes)

    return call


def _fuses(flops: int, samples: float) -> bool:
    """Whether plain operations are the better choice for a short program."""
    if samples <= _FEW_SAMPLES:
        return samples * flops <= _INLINE_FLOPS
    return flops <= _TINY_FLOPS and samples <= _TINY_SAMPLES


def _invoke(kernel: _Kernel, flags: tuple[bool, ...], rank: int, operands: Arrays) -> list[Any]:
    layout = kernel.layout
    rows = tuple(replace(o, batched=flag) for o, flag in zip(layout.operands, flags, strict=True))
    sizes = next((x.shape[:rank] for x, flag in zip(operands, flags, strict=True) if flag), ())
    # Sizes of an exported function may be symbols.
    samples = math.prod(sizes) if all(isinstance(size, int) for size in sizes) else math.inf
    single = samples <= _FEW_SAMPLES
    if kernel.fusible is not None and _fuses(kernel.fusible, samples):
        run = kernel.ops
        for _ in range(rank):
            run = jax.vmap(run, in_axes=tuple(0 if flag else None for flag in flags))
        return list(run(*operands))
    name = ffi.register(kernel.program, Layout(rows, layout.results), single=single, fastmath=kernel.fastmath)
    results = [
        jax.ShapeDtypeStruct((*sizes, *shape), r.dtype)
        for shape, r in zip(kernel.result_shapes, layout.results, strict=True)
    ]
    # Batching goes through the rule above, so none is asked of the call itself.
    computed = jax.ffi.ffi_call(name, results, vmap_method=None)(*operands)
    # Inside ``shard_map`` a result varies over every mesh axis over which an operand does; its type must say so.
    return varied(computed, axes_of(operands))
