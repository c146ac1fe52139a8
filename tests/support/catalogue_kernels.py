"""The Jacobians of catalogue functions as programs for kernels, and what numpy makes of the same programs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

import ccjac
import ccjac_zoo
from ccjac.kernels import Layout, Operand, Result
from ccjac.kernels.constants import lifted
from ccjac.program import Program
from ccjac.zoo import Zoo
from ccjac_jax.showcase import points
from oracles import jacobian_programs, numpy_jacobians


class Case(NamedTuple):
    """A function's kernel, and what it is to be compared with."""

    name: str
    program: Program
    layout: Layout
    arrays: list[np.ndarray]
    expected: np.ndarray
    exact: np.ndarray


def zoo_order(graph: ccjac.Graph) -> Sequence[int]:
    hit = Zoo.default().lookup(graph)
    assert hit is not None
    return hit.order


FLOOR = 4 * float(np.finfo(np.float32).eps)


@functools.lru_cache(maxsize=2)
def cases(names: tuple[str, ...], dtype: str, samples: int) -> list[Case]:
    """The Jacobians of functions, their numbers operands; the same programs by numpy, in both precisions."""
    found = []
    for name in names:
        task = ccjac_zoo.task(name)
        rows = np.asarray(points(task, samples, "float64")).astype(np.float32).astype(float)
        fun = task.vector("jax")
        _, (double,) = jacobian_programs(fun, (jnp.asarray(rows[0]),), [zoo_order])
        _, (program,) = jacobian_programs(fun, (jnp.asarray(rows[0], dtype),), [zoo_order])
        bare, numbers, values = lifted(program.program)
        entries = tuple(program.dense().ravel().tolist())
        layout = Layout((Operand(tuple(range(task.n)), dtype), *numbers), (Result(entries, dtype),))
        single = rows.astype(dtype)
        expected, exact = numpy_jacobians(program, single), numpy_jacobians(double, rows)
        found.append(Case(name, bare, layout, [single, *values], expected, exact))
    return found


def check(case: Case, found: np.ndarray, dtype: str) -> None:
    """As near to the exact numbers as the same program by numpy, in units of the largest entry of each row."""
    found = found.reshape(case.exact.shape)
    size = np.abs(case.exact).max(axis=2, keepdims=True)
    size = np.where(size == 0, 1, size)
    error, reference = (np.max(np.abs(x - case.exact) / size) for x in (found, case.expected))
    # Where cancellation leaves single precision no digit, double precision keeps half of its own.
    bound = 8 * max(reference, FLOOR) if dtype == "float32" else 1e-8
    assert error <= bound, (case.name, error, reference)
    if dtype == "float64":
        assert np.median(np.abs(found - case.exact) / size) <= 1e-14, case.name
