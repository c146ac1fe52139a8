"""Sparse results: the values of a Jacobian's cells, with static indices, as :mod:`jax.experimental.sparse` has them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse as jsparse

from ccjac.elements.dependence import dependence as pattern_of
from ccjac.elements.graph import ElementGraph
from ccjac.elements.parts import SparseProgram, sparse_program
from ccjac.errors import DenseWarning, UnsupportedError
from ccjac.limits import NEARLY_DENSE
from ccjac.pattern import Pattern
from ccjac.planning.plan import Plan
from ccjac.program.linearization import Linearization
from ccjac.results import nest

from .cells import CellCall
from .compressed import compressed
from .elements import walk
from .framework import jacobian_of, known
from .kernel import obstacle
from .operator import JacobianOperator
from .results import finished
from .tracing import JaxTraced


def program(traced: JaxTraced, plan: Callable[[Linearization], Plan], nodes: int | None = None) -> SparseProgram:
    """See :meth:`ccjac.backends.protocol.Backend.cells`."""
    for aval in (*traced.call.types, *traced.outputs):
        if not jnp.issubdtype(aval.dtype, np.number) or jnp.issubdtype(aval.dtype, np.complexfloating):
            raise UnsupportedError(f"it has arguments or results of type {aval.dtype}")
    if any(not jnp.issubdtype(a.dtype, np.floating) for a in traced.outputs):
        raise UnsupportedError("it has results that are not floating-point numbers")
    unknown = tuple(traced.places[k] for k in traced.read)
    graph, results = walk(traced.closed, traced.call.types, traced.call.n_differentiated, unknown)
    outputs = results[: len(traced.outputs)]
    if not outputs:
        raise UnsupportedError("it has no results")
    found = sparse_program(graph, outputs, traced.call.n_differentiated, plan, nodes)
    for part in found.parts if traced.platform == "cpu" else ():
        if (reason := obstacle(part.program)) is not None:
            raise UnsupportedError(reason)
    return found


def dependence(traced: JaxTraced) -> Pattern:
    """See :meth:`ccjac.backends.protocol.Backend.dependence`."""
    unknown = tuple(traced.places[k] for k in traced.read)
    n = traced.call.n_differentiated
    graph, results = walk(traced.closed, traced.call.types, n, unknown)
    return pattern_of(graph, results[: len(traced.outputs)], n)


def compiled(traced: JaxTraced, found: SparseProgram | None, executor: str, output: str) -> Callable[..., Any]:
    """See :meth:`ccjac.backends.protocol.Backend.compile_sparse`."""
    types = traced.types()
    n = types.call.n_differentiated
    function = known(traced)
    shapes = tuple(a.shape for a in (*types.call.types, *types.read_types))
    if found is not None:
        blocks = [pattern for row in found.patterns for pattern in row]
        compute = CellCall(found, shapes).values
        whole = found.in_whole
    else:
        # The patterns are those of `ccjac.sparsity`, whose order values have.
        divided = _divided(traced)
        blocks = [pattern for row in divided.patterns for pattern in row]
        own = jacobian_of(function, n, len(types.outputs), executor)
        skipped = len(types.outputs) + len(types.auxiliary)

        def by_dense(*operands: Any) -> Any:
            dense = own(*operands)[skipped:]
            found = [
                b.reshape(p.shape).at[jnp.asarray(p.rows), jnp.asarray(p.cols)].get(mode="promise_in_bounds")
                for b, p in zip(dense, blocks, strict=True)
            ]
            return jnp.concatenate(found) if found else jnp.zeros(0)

        arguments = types.call.types[:n]
        compute = compressed(function, divided, arguments, types.outputs, executor) or by_dense
        whole = divided.in_whole if blocks else None
    size = sum(b.shape[0] * b.shape[1] for b in blocks)
    formats_save = output not in ("values", "dense")
    if size and formats_save and sum(b.nnz for b in blocks) > NEARLY_DENSE * size:
        share = 100 * sum(b.nnz for b in blocks) / size
        warnings.warn(
            f"`output={output!r}`: {share:.0f} % of the Jacobian are entries; a dense one is no larger.",
            DenseWarning,
            stacklevel=2,
        )
    formats = [(o.shape, a.shape) for o in types.outputs for a in types.call.types[:n]]

    def run(*operands: Any) -> Any:
        given, captured = operands[: len(types.call.types)], operands[len(types.call.types) :]
        inputs = [*given, *(captured[k] for k in types.read)]
        values = compute(*inputs)
        if output == "values":
            return values if whole is None else values.at[jnp.asarray(whole)].get(mode="promise_in_bounds")
        parts, start = [], 0
        for pattern, (out, argument) in zip(blocks, formats, strict=True):
            part = values[start : start + pattern.nnz]
            parts.append(_formatted(output, part, pattern, out, argument))
            start += pattern.nnz
        computed = function(*inputs) if types.with_values else []
        if output == "dense":
            return finished(types, [*computed, *parts])
        return nest(types.containers, types.call.request, computed, parts)

    return run


def _dense(values: Any, pattern: Pattern) -> Any:
    """``[rows, columns]``, by one scatter."""
    rows, columns = pattern.shape
    size = rows * columns
    if pattern.nnz == size:
        return values
    if size >= 2**31:
        where: Any = (jnp.asarray(pattern.rows), jnp.asarray(pattern.cols))
        zeros = jnp.zeros((rows, columns), values.dtype)
    else:
        where = jnp.asarray(pattern.rows * columns + pattern.cols)
        zeros = jnp.zeros(size, values.dtype)
    return zeros.at[where].set(values, mode="promise_in_bounds", indices_are_sorted=True, unique_indices=True)


def _formatted(output: str, values: Any, pattern: Pattern, out: Sequence[int], argument: Sequence[int]) -> Any:
    if output == "dense":
        return _dense(values, pattern).reshape(*out, *argument)
    if output == "bcoo":
        places: list[np.ndarray] = []
        if out:
            places += np.unravel_index(pattern.rows, out)
        if argument:
            places += np.unravel_index(pattern.cols, argument)
        indices = np.stack(places, 1) if places else np.zeros((pattern.nnz, 0), np.int64)
        return jsparse.BCOO(
            (values, jnp.asarray(indices.astype(np.int32))),
            shape=(*out, *argument),
            indices_sorted=True,
            unique_indices=True,
        )
    matrix = jsparse.BCSR(
        (values, jnp.asarray(pattern.cols), jnp.asarray(pattern.indptr)),
        shape=pattern.shape,
        indices_sorted=True,
        unique_indices=True,
    )
    return matrix if output == "bcsr" else JacobianOperator(matrix)


def _divided(traced: JaxTraced) -> SparseProgram:
    """The dependence pattern of a function without cells, block by block; full where even that is unknown."""
    heights = [o.size for o in traced.outputs]
    widths = [a.size for a in traced.call.types[: traced.call.n_differentiated]]
    try:
        whole = dependence(traced)
    except UnsupportedError:
        whole = Pattern.full((sum(heights), sum(widths)))
    lefts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    rows: list[tuple[Pattern, ...]] = []
    top = 0
    for height in heights:
        first, last = whole.indptr[top], whole.indptr[top + height]
        row, column = whole.rows[first:last] - top, whole.cols[first:last]
        line: list[Pattern] = []
        for left, width in zip(lefts, widths, strict=False):
            here = (column >= left) & (column < left + width)
            line.append(Pattern.from_coordinates(row[here], column[here] - left, (height, width)))
        rows.append(tuple(line))
        top += height
    return SparseProgram(ElementGraph(), (), tuple(rows), "")
