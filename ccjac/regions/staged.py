"""The order of things at run time: what leads up to regions, the regions, and what follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..program.accumulate import JacobianProgram, Stage, accumulate
from ..program.linearization import Linearization
from .region import Region


def with_stages(
    linearization: Linearization,
    jacobian: JacobianProgram,
    order: Callable[[Linearization], Sequence[int]],
) -> JacobianProgram:
    """A function's program with the stages before it.

    Args:
        linearization: The function.
        jacobian: The program that was accumulated for it.
        order: Chooses the elimination order for what leads up to regions.

    Raises:
        UnsupportedError: A stage is too large.
    """
    needed = _inputs_of(jacobian)
    found: list[Stage] = []
    for depth in range(len(linearization.stages), 0, -1):
        here = [r for r in linearization.regions if r.depth == depth]
        if not any(_is_needed(r, needed) for r in here):
            continue
        # The rows of the stage are those of all regions with pushed derivatives, which therefore stay.
        regions = [r for r in here if r.derivative == "pushed" or _is_needed(r, needed)]
        part = linearization.stages[depth - 1]
        values = [k for region in regions for o in region.operands for k in o.ids.ravel().tolist()]
        pushed = [o for r in regions if r.derivative == "pushed" for o in r.operands if o.vertices is not None]
        dtypes = [o.dtype for o in pushed for _ in range(o.ids.size)]
        chosen = order(part) if part.graph.outputs else ()
        program = accumulate(
            replace(part, values=tuple(values)),
            chosen,
            with_values=True,
            dtypes=np.array(dtypes, dtype=object).reshape(-1, 1),
        )
        found.append(Stage(program, tuple(regions)))
        needed |= _inputs_of(program)
    return replace(jacobian, stages=tuple(reversed(found)))


def _inputs_of(jacobian: JacobianProgram) -> set[int]:
    return {node.param for node in jacobian.program.nodes if node.op == "input"}


def _is_needed(region: Region, scalars: set[int]) -> bool:
    return any(not scalars.isdisjoint(range(start, start + spec.size)) for start, spec in region.arrays())
