"""Rounding errors of kernels over the whole catalogue, beside those of JAX's modes in the same precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
import ccjac_zoo
from ccjac.elimination import forward_order, reverse_order
from ccjac.kernels import Layout, Operand, Result, compile_kernel
from ccjac.program.accumulate import JacobianProgram
from ccjac.zoo import Zoo
from ccjac_jax.showcase import points
from oracles import jacobian_programs, numpy_jacobians

pytest.importorskip("llvmlite")

SAMPLES = 37
"""Two full tiles of the widest vectors and a remainder."""
FLOOR = 2 * float(np.finfo(np.float32).eps)
"""Errors of two units in the last place are no better than others."""


def representable(task: Any) -> Any:
    """The task at points that are the same in both precisions."""
    return replace(task, sample=lambda rng: tuple(np.asarray(v, np.float32).astype(float) for v in task.sample(rng)))


def zoo_order(graph: ccjac.Graph) -> Any:
    hit = Zoo.default().lookup(graph)
    assert hit is not None
    return hit.order


def kernel_jacobians(program: JacobianProgram, rows: np.ndarray) -> np.ndarray:
    dtype = rows.dtype.name
    layout = Layout(
        (Operand(tuple(range(rows.shape[1])), dtype),), (Result(tuple(program.dense().ravel().tolist()), dtype),)
    )
    return compile_kernel(program.program, layout).run([rows])[0].reshape(len(rows), *program.shape)


def errors(jacobians: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """The largest error of every sample ``[B]``, each entry's relative to the largest entry of its row."""
    size = np.abs(exact).max(axis=2, keepdims=True)
    return np.max(np.abs(jacobians - exact) / np.where(size == 0, 1, size), axis=(1, 2))


@pytest.mark.parametrize("name", ccjac_zoo.tasks())
def test_kernels_are_as_accurate_as_either_mode(name: str) -> None:
    task = representable(ccjac_zoo.task(name))
    fun = task.vector("jax")
    rows = np.asarray(points(task, SAMPLES, "float64"))
    row = jnp.asarray(rows[0])
    # The modes' own arithmetic by numpy: XLA takes long to compile them.
    _, (double, truth) = jacobian_programs(fun, (row,), [zoo_order, forward_order])
    _, (single, *modes) = jacobian_programs(fun, (row.astype("float32"),), [zoo_order, forward_order, reverse_order])
    exact = numpy_jacobians(truth, rows)
    assert np.isfinite(exact).all()
    forward, reverse = (errors(numpy_jacobians(mode, rows.astype("float32")), exact) for mode in modes)
    error = errors(kernel_jacobians(single, rows.astype("float32")), exact)
    assert np.median(error) <= 4 * max(np.median(reverse), FLOOR)
    assert error.max() <= 4 * max(forward.max(), reverse.max(), FLOOR)
    # Where cancellation leaves single precision no digit, double precision keeps half of its own.
    assert errors(kernel_jacobians(double, rows), exact).max() < (1e-12 if reverse.max() < 0.1 else 1e-8)
