"""Run an elimination order on the local partials: the step from a linearized function to the Jacobian's program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UnsupportedError
from ..regions.region import Region
from ..settings import limits
from . import Builder, Program
from .linearization import Linearization

STRUCTURAL_ZERO = -1


@dataclass(frozen=True, eq=False)
class JacobianProgram:
    """The finished straight-line program.

    Its results are the function's values followed by the Jacobian's distinct nonzero entries.

    Attributes:
        program: What to compute.
        n_values: How many of the results are values.
        shape: Rows (output scalars) and columns (differentiated input scalars) of the Jacobian.
        rows, columns: ``[k]`` where the entries stand that are not always zero, in row-major order.
        places: ``[k]`` their positions among the results; entries that are always equal share one.
        stages: What runs before it, in this order, if regions give some of its inputs.
    """

    program: Program
    n_values: int
    shape: tuple[int, int]
    rows: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    stages: tuple[Stage, ...] = ()

    @property
    def regions(self) -> tuple[Region, ...]:
        """What runs between the stages."""
        return tuple(region for stage in self.stages for region in stage.regions)

    def dense(self) -> np.ndarray:
        """``[outputs, inputs]`` position of every entry among the results, or ``STRUCTURAL_ZERO``."""
        table = np.full(self.shape, STRUCTURAL_ZERO, dtype=np.int64)
        table[self.rows, self.columns] = self.places
        return table


@dataclass(frozen=True, eq=False)
class Stage:
    """What is computed before a program can go on.

    Attributes:
        program: Its values are the entries of the regions' operands, its rows those of the active operands of regions
            that derivatives are pushed through, all in turn.
        regions: What runs then; they do not depend on each other.
    """

    program: JacobianProgram
    regions: tuple[Region, ...]


def accumulate(
    linearization: Linearization,
    order: Sequence[int],
    *,
    with_values: bool,
    dtypes: np.ndarray,
    limit: int | None = None,
) -> JacobianProgram:
    """Eliminate ``order`` and finish the program.  The linearization stays as it is.

    Args:
        linearization: The traced function.
        order: A checked order of its graph.
        with_values: Whether the function's values are wanted beside the Jacobian.
        dtypes: ``[outputs, inputs]`` names of the entries' types, broadcastable.
        limit: Operations that the program may have, ``ccjac.config.program_operations`` by default.

    Raises:
        UnsupportedError: The program exceeds ``limit``.
    """
    limit = limits().program_operations if limit is None else limit
    builder, graph = linearization.builder.copy(), linearization.graph
    into: list[dict[int, int]] = [{} for _ in range(graph.size)]
    out_of: list[dict[int, int]] = [{} for _ in range(graph.size)]
    for (a, b), partial in linearization.partials.items():
        into[b][a] = out_of[a][b] = partial
    for v in order:
        _check_size(len(builder), 4 * limit)
        preds, succs = into[v], out_of[v]
        into[v], out_of[v] = {}, {}
        for s in succs:
            del into[s][v]
        for p, left in preds.items():
            row = out_of[p]
            del row[v]
            for s, right in succs.items():
                value = product(builder, left, right)
                if s in row:
                    value = total(builder, row[s], value)
                row[s] = into[s][p] = value
    shape = (len(graph.outputs), graph.n_inputs)
    kinds = np.broadcast_to(dtypes, shape)
    results: list[int] = list(linearization.values) if with_values else []
    n_values = len(results)
    position: dict[int, int] = {}
    found: list[tuple[int, int, int]] = []
    for i, output in enumerate(graph.outputs):
        for j, partial in into[output].items():
            if j >= graph.n_inputs:
                # Only dead vertices may be left out.
                if j in graph.live:
                    raise AssertionError(f"vertex {j} is still in place before output {output}")
                continue
            value = converted(builder, partial, str(kinds[i, j]))
            if builder.constant_value(value) == 0:
                continue
            if value not in position:
                position[value] = len(results)
                results.append(value)
            found.append((i, j, position[value]))
    program = builder.finish(results, linearization.n_scalars)
    _check_size(program.operations, limit)
    rows, columns, places = np.array(sorted(found), dtype=np.int64).reshape(-1, 3).T
    return JacobianProgram(program, n_values, shape, rows, columns, places)


def _check_size(operations: int, limit: int) -> None:
    if operations > limit:
        raise UnsupportedError(f"its straight-line program has more than {limit:,} operations")


def product(builder: Builder, left: int, right: int) -> int:
    """The product of two partials.

    A partial that a ``select_n`` switches off stays switched off outside the product: ``select(p, 0, a) * b`` is
    built as ``select(p, 0, a * b)``.  An infinite or undefined ``b`` in the branch not taken then does no harm, as in
    that one of the framework's two modes that is not poisoned by it, and a multiplication by a mask costs none.
    """
    left, right = _promoted(builder, left, right)
    for mask, other in ((left, right), (right, left)):
        node = builder.nodes[mask]
        if node.op == "select_n" and len(node.args) == 3:
            which, *cases = node.args
            if 0 in (numbers := [builder.constant_value(case) for case in cases]):
                inner = [
                    case if number == 0 else product(builder, case, other)
                    for case, number in zip(cases, numbers, strict=True)
                ]
                return builder.emit("select_n", (which, *inner), node.dtype)
    return builder.emit("mul", (left, right), builder.nodes[left].dtype)


def total(builder: Builder, left: int, right: int) -> int:
    """The sum of two partials, in the wider of their types."""
    left, right = _promoted(builder, left, right)
    return builder.emit("add", (left, right), builder.nodes[left].dtype)


def converted(builder: Builder, value: int, dtype: str) -> int:
    """``value`` in type ``dtype``."""
    return builder.emit("convert_element_type", (value,), dtype)


_WIDTH = {"float16": 1, "bfloat16": 1, "float32": 2, "float64": 3}


def _promoted(builder: Builder, left: int, right: int) -> tuple[int, int]:
    a, b = builder.nodes[left].dtype, builder.nodes[right].dtype
    if a == b:
        return left, right
    wide = "float32" if _WIDTH[a] == _WIDTH[b] else max(a, b, key=_WIDTH.__getitem__)
    return converted(builder, left, wide), converted(builder, right, wide)
