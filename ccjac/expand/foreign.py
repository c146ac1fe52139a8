"""Operations that no scalar program computes: their results become inputs of it, and so do their partials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import UnsupportedError
from ..limits import BLOCK_ENTRIES
from ..program.linearization import NO_TANGENT, Form
from ..regions.region import Derivative, Operand, Operation, Region, Result
from ..spec import Spec
from .expander import Expander
from .values import Forms, Symbolic, Value, is_floating, lift, zero_forms


def region_of(ex: Expander, operation: Operation, operands: Sequence[Value]) -> Region:
    """A new region, without results as yet.

    Args:
        ex: The expansion.
        operation: What the region computes.
        operands: What it reads: values, with their vertices where their partials matter, or known arrays.

    Raises:
        UnsupportedError: An operand is a tangent.
    """
    recorder = ex.recorder
    given = [as_operand(ex, value) for value in operands]
    depth = 1 + recorder.depth(k for operand in given for k in operand.ids.ravel().tolist())
    region = Region(operation, depth, "none", given)
    recorder.regions.append(region)
    return region


def as_operand(ex: Expander, value: Value) -> Operand:
    """A value as a region reads it."""
    if isinstance(value, Forms):
        raise UnsupportedError("an operation of the framework alone is applied to tangents")
    lifted = lift(ex.builder, value)
    return Operand(lifted.ids, lifted.vertices, lifted.dtype)


def give(
    ex: Expander, region: Region, results: Sequence[Spec], depends: Sequence[Sequence[int]], *, forward: bool = True
) -> list[Symbolic]:
    """Add results to a region; they come back with their vertices.

    Args:
        ex: The expansion.
        region: The region.
        results: Their shapes and types.
        depends: For every result the operands, by number, that it depends on.
        forward: Whether derivatives can be pushed forward through the region.

    Raises:
        UnsupportedError: The function has become too large.
    """
    recorder = ex.recorder
    active = [[k for k in which if region.operands[k].vertices is not None] for which in depends]
    moving = [spec for spec, which in zip(results, active, strict=True) if which and is_floating(spec.dtype)]
    if moving and region.derivative == "none":
        operands = {k for which in active for k in which}
        _choose(ex, region, sorted(operands), moving, forward=forward)
    found = []
    for spec, which in zip(results, active, strict=True):
        result = Result(spec, recorder.reserve(spec.size, region.depth))
        number = len(region.results)
        region.results.append(result)
        ids = _inputs(ex, result.start, spec.shape, spec.dtype)
        if not (which and is_floating(spec.dtype)):
            found.append(Symbolic(ids, None, spec.dtype))
            continue
        forms = _forms(ex, region, number, which)
        values = Symbolic(ids, None, spec.dtype)
        found.append(ex.with_vertices(values, forms, region.operation.label))
    return found


def foreign(
    ex: Expander, operation: Operation, operands: Sequence[Value], results: Sequence[Spec], *, forward: bool = True
) -> list[Symbolic]:
    """One operation as a region of its own, all of whose results depend on all that it reads; see :func:`give`."""
    region = region_of(ex, operation, operands)
    return give(ex, region, results, [range(len(operands))] * len(results), forward=forward)


def _choose(ex: Expander, region: Region, active: Sequence[int], moving: Sequence[Spec], *, forward: bool) -> None:
    """All partials, or derivatives by the function's inputs: what takes fewer sweeps through the region."""
    given = [region.operands[k] for k in active]
    into = sum(int((o.tangent_vertices != NO_TANGENT).sum()) for o in given)
    out = sum(spec.size for spec in moving)
    reached = ex.recorder.reached(v for o in given for v in o.tangent_vertices.ravel().tolist())
    chosen: Derivative = "block"
    if forward and (len(reached) < min(into, out) or into * out > BLOCK_ENTRIES):
        chosen, region.inputs = "pushed", reached
    region.derivative = chosen


def _forms(ex: Expander, region: Region, number: int, which: Sequence[int]) -> np.ndarray:
    """The derivatives of the last result as program values, and which vertices they are by."""
    recorder, result = ex.recorder, region.results[number]
    spec = result.spec
    rows: list[Form] = [{} for _ in range(spec.size)]
    if region.derivative == "pushed":
        n = len(region.inputs)
        result.pushed = recorder.reserve(spec.size * n, region.depth)
        table = _inputs(ex, result.pushed, (spec.size, n), spec.dtype)
        for row, partials in zip(rows, table.tolist(), strict=True):
            row.update(zip(region.inputs, partials, strict=True))
    else:
        for k in which:
            vertices = region.operands[k].tangent_vertices.ravel().tolist()
            result.blocks[k] = recorder.reserve(spec.size * len(vertices), region.depth)
            for r, row in enumerate(rows):
                first = result.blocks[k] + r * len(vertices)
                for position, vertex in enumerate(vertices, first):
                    if vertex == NO_TANGENT:
                        continue
                    partial = ex.builder.input(position, spec.dtype)
                    if vertex in row:
                        partial = ex.builder.emit("add", (row[vertex], partial), spec.dtype)
                    row[vertex] = partial
    forms = zero_forms((spec.size,))
    forms[:] = rows
    return forms.reshape(spec.shape)


def _inputs(ex: Expander, start: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64))
    ids = [ex.builder.input(start + k, dtype) for k in range(size)]
    return np.array(ids, dtype=np.int64).reshape(shape)
