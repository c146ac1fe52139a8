"""Ways to compute and compare Jacobians that the tests share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from ccjac.backends.protocol import Request
from ccjac.elimination import forward_order, reverse_order
from ccjac.graph import Graph
from ccjac.program.accumulate import JacobianProgram, accumulate
from ccjac.program.evaluate import evaluate
from ccjac.results import nest
from ccjac_jax.backend import JaxBackend

Order = Callable[[Graph], Sequence[int]]


def jacobian_programs(
    fun: Callable[..., Any], args: tuple[Any, ...], orders: Sequence[Order]
) -> tuple[Any, list[JacobianProgram]]:
    """One trace, and from it the program of the Jacobian by all arguments for every order."""
    backend = JaxBackend()
    request = Request(fun, tuple(range(len(args))), has_aux=False, with_value=False)
    traced = backend.trace(backend.prepare(request, args, {}))
    assert traced.linearization is not None, traced.obstacle
    graph, dtypes = traced.linearization.graph, traced.entry_dtypes
    return traced, [
        accumulate(traced.linearization, order(graph), with_values=False, dtypes=dtypes, limit=10_000_000)
        for order in orders
    ]


def _accumulated(fun: Callable[..., Any], args: tuple[Any, ...], order: Order) -> tuple[Any, JacobianProgram]:
    traced, (program,) = jacobian_programs(fun, args, [order])
    return traced, program


def eager_jacobian(fun: Callable[..., Any], args: tuple[Any, ...], order: Order) -> Any:
    """The Jacobian by all arguments as plain operations, one at a time: XLA compiles no program."""
    traced, program = _accumulated(fun, args, order)
    run = JaxBackend().compile(traced, program, "ops")
    with jax.disable_jit():
        return run(*_operands(traced, args))


def _operands(traced: Any, args: tuple[Any, ...]) -> list[Any]:
    """The leaves of the arguments, and what the function reads besides."""
    return [*map(jax.numpy.asarray, jax.tree.leaves(args)), *traced.captured]


def numpy_jacobian(fun: Callable[..., Any], args: tuple[Any, ...], order: Order) -> Any:
    """The Jacobian by all arguments, its scalar program evaluated by numpy: independent of XLA.

    Raises:
        UnsupportedError: numpy does not know an operation of the program (special functions).
    """
    return numpy_jacobian_by_each(fun, args, [order])[0]


def numpy_jacobian_by_each(fun: Callable[..., Any], args: tuple[Any, ...], orders: Sequence[Order]) -> list[Any]:
    """:func:`numpy_jacobian` by several orders, from one trace."""
    traced, programs = jacobian_programs(fun, args, orders)
    return [_by_numpy(traced, program, args) for program in programs]


def _by_numpy(traced: Any, program: JacobianProgram, args: tuple[Any, ...]) -> Any:
    operands = [*jax.tree.leaves(args), *(traced.captured[k] for k in traced.read)]
    scalars = [s for a in operands for s in np.asarray(a).ravel()]
    with np.errstate(all="ignore"):
        results = [*evaluate(program.program, scalars), 0.0]
    flat = np.array([float(results[k]) for k in program.dense().ravel()]).reshape(program.shape)
    blocks = []
    row = 0
    for out in traced.outputs:
        column = 0
        for arg in traced.call.types[: traced.call.n_differentiated]:
            block = flat[row : row + out.size, column : column + arg.size]
            blocks.append(block.reshape((*out.shape, *arg.shape)).astype(out.dtype))
            column += arg.size
        row += out.size
    return nest(traced.containers, traced.call.request, [], blocks)


def numpy_jacobians(program: JacobianProgram, rows: np.ndarray) -> np.ndarray:
    """The Jacobians ``[B, m, n]`` at ``rows[B, n]``, computed by numpy in the program's type."""
    with np.errstate(all="ignore"):
        results = [*evaluate(program.program, list(rows.T)), 0.0]
    entries = [np.broadcast_to(results[k], len(rows)) for k in program.dense().ravel()]
    return np.stack(entries, axis=1).reshape(len(rows), *program.shape)


def by_all(mode: Callable[..., Any], fun: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """``mode`` (``jax.jacfwd`` and its kind) by all positional arguments."""
    return mode(fun, argnums=tuple(range(len(args))))(*args)


def assert_exact(fun: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Forward and reverse accumulation give JAX's Jacobian."""
    expected = by_all(jax.jacfwd, fun, args)
    for found in numpy_jacobian_by_each(fun, args, [forward_order, reverse_order]):
        assert_same(jax.tree.map(jax.numpy.asarray, found), expected, rtol=1e-9)


def assert_same(actual: Any, expected: Any, rtol: float = 1e-10) -> None:
    """Same containers, shapes, types and numbers; zeros may differ by rounding relative to the largest entry."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert a.shape == e.shape
        assert a.dtype == e.dtype
        finite = np.abs(np.asarray(e)[np.isfinite(e)])
        scale = max(1.0, float(np.max(finite, initial=0.0)))
        np.testing.assert_allclose(a, e, rtol=rtol, atol=0.01 * rtol * scale)
