"""A scalar program as one custom call in a compiled JAX function, under every transformation."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.ffi
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Forms, Spec, Symbolic, Value, is_floating, lift
from ccjac.kernels import Layout, supports
from ccjac.kernels.call import batched, reduced
from ccjac.kernels.constants import lifted
from ccjac.kernels.gpu import kernel as gpu
from ccjac.limits import FEW_SAMPLES
from ccjac.program import Program

from . import sharding
from .computation import KERNEL_NAME, Computation, Expand, computation_of
from .control import CONTROL
from .settings import setting
from .shard_map import axes_of, varied
from .xla import device, loops
from .xla import register as ffi

Arrays = Sequence[Any]


def obstacle(program: Program, platform: str = "cpu", *, tried: bool = True) -> str | None:
    """Why ``program`` cannot run as a kernel in this process on JAX's ``platform``, or ``None`` if it can.

    Unless ``tried``, no accelerator is asked to run one.
    """
    if platform == "cpu":
        if (reason := supports(program)) is not None:
            return reason
        version = ffi.interface()
        return version if isinstance(version, str) else None
    if platform in ("gpu", "cuda"):
        reason = gpu.supports(program)
        return reason if reason is not None else device.obstacle(tried=tried)
    return f"kernels run on the CPU and on CUDA devices, not on {platform}"


def kernel_call(
    program: Program,
    layout: Layout,
    operand_shapes: Sequence[tuple[int, ...]],
    result_shapes: Sequence[tuple[int, ...]],
    ops: Callable[..., Arrays],
    *,
    fusible: bool = False,
    fastmath: bool = False,
    accelerated: bool = False,
    expand: Expand | None = None,
) -> Callable[..., list[Any]]:
    """The program as a JAX function of arrays.

    Under ``vmap`` it stays one call for the whole batch; operands without the batch axis are read once and not copied.
    Its derivatives are kernels as well.  Where there are no kernels it is ``ops``, and they are those of ``ops``.

    Args:
        program: A program for which :func:`obstacle` has no objection.
        layout: Which scalars the arrays of one sample hold; all operands are taken as batched.
        operand_shapes: Shape of every operand; its size is that of the layout's row.
        result_shapes: Shape of every result.
        ops: The same function as plain JAX operations.
        fusible: Compute one or two samples by ``ops``.  XLA makes one fusion of a very short program, or fuses it with
            its surroundings inside a larger function, which costs less than a custom call's fixed price.
        fastmath: See :func:`ccjac.kernels.compile_kernel`.
        accelerated: Be a kernel on CUDA devices as well.
        expand: Take derivatives of ``ops`` and expand them by this, not of the program: for a user's function, whose
            own rules may say otherwise.

    Returns:
        A function from the operands to a list of the results.
    """
    # A rule may name a derivative by an operand that the value does not depend on.
    needed = reduced(program, layout, unread=expand is not None)

    def plain(*operands: Any) -> list[Any]:
        whole = needed.all_operands(operands, lambda k: jnp.zeros(operand_shapes[k], layout.operands[k].dtype))
        return needed.results(list(ops(*whole)))

    computation = Computation(
        [Spec(tuple(operand_shapes[k]), layout.operands[k].dtype) for k in needed.read],
        [Spec(tuple(result_shapes[k]), layout.results[k].dtype) for k in needed.written],
        lambda: (program, needed.layout),
        plain,
        fusible=fusible,
        fastmath=fastmath,
        accelerated=accelerated,
        expand=expand,
    )

    def run(*operands: Any) -> list[Any]:
        results = call(computation, needed.operands(operands)) if needed.written else []
        return needed.all_results(results, lambda k: jnp.zeros(result_shapes[k], layout.results[k].dtype))

    return run


def call(computation: Computation, operands: Arrays) -> list[Any]:
    """A computation of one sample as an operation of JAX."""
    return _call(computation, (False,) * len(operands), operands, 0)


def _call(kernel: Computation, flags: tuple[bool, ...], operands: Arrays, rank: int) -> list[Any]:
    """The call with ``rank`` leading batch axes on its results and on those operands that ``flags`` names."""
    return KERNEL.bind(*varied(operands, axes_of(operands)), kernel=kernel.parameter, flags=flags, rank=rank)


KERNEL = Primitive(KERNEL_NAME)
"""Which kernel it is, or whether plain operations are the better choice, is decided when a computation is lowered: only
then are all batch axes known, and only what runs gets derived and compiled.

Derivatives of a call are calls: forward mode makes one that is linear in the tangents among its operands, and reverse
mode transposes it to one of the program's reverse sweep."""
KERNEL.multiple_results = True


def _sizes(flags: tuple[bool, ...], rank: int, operands: Arrays) -> tuple[Any, ...]:
    return next((tuple(x.shape[:rank]) for x, flag in zip(operands, flags, strict=True) if flag), ())


def _run(*operands: Any, kernel: Any, flags: tuple[bool, ...], rank: int) -> list[Any]:
    jitted = computation_of(kernel).jitted
    key = (flags, rank)
    if key not in jitted:
        jitted[key] = jax.jit(functools.partial(KERNEL.bind, kernel=kernel, flags=flags, rank=rank))
    if not (setting("jax_debug_nans") or setting("jax_debug_infs")):
        with jax.disable_jit(False):
            return jitted[key](*operands)
    # JAX looks for what made a NaN by running a jitted function's operations one by one: this is one of them.
    with jax.disable_jit(False), jax.debug_nans(False), jax.debug_infs(False):
        results = jitted[key](*operands)
    found = _special(results)
    if found:
        plain_operations(kernel, flags, rank)(*operands)
        raise FloatingPointError(f"invalid value ({found}) encountered in a kernel of ccjac")
    return results


def _special(results: Arrays) -> str:
    """What the settings forbid and a result contains: ``"nan"``, ``"inf"``, or nothing."""
    floats = [x for x in results if jnp.issubdtype(x.dtype, jnp.inexact)]
    with jax.debug_nans(False), jax.debug_infs(False):
        nan = any(bool(jnp.isnan(x).any()) for x in floats)
        inf = any(bool(jnp.isinf(x).any()) for x in floats)
    return "nan" if nan and setting("jax_debug_nans") else "inf" if inf and setting("jax_debug_infs") else ""


def _types(*operands: Any, kernel: Any, flags: tuple[bool, ...], rank: int) -> list[Any]:
    sizes = _sizes(flags, rank, operands)
    # Inside ``shard_map`` a result varies over the same mesh axes as the operands: its type is made from one of theirs.
    model = operands[0] if operands else jax.core.ShapedArray((), np.float32)
    divided = sharding.of_results(operands, flags, rank) if operands else model.sharding
    return [
        model.update(shape=(*sizes, *result.shape), dtype=np.dtype(result.dtype), weak_type=False, sharding=divided)
        for result in computation_of(kernel).results
    ]


def _batch(
    operands: Arrays, axes: Sequence[int | None], *, kernel: Any, flags: tuple[bool, ...], rank: int
) -> tuple[list[Any], list[int]]:
    """One more leading axis.  Operands that have none of the batch axes are not copied."""
    computation = computation_of(kernel)
    size = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    moved = [x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(operands, axes, strict=True)]
    sizes = next((x.shape[(a is not None) :][:rank] for x, a, old in zip(moved, axes, flags, strict=True) if old), ())
    after = tuple(old or axis is not None for old, axis in zip(flags, axes, strict=True))
    full: list[Any] = []
    for x, spec, axis, old, now in zip(moved, computation.operands, axes, flags, after, strict=True):
        if now and (axis is None or (rank and not old)):
            # An operand has all batch axes or none: one that lacks some is spread out.
            lead = (size if axis is not None else 1, *(sizes if old else (1,) * rank))
            x = jnp.broadcast_to(x.reshape(*lead, *spec.shape), (size, *sizes, *spec.shape))
        full.append(x)
    return _call(computation, after, full, rank + 1), [0] * len(computation.results)


def _differentiate(
    primals: Arrays, tangents: Arrays, *, kernel: Any, flags: tuple[bool, ...], rank: int
) -> tuple[list[Any], list[Any]]:
    computation = computation_of(kernel)
    results = _call(computation, flags, primals, rank)
    active = tuple(
        k for k, t in enumerate(tangents) if not isinstance(t, ad.Zero) and is_floating(computation.operands[k].dtype)
    )
    changes: list[Any] = [ad.Zero(jax.typeof(x).to_tangent_aval()) for x in results]
    if active and computation.differentiable:
        moving = [tangents[k] for k in active]
        after = (*flags, *(flags[k] for k in active))
        for k, x in zip(
            computation.differentiable,
            _call(computation.tangent(active), after, [*primals, *moving], rank),
            strict=True,
        ):
            changes[k] = x
    return results, changes


def _transpose(cotangents: Arrays, *operands: Any, kernel: Any, flags: tuple[bool, ...], rank: int) -> list[Any]:
    unknown = tuple(k for k, x in enumerate(operands) if ad.is_undefined_primal(x))
    given = tuple(k for k, ct in enumerate(cotangents) if not isinstance(ct, ad.Zero))
    pulled: list[Any] = [ad.Zero(x.aval) if ad.is_undefined_primal(x) else None for x in operands]
    if given:
        derived, known = computation_of(kernel).transposed(unknown, given)
        after = (*(flags[k] for k in known), *(rank > 0 for _ in given))
        found = _call(derived, after, [*(operands[k] for k in known), *(cotangents[k] for k in given)], rank)
        for k, x in zip(unknown, found, strict=True):
            # What one operand contributes to all samples adds up.
            pulled[k] = sharding.like(x if flags[k] else x.sum(tuple(range(rank))), operands[k].aval)
    return pulled


KERNEL.def_impl(_run)
KERNEL.def_abstract_eval(_types)
batching.primitive_batchers[KERNEL] = _batch
ad.primitive_jvps[KERNEL] = _differentiate
ad.primitive_transposes[KERNEL] = _transpose


def plain_operations(kernel: Any, flags: tuple[bool, ...], rank: int) -> Callable[..., Arrays]:
    """What an equation of :data:`KERNEL` with these parameters computes, as plain JAX operations."""
    run = computation_of(kernel).plain
    for _ in range(rank):
        run = jax.vmap(run, in_axes=tuple(0 if flag else None for flag in flags))
    return run


def _lower_operations(ctx: Any, *operands: Any, **params: Any) -> Any:
    return mlir.lower_fun(plain_operations(**params), multiple_results=True)(ctx, *operands)


Register = Callable[..., str]
"""Makes a kernel of a program and a layout known to XLA, and gives the name of its target."""


def _lower_on_cpu(ctx: Any, *operands: Any, kernel: Any, flags: tuple[bool, ...], rank: int) -> Any:
    computation = computation_of(kernel)
    looped, divided = computation.looped, bool(rank) and sharding.is_divided(ctx)
    if computation.obstacle(supports) is not None or (looped is not None and divided):
        return _lower_operations(ctx, *operands, kernel=kernel, flags=flags, rank=rank)
    if looped is not None:
        chain, layout = looped
        sizes = _sizes(flags, rank, ctx.avals_in)
        single = all(isinstance(size, int) for size in sizes) and math.prod(sizes) <= FEW_SAMPLES
        name = loops.register(chain, batched(layout, flags, rank=rank), single=single)
        return jax.ffi.ffi_lowering(name)(ctx, *operands)
    return _lower_kernel(ctx, *operands, kernel=kernel, flags=flags, rank=rank, register=ffi.register)


def _lower_on_cuda(ctx: Any, *operands: Any, kernel: Any, flags: tuple[bool, ...], rank: int) -> Any:
    computation = computation_of(kernel)
    if not computation.accelerated or computation.obstacle(gpu.supports) is not None or device.refused():
        return _lower_operations(ctx, *operands, kernel=kernel, flags=flags, rank=rank)
    return _lower_kernel(ctx, *operands, kernel=kernel, flags=flags, rank=rank, register=device.register)


def _lower_kernel(ctx: Any, *operands: Any, kernel: Any, flags: tuple[bool, ...], rank: int, register: Register) -> Any:
    computation = computation_of(kernel)
    sizes = _sizes(flags, rank, ctx.avals_in)
    # Sizes of an exported function may be symbols.
    samples = math.prod(sizes) if all(isinstance(size, int) for size in sizes) else math.inf
    single = samples <= FEW_SAMPLES
    if single and computation.fusible:
        return _lower_operations(ctx, *operands, kernel=kernel, flags=flags, rank=rank)
    program, layout = computation.built
    needed = _needed(program, layout, flags)
    ctx = ctx.replace(avals_in=[ctx.avals_in[k] for k in needed])
    operands, given = tuple(operands[k] for k in needed), tuple(flags[k] for k in needed)
    if rank and samples < math.inf and sharding.is_divided(ctx):
        register = functools.partial(register, fastmath=computation.fastmath)
        return _lower_divided(
            ctx, *operands, kernel=computation, needed=needed, flags=given, sizes=sizes, register=register
        )
    layout = batched(layout, flags, rank=rank)
    # Numbers are data: XLA cannot take a kernel back, so another number must not need another kernel.
    program, numbers, values = lifted(program, batched=not rank)
    rows = (*(layout.operands[k] for k in needed), *numbers)
    name = register(program, Layout(rows, layout.results), single=single, fastmath=computation.fastmath)
    ctx = ctx.replace(avals_in=[*ctx.avals_in, *(jax.core.ShapedArray(x.shape, x.dtype) for x in values)])
    return jax.ffi.ffi_lowering(name)(ctx, *operands, *map(mlir.ir_constant, values))


def _lower_divided(
    ctx: Any,
    *operands: Any,
    kernel: Computation,
    needed: Sequence[int],
    flags: Sequence[bool],
    sizes: tuple[int, ...],
    register: Register,
) -> Any:
    """One call on every device, for its share of the samples: all operands get the batch axes, and numbers, which
    would have to be spread as well, stay in the code.
    """
    program, layout = kernel.built
    whole = [(*sizes, *kernel.operands[k].shape) for k in needed]
    name = register(program, Layout(tuple(layout.operands[k] for k in needed), layout.results))
    avals = [x.update(shape=shape) for x, shape in zip(ctx.avals_in, whole, strict=True)]

    def spread(*arrays: Any) -> list[Any]:
        return [x if flag else jnp.broadcast_to(x, s) for x, flag, s in zip(arrays, flags, whole, strict=True)]

    spread_out = mlir.lower_fun(spread, multiple_results=True)(ctx.replace(avals_out=avals), *operands)
    ctx = ctx.replace(avals_in=avals)
    attributes = sharding.by_sample(ctx, name, len(sizes))
    return jax.ffi.ffi_lowering(name, extra_attributes=attributes)(ctx, *mlir.flatten_ir_values(spread_out))


def _needed(program: Program, layout: Layout, flags: tuple[bool, ...]) -> list[int]:
    """The operands to pass: those that the program reads, and one that tells the batch's size."""
    read = {node.param for node in program.nodes if node.op == "input"}
    needed = [k for k, operand in enumerate(layout.operands) if read.intersection(operand.scalars)]
    if any(flags) and not any(flags[k] for k in needed):
        needed = sorted([*needed, flags.index(True)])
    return needed


mlir.register_lowering(KERNEL, _lower_operations)
mlir.register_lowering(KERNEL, _lower_on_cpu, platform="cpu")
mlir.register_lowering(KERNEL, _lower_on_cuda, platform="cuda")


def _inline(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    """A program inside of a function: part of the function's program where nothing is differentiated by its operands;
    else by its plain operations, for the Jacobian of a function that computes a Jacobian itself.
    """
    computation = computation_of(eqn.params["kernel"])
    if not any(isinstance(v, Forms) or (isinstance(v, Symbolic) and v.active) for v in operands):
        try:
            program, layout = computation.built
        except UnsupportedError:
            pass
        else:
            return _copied(ex, eqn, program, layout, operands)
    return ex.run(jax.make_jaxpr(plain_operations(**eqn.params))(*(v.aval for v in eqn.invars)), operands)


def _copied(ex: Expander, eqn: Any, program: Program, layout: Layout, operands: list[Value]) -> list[Value]:
    """The program once for every sample."""
    flags, rank = eqn.params["flags"], eqn.params["rank"]
    outs = [v.aval for v in eqn.outvars]
    sizes = tuple(outs[0].shape[:rank]) if outs else ()
    ex.recorder.check_size(program.operations * math.prod(sizes))
    rows = [lift(ex.builder, v).ids for v in operands]
    found: list[np.ndarray] = [np.zeros((*sizes, len(r.entries)), np.int64) for r in layout.results]
    zeros = [ex.builder.const(0.0 if is_floating(r.dtype) else 0, r.dtype) for r in layout.results]
    for sample in np.ndindex(*sizes):
        inputs: dict[int, int] = {}
        for operand, ids, flag in zip(layout.operands, rows, flags, strict=True):
            inputs.update(zip(operand.scalars, (ids[sample] if flag else ids).ravel().tolist(), strict=True))
        values = program.copied(ex.builder, inputs)
        for row, result, zero in zip(found, layout.results, zeros, strict=True):
            row[sample] = [values[e] if e >= 0 else zero for e in result.entries]
    return [ex.values(ids.ravel().tolist(), out.shape, out.dtype.name) for ids, out in zip(found, outs, strict=True)]


CONTROL[KERNEL.name] = _inline
