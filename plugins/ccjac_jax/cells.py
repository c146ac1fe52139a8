"""The values of a sparse Jacobian as one custom call that reads inside its arguments and writes inside its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.ffi
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from ccjac.elements.parts import Part, SparseProgram
from ccjac.elements.schedule import Schedule, scheduled
from ccjac.kernels.layout import Layout, Operand, Result

from . import operations, sharding
from .kernel import kernel_call, obstacle
from .shard_map import axes_of, varied
from .xla.runs import register

Arrays = Sequence[Any]


@dataclass(frozen=True, eq=False)
class CellCall:
    """A sparse Jacobian's values as a function of its arguments.

    Attributes:
        sparse: What is computed.
        shapes: Of the arguments, then of the numbers that were cut out.
    """

    sparse: SparseProgram
    shapes: tuple[tuple[int, ...], ...]

    @cached_property
    def schedule(self) -> Schedule:
        """The tasks of the custom call."""
        return scheduled(self.sparse)

    def data(self, arguments: Arrays) -> list[Any]:
        """The arrays that the schedule's blocks are: arguments, flat, and known numbers."""
        return [jnp.ravel(self._source(k, arguments)) for k in self.schedule.blocks]

    def place(self, block: int) -> int:
        """Which argument a block is."""
        cut = self.sparse.cut
        return len(self.shapes) - len(cut) + cut.index(block) if block in cut else block

    def _source(self, block: int, arguments: Arrays) -> Any:
        data = self.sparse.graph.blocks[block].data
        return arguments[self.place(block)] if data is None else jnp.asarray(data)

    def plain(self, *arguments: Any) -> Any:
        """The values by gathers, kernels over all members and a scatter: on any platform, and differentiable."""
        return self.summed(self.plainly_written(*arguments))

    def plainly_written(self, *arguments: Any) -> Any:
        """The same before the last sum."""
        blocks = self.sparse.graph.blocks
        values = jnp.zeros(self.sparse.written, self.sparse.dtype)
        for part in self.sparse.parts:
            columns = []
            for elements, k in zip(part.leaves, part.blocks, strict=True):
                local = (elements - blocks[k].start).astype(np.int32)
                columns.append(jnp.ravel(self._source(k, arguments)).at[local].get(mode="promise_in_bounds"))
            targets = part.targets.astype(np.int32)
            values = values.at[targets].set(_members(part, columns, self.sparse.dtype), mode="promise_in_bounds")
        return values

    def summed(self, written: Any) -> Any:
        """The values, from all numbers that the parts compute."""
        values = written[: self.sparse.nnz]
        for targets, table in self._sums:
            rest = written.at[jnp.asarray(table)].get(mode="promise_in_bounds").sum(1)
            values = values.at[jnp.asarray(targets)].add(
                rest, mode="promise_in_bounds", indices_are_sorted=True, unique_indices=True
            )
        return values

    @cached_property
    def _sums(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Values ``[n]``, and the numbers to be added to them ``[n, k]``, for every number of these: gathers of equal
        length take a fifth of the time of a scatter that adds one by one.
        """
        added = self.sparse.added
        order = np.argsort(added, kind="stable")
        targets, first, counts = np.unique(added[order], return_index=True, return_counts=True)
        found = []
        for n in np.unique(counts).tolist():
            chosen = counts == n
            table = self.sparse.nnz + order[first[chosen][:, None] + np.arange(n)]
            found.append((targets[chosen].astype(np.int32), table.astype(np.int32)))
        return found

    def values(self, *arguments: Any) -> Any:
        """``[nnz]`` in the order of the patterns."""
        schedule = self.schedule
        if not self.sparse.nnz:
            return jnp.zeros(0, self.sparse.dtype)

        @jax.custom_jvp
        def differentiable(*arguments: Any) -> Any:
            tables = [jnp.asarray(t) for t in (schedule.tasks.view(np.int32), schedule.reads, schedule.writes)]
            operands = [*self.data(arguments), *tables]
            operands = varied(operands, axes_of(operands))
            flags = (False,) * len(schedule.blocks)
            return self.summed(CELLS.bind(*operands, call=self, flags=flags, size=0)[1])

        @differentiable.defjvp
        def derivative(primals: Arrays, tangents: Arrays) -> tuple[Any, Any]:
            return differentiable(*primals), jax.jvp(self.plain, tuple(primals), tuple(tangents))[1]

        return differentiable(*arguments)


def _members(part: Part, columns: Arrays, dtype: str) -> Any:
    """``[members, entries]``: the part's program over all members."""
    kinds = [np.dtype(c.dtype).name for c in columns]
    layout = Layout(tuple(Operand((k,), kind) for k, kind in enumerate(kinds)), (Result(part.places, dtype),))

    def plain(*scalars: Any) -> list[Any]:
        results = operations.run(part.program, list(scalars))
        return [jnp.stack([jnp.asarray(results[p], dtype) for p in part.places])]

    if obstacle(part.program) is not None:
        return jax.vmap(lambda *a: plain(*a)[0])(*columns)
    call = kernel_call(part.program, layout, [()] * len(columns), [(len(part.places),)], plain)
    return jax.vmap(lambda *a: call(*a)[0])(*columns)


CELLS = Primitive("ccjac_cells")
CELLS.multiple_results = True


def _types(*operands: Any, call: CellCall, flags: tuple[bool, ...], size: int) -> list[Any]:
    batch = (size,) if size else ()
    # Inside ``shard_map`` a result varies over the same mesh axes as the operands: its type is made from one of theirs.
    model = operands[0]
    kinds = [(len(call.schedule.tasks), "uint8"), (call.sparse.written, call.sparse.dtype)]
    divided = sharding.of_results(operands, (False,) * len(operands), 0)
    return [
        model.update(shape=(*batch, n), dtype=np.dtype(kind), weak_type=False, sharding=divided) for n, kind in kinds
    ]


def _run(*operands: Any, call: CellCall, flags: tuple[bool, ...], size: int) -> list[Any]:
    return jax.jit(lambda *a: CELLS.bind(*a, call=call, flags=flags, size=size))(*operands)


def _batch(
    operands: Arrays, axes: Sequence[int | None], *, call: CellCall, flags: tuple[bool, ...], size: int
) -> tuple[list[Any], list[int]]:
    """One more leading axis; a batch of batches is one batch.  Tables never have one."""
    n = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    moved = [x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(operands, axes, strict=True)]
    new = tuple(axis is not None for axis in axes[: len(flags)])
    if not size:
        return CELLS.bind(*moved, call=call, flags=new, size=n), [0, 0]
    both = tuple(a or b for a, b in zip(flags, new, strict=True))
    for k, flag in enumerate(both):
        if flag:
            width = moved[k].shape[-1]
            shaped = moved[k].reshape(n if new[k] else 1, size if flags[k] else 1, width)
            moved[k] = jnp.broadcast_to(shaped, (n, size, width)).reshape(n * size, width)
    found = CELLS.bind(*moved, call=call, flags=both, size=n * size)
    return [x.reshape(n, size, -1) for x in found], [0, 0]


CELLS.def_impl(_run)
CELLS.def_abstract_eval(_types)
batching.primitive_batchers[CELLS] = _batch


def _lower_plain(ctx: Any, *operands: Any, call: CellCall, flags: tuple[bool, ...], size: int) -> Any:
    def plain(*flat: Any) -> list[Any]:
        arguments: list[Any] = [None] * len(call.shapes)
        for k, x in zip(call.schedule.blocks, flat, strict=False):
            if call.sparse.graph.blocks[k].data is None:
                arguments[call.place(k)] = x
        return [jnp.zeros(len(call.schedule.tasks), np.uint8), call.plainly_written(*arguments)]

    def batched(*flat: Any) -> list[Any]:
        axes = [0 if flag else None for flag in flags] + [None] * (len(flat) - len(flags))
        return jax.vmap(plain, axes, axis_size=size)(*flat)

    return mlir.lower_fun(batched if size else plain, multiple_results=True)(ctx, *operands)


def _lower_runs(ctx: Any, *operands: Any, call: CellCall, flags: tuple[bool, ...], size: int) -> Any:
    schedule = call.schedule
    sizes = [aval.size for aval in ctx.avals_in]
    kinds = [aval.dtype.name for aval in ctx.avals_in]
    arrays = list(zip(kinds, sizes, strict=True))
    name = register(schedule, arrays, call.sparse.dtype, call.sparse.written, size, flags)
    return jax.ffi.ffi_lowering(name)(ctx, *operands)


mlir.register_lowering(CELLS, _lower_plain)
mlir.register_lowering(CELLS, _lower_runs, platform="cpu")
