"""Sparse results: the values of a Jacobian's cells, with static indices, as :mod:`jax.experimental.sparse` has them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ccjac.compression import compression
from ccjac.elements.coloured import ColouredProgram
from ccjac.elements.dependence import dependence as pattern_of
from ccjac.elements.factored import FactoredProgram, candidates, factored
from ccjac.elements.graph import ElementGraph
from ccjac.elements.parts import SparseProgram, sparse_program
from ccjac.elements.places import divided_blocks
from ccjac.errors import DenseWarning, UnsupportedError
from ccjac.limits import NEARLY_DENSE
from ccjac.pattern import Pattern
from ccjac.planning.plan import Plan
from ccjac.program.linearization import Linearization
from ccjac.results import nest

from .cells import CellCall
from .compressed import compressed
from .elements import walk
from .factored import FactoredCall
from .formats import formatted
from .framework import Function, differentiated_by, has_both_modes, jacobian_of, known
from .kernel import obstacle
from .own_rules import has_own_rules
from .results import finished
from .tracing import JaxTraced

Divided = SparseProgram | FactoredProgram
"""A function divided into cells."""


def program(traced: JaxTraced, plan: Callable[[Linearization], Plan], nodes: int | None = None) -> Divided:
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
    n = traced.call.n_differentiated
    found = factored(graph, outputs, n, sparse_program(graph, outputs, n, plan, nodes, candidates(graph)))
    if isinstance(found, FactoredProgram):
        FactoredCall(known(traced), found, traced.operand_shapes).check(traced.operand_types)
    for part in found.parts if traced.platform == "cpu" else ():
        if (reason := obstacle(part.program)) is not None:
            raise UnsupportedError(reason)
    return found


def _with_derivative_of(compute: Callable[..., Any], other: Callable[..., Any]) -> Callable[..., Any]:
    """The same numbers, with the derivatives of another function of them."""
    both = differentiated_by(lambda *inputs: [compute(*inputs)], lambda *inputs: [other(*inputs)])
    return lambda *inputs: both(*inputs)[0]


def dependence(traced: JaxTraced) -> Pattern:
    """See :meth:`ccjac.backends.protocol.Backend.dependence`."""
    unknown = tuple(traced.places[k] for k in traced.read)
    n = traced.call.n_differentiated
    graph, results = walk(traced.closed, traced.call.types, n, unknown)
    return pattern_of(graph, results[: len(traced.outputs)], n)


def coloured(traced: JaxTraced, mode: str) -> ColouredProgram:
    """See :meth:`ccjac.backends.protocol.Backend.coloured`."""
    # The patterns are those of `ccjac.sparsity`, whose order values have.
    divided = _divided(traced)
    types = {a.dtype for a in (*traced.call.types[: traced.call.n_differentiated], *traced.outputs)}
    if len(types) != 1 or not jnp.issubdtype(next(iter(types)), np.floating):
        return ColouredProgram(divided, None)
    modes = ("forward", "reverse") if has_both_modes(traced.closed.jaxpr) else (mode,)
    symmetric = traced.call.request.second and len(traced.outputs) == 1
    return ColouredProgram(divided, compression(divided.whole, modes, symmetric=symmetric))


def compiled(traced: JaxTraced, program: Divided | ColouredProgram, executor: str, output: str) -> Callable[..., Any]:
    """See :meth:`ccjac.backends.protocol.Backend.compile_sparse`."""
    found = None if isinstance(program, ColouredProgram) else program
    coloured = program if isinstance(program, ColouredProgram) else None
    types = traced.types()
    n = types.call.n_differentiated
    function = known(traced)
    shapes = types.operand_shapes
    formats = [(o.shape, a.shape) for o in types.outputs for a in types.call.types[:n]]
    if isinstance(found, FactoredProgram) and output in ("dense", "operator"):
        return _factored(types, function, FactoredCall(function, found, shapes), formats, output)
    if isinstance(found, FactoredProgram):
        blocks = [pattern for row in found.patterns for pattern in row]
        compute = FactoredCall(function, found, shapes).values
        whole = found.in_whole
    elif found is not None:
        blocks = [pattern for row in found.patterns for pattern in row]
        compute = CellCall(found, shapes).values
        whole = found.in_whole
    else:
        assert coloured is not None
        divided = coloured.divided
        blocks = [pattern for row in divided.patterns for pattern in row]
        whole = divided.in_whole if blocks else None
        if coloured.compression is not None:
            compute = _in_blocks(compressed(function, coloured.compression, types.call.types[:n], types.outputs), whole)
        else:
            own = jacobian_of(function, n, len(types.outputs), executor)
            compute = _picked(own, blocks, len(types.outputs) + len(types.auxiliary))
    if found is not None and has_own_rules(traced.closed.jaxpr, values=False):
        own = jacobian_of(function, n, len(types.outputs))
        compute = _with_derivative_of(compute, _picked(own, blocks, len(types.outputs) + len(types.auxiliary)))
    size = sum(b.shape[0] * b.shape[1] for b in blocks)
    formats_save = output not in ("values", "dense")
    if size and formats_save and sum(b.nnz for b in blocks) > NEARLY_DENSE * size:
        share = 100 * sum(b.nnz for b in blocks) / size
        warnings.warn(
            f"`output={output!r}`: {share:.0f} % of the Jacobian are entries; a dense one is no larger.",
            DenseWarning,
            stacklevel=2,
        )

    def run(*operands: Any) -> Any:
        given, captured = operands[: len(types.call.types)], operands[len(types.call.types) :]
        inputs = [*given, *(captured[k] for k in types.read)]
        values = compute(*inputs)
        if output == "values":
            return values if whole is None else values.at[jnp.asarray(whole)].get(mode="promise_in_bounds")
        parts, start = [], 0
        for pattern, (out, argument) in zip(blocks, formats, strict=True):
            part = values[start : start + pattern.nnz]
            parts.append(formatted(output, part, pattern, out, argument))
            start += pattern.nnz
        computed = function(*inputs) if types.with_values else []
        if output == "dense":
            return finished(types, [*computed, *parts])
        return nest(types.containers, types.call.request, computed, parts)

    return run


def _in_blocks(compute: Callable[..., Any], whole: np.ndarray | None) -> Callable[..., Any]:
    """Values in the order of the blocks, from those in the order of the whole matrix."""
    if whole is None:
        return compute
    order = np.empty(whole.size, np.int32)
    order[whole] = np.arange(whole.size)
    return lambda *operands: compute(*operands).at[order].get(mode="promise_in_bounds")


def _picked(own: Callable[..., Any], blocks: Sequence[Pattern], skipped: int) -> Callable[..., Any]:
    """Values picked out of dense blocks, which follow ``skipped`` other results."""

    def compute(*operands: Any) -> Any:
        dense = own(*operands)[skipped:]
        found = [
            b.reshape(p.shape).at[jnp.asarray(p.rows), jnp.asarray(p.cols)].get(mode="promise_in_bounds")
            for b, p in zip(dense, blocks, strict=True)
        ]
        return jnp.concatenate(found) if found else jnp.zeros(0)

    return compute


def _factored(
    types: JaxTraced, function: Function, call: FactoredCall, formats: Any, output: str
) -> Callable[..., Any]:
    """Blocks that are dense, or sums of a sparse matrix and one of low rank."""

    def run(*operands: Any) -> Any:
        given, captured = operands[: len(types.call.types)], operands[len(types.call.types) :]
        inputs = [*given, *(captured[k] for k in types.read)]
        blocks = call.operators(*inputs)
        computed = function(*inputs) if types.with_values else []
        if output == "operator":
            return nest(types.containers, types.call.request, computed, blocks)
        dense = [block.todense().reshape(*out, *a) for block, (out, a) in zip(blocks, formats, strict=True)]
        return finished(types, [*computed, *dense])

    return run


def _divided(traced: JaxTraced) -> SparseProgram:
    """The dependence pattern of a function without cells, block by block; full where even that is unknown."""
    heights = [o.size for o in traced.outputs]
    widths = [a.size for a in traced.call.types[: traced.call.n_differentiated]]
    try:
        whole = dependence(traced)
    except UnsupportedError:
        whole = Pattern.full((sum(heights), sum(widths)))
    return SparseProgram(ElementGraph(), (), divided_blocks(whole, heights, widths), "")
