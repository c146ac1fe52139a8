"""Batches that are divided over devices: the call of a kernel is divided with them.

Shardings of the batch axes are kept, in the types of results where a mesh has explicit axes, and in the compiled code
by a rule that tells XLA's partitioner that each sample is computed by itself.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.ffi
from jax.interpreters import mlir
from jax.sharding import NamedSharding, PartitionSpec

from .settings import setting


def of_results(operands: Sequence[Any], flags: Sequence[bool], rank: int) -> NamedSharding:
    """How results are divided whose ``rank`` leading axes are those of the types in ``operands`` that ``flags`` names:
    like these along the batch axes, and not along the others.
    """
    batched = [x.sharding for x, flag in zip(operands, flags, strict=True) if flag and not x.sharding.mesh.empty]
    specs = [tuple(s.spec) + (None,) * rank for s in batched]
    axes = [next((spec[k] for spec in specs if spec[k] is not None), None) for k in range(rank)]
    meshes = [x.sharding.mesh for x in operands]
    mesh = next((m for m in meshes if not m.empty), meshes[0])
    return NamedSharding(mesh, PartitionSpec(*axes))


def like(array: Any, aval: Any) -> Any:
    """The array, divided like the type over explicit axes."""
    own = jax.typeof(array).sharding
    return array if own.mesh.empty or own == aval.sharding else jax.sharding.reshard(array, aval.sharding)


def is_divided(ctx: Any) -> bool:
    """Whether what is lowered in this context will be divided over devices by XLA."""
    context = ctx.module_context.axis_context
    if isinstance(context, mlir.ShardingContext):
        return bool(context.num_devices > 1)
    if isinstance(context, mlir.SPMDAxisContext):
        sizes = dict(context.mesh.shape)
        return math.prod(size for axis, size in sizes.items() if axis not in context.manual_axes) > 1
    return False


def by_sample(ctx: Any, name: str, rank: int) -> dict[str, Any]:
    """Attributes of a custom call ``name`` all of whose operands and results have ``rank`` leading batch axes.

    The partitioner divides the leading axes of whatever it is told to divide: an operand without them has to be
    spread over the batch before.
    """
    _announce(name)
    attributes = {"mhlo.frontend_attributes": mlir.ir_attribute({"num_batch_dims": str(rank)})}
    if setting("jax_use_shardy_partitioner"):
        rule = _rule([x.shape for x in ctx.avals_in], [x.shape for x in ctx.avals_out], rank)
        attributes["sdy.sharding_rule"] = mlir.ir.Attribute.parse(rule)
    return attributes


@functools.cache
def _announce(name: str) -> None:
    """Tell XLA, which remembers it for every call."""
    jax.ffi.register_ffi_target_as_batch_partitionable(name)


def _rule(operands: Sequence[tuple[int, ...]], results: Sequence[tuple[int, ...]], rank: int) -> str:
    """Which axes belong together, in the notation of Shardy's ``op_sharding_rule``."""
    names = _factors()
    common = list(itertools.islice(names, rank))
    sizes = dict(zip(common, results[0], strict=False))

    def axes(shape: tuple[int, ...]) -> str:
        own = list(itertools.islice(names, len(shape) - rank))
        sizes.update(zip(own, shape[rank:], strict=True))
        return f"[{', '.join([*common, *own])}]"

    left, right = (", ".join(map(axes, shapes)) for shapes in (operands, results))
    factors = ", ".join(f"{name}={size}" for name, size in sizes.items())
    return f"#sdy.op_sharding_rule<({left})->({right}) {{{factors}}}>"


def _factors() -> Iterator[str]:
    """Shardy's names of axes: the letters from ``i`` on, then ``z_1`` and so on."""
    yield from "ijklmnopqrstuvwxyz"
    yield from (f"z_{k}" for k in itertools.count(1))
