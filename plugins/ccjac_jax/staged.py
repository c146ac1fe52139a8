"""A program whose inputs come in part from regions: its stages one after the other, and the regions between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ccjac.program import Program
from ccjac.program.accumulate import JacobianProgram, Stage
from ccjac.regions.region import Region
from ccjac.results import Block, pushed_block, value_blocks
from ccjac.spec import Spec

FlatFunction = Callable[..., list[Any]]
Placed = Sequence[tuple[int, Spec]]
Compile = Callable[[Program, Placed, Sequence[Block]], FlatFunction]
"""From a program, its operands with the first scalar of each, and the arrays that it computes, to what runs it."""


def staged(jacobian: JacobianProgram, operands: Placed, arrays: Sequence[Block], compiled: Compile) -> FlatFunction:
    """The program of a function with regions.

    Args:
        jacobian: The program.
        operands: The arrays of the call, each with the first of its scalars.
        arrays: What the program computes.
        compiled: Makes a function of a program.
    """
    known = list(operands)
    steps: list[Callable[[list[Any]], list[Any]]] = []
    for stage in jacobian.stages:
        steps.append(_stage(stage, tuple(known), compiled))
        known += [placed for region in stage.regions for placed in region.arrays()]
    last = compiled(jacobian.program, known, arrays)

    def flat(*given: Any) -> list[Any]:
        arrays = [jnp.asarray(x) for x in given]
        for step in steps:
            arrays += step(arrays)
        return last(*arrays)

    return flat


def _stage(stage: Stage, known: Placed, compiled: Compile) -> Callable[[list[Any]], list[Any]]:
    """From all arrays so far to those that a stage's regions give."""
    program = stage.program
    wanted = value_blocks([o.spec for region in stage.regions for o in region.operands])
    row = 0
    for region in stage.regions:
        if region.derivative == "pushed":
            for k in region.active:
                wanted.append(pushed_block(program, row, region.operands[k].spec, region.inputs))
                row += region.operands[k].spec.size
    plain = [_as_given(program.program, block, known) for block in wanted]
    computed = [block for block, found in zip(wanted, plain, strict=True) if found is None]
    compute = compiled(program.program, known, computed) if computed else lambda *arrays: []

    def run(arrays: list[Any]) -> list[Any]:
        made = iter(compute(*arrays))
        whole = [next(made) if found is None else found(arrays) for found in plain]
        values = iter(whole[: sum(len(region.operands) for region in stage.regions)])
        tangents = iter(whole[sum(len(region.operands) for region in stage.regions) :])
        found: list[Any] = []
        for region in stage.regions:
            found += _region(region, [next(values) for _ in region.operands], tangents)
        return found

    return run


def _region(region: Region, operands: list[Any], tangents: Any) -> list[Any]:
    """The arrays of :meth:`Region.arrays`."""
    operation: Any = region.operation
    partials: dict[tuple[int, int | None], Any]
    if region.derivative == "none":
        return [jnp.asarray(x) for x in operation(*operands)]
    if region.derivative == "pushed":
        results, moved = operation.pushed(operands, region, [next(tangents) for _ in region.active])
        partials = {(k, None): x for k, x in moved.items()}
    else:
        results, partials = operation.partials(operands, region)
    found = list(results)
    for k, result in enumerate(region.results):
        found += [partials[k, j] for j in result.blocks]
        if result.pushed is not None:
            found.append(partials[k, None])
    return found


def _as_given(program: Program, block: Block, known: Placed) -> Callable[[list[Any]], Any] | None:
    """An array that need not be computed: one that is there, in another shape, or a constant."""
    spec = block.spec
    if block.places.size != spec.size:
        return None
    nodes = [program.nodes[program.results[k]] for k in block.places.tolist()]
    if all(node.op == "const" for node in nodes):
        constant = np.array([node.param for node in nodes], dtype=jnp.dtype(spec.dtype)).reshape(spec.shape)
        return lambda arrays: jnp.asarray(constant)
    if not all(node.op == "input" for node in nodes):
        return None
    scalars = [node.param for node in nodes]
    for k, (start, other) in enumerate(known):
        if other.size == spec.size and other.dtype == spec.dtype and scalars == list(range(start, start + spec.size)):
            return lambda arrays: arrays[k].reshape(spec.shape)
    return None
