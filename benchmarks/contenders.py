"""Who takes part in ``runtime.py``: every way to the same Jacobians, as calls on the same arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from c_loop import c_loop
from peers import asdex_jacobian, casadi_loop

import ccjac
from ccjac_jax import showcase

ORDERS = ("forward", "reverse", "markowitz")
LOOP_STEPS = 1000

Call = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        task: The catalogue's task.
        batch: Samples.
        dtype: ``"float32"`` or ``"float64"``.
        form: ``"vector"``: ``f(x[n])`` on ``[B, n]``.  ``"scalar"``: ``f(a, b, ...)`` on one ``[B]`` array per
            argument.  ``"loop"``: one sample in a compiled loop of Levenberg-Marquardt steps; the batch is 1 and
            times are per step.
    """

    task: Any
    batch: int
    dtype: str
    form: str

    @property
    def key(self) -> str:
        """Identifies the row in a file."""
        return f"{self.task.name} {self.form} {self.dtype} {self.batch}"

    @property
    def memory(self) -> int:
        """Bytes read and written at least."""
        return self.batch * np.dtype(self.dtype).itemsize * self.task.n * (1 + self.task.m)


def contenders(case: Case, *, orders: bool, brief: bool) -> dict[str, Call]:
    """All candidates of one row, or only JAX's modes beside ccjac; each call returns when its result is there."""
    task = case.task
    vector, rows = task.vector("jax"), jax.block_until_ready(showcase.points(task, case.batch, case.dtype))
    if case.form == "scalar":
        args = tuple(jax.block_until_ready(rows[:, k].copy()) for k in range(task.n))
        function: Callable[..., Any] = lambda *a: vector(jnp.stack(a))  # noqa: E731
        argnums: Any = tuple(range(task.n))
    else:
        args, function, argnums = (rows,), vector, 0

    def run(jacobian: Callable[..., Any]) -> Call:
        compiled = jax.jit(_steps(function, jacobian) if case.form == "loop" else jax.vmap(jacobian))
        points = (rows[0],) if case.form == "loop" else args
        return _waiting(compiled, points, many=case.form == "scalar")

    found = {
        "ccjac": run(ccjac.jacobian(function, argnums=argnums)),
        "jacfwd": run(jax.jacfwd(function, argnums=argnums)),
        "jacrev": run(jax.jacrev(function, argnums=argnums)),
    }
    if orders:
        found |= {o: run(ccjac.jacobian(function, argnums=argnums, order=o)) for o in ORDERS}
    if brief or case.form == "loop":
        return found
    found |= {"primal": run(function), "empty call": _empty(jax.vmap(jax.jacfwd(function, argnums=argnums)), args)}
    if case.form == "vector" and (coloured := asdex_jacobian(function, rows[0])) is not None:
        found["asdex"] = run(coloured)
    if case.form == "vector" and (mapped := casadi_loop(task, rows)) is not None:
        found["CasADi"] = mapped
    if (loop := c_loop(task, rows, separate=case.form == "scalar")) is not None:
        found["C loop"] = loop
    return found


def per_call(case: Case) -> int:
    """How many Jacobians per sample one call of a candidate computes."""
    return LOOP_STEPS if case.form == "loop" else 1


def _steps(function: Callable[..., Any], jacobian: Callable[..., Any]) -> Callable[..., Any]:
    """``LOOP_STEPS`` steps ``x - h (J^T J + 1)^-1 J^T f``, with an ``h`` so small that the point stays where it is."""

    def step(_: Any, x: Any) -> Any:
        matrix = jacobian(x).reshape(-1, x.size)
        normal = matrix.T @ matrix + jnp.eye(x.size, dtype=x.dtype)
        return x - 1e-6 * jnp.tanh(jnp.linalg.solve(normal, matrix.T @ jnp.ravel(function(x))))

    return lambda x: jax.lax.fori_loop(0, LOOP_STEPS, step, x)


def _empty(function: Callable[..., Any], args: Sequence[Any]) -> Call:
    """A compiled function of the same arrays that returns zeros: what a call costs before anything is computed."""
    shapes = jax.eval_shape(function, *args)
    compiled = jax.jit(lambda *_: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes))
    return _waiting(compiled, args, many=not isinstance(shapes, jax.ShapeDtypeStruct))


def _waiting(compiled: Callable[..., Any], args: Sequence[Any], *, many: bool) -> Call:
    """A call that returns when the results are there.  A single array is asked itself: going through containers of
    results takes Python a microsecond.
    """
    if many:
        return lambda: jax.block_until_ready(compiled(*args))
    return lambda: compiled(*args).block_until_ready()


_serial = count(1)


def cold_start(case: Case, repeats: int = 3) -> dict[str, float]:
    """Median seconds from a new function to its first result, in a process that has compiled other functions before.

    Every function is new to all caches through a constant factor of its own.  ``"hit"`` finds its order in a zoo,
    ``"miss"`` searches it.
    """
    vector, rows = case.task.vector("jax"), jax.block_until_ready(showcase.points(case.task, case.batch, case.dtype))
    makers: dict[str, Callable[..., Any]] = {
        "hit": ccjac.jacobian,
        "miss": lambda f: ccjac.jacobian(f, zoo=False),
        "jacfwd": jax.jacfwd,
        "jacrev": jax.jacrev,
    }
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    for turn in range(repeats):
        for name in [*makers][turn % len(makers) :] + [*makers][: turn % len(makers)]:
            factor = 1.0 + 1e-3 * next(_serial)
            start = time.perf_counter()
            jax.block_until_ready(jax.jit(jax.vmap(makers[name](lambda x, f=factor: vector(f * x))))(rows))
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}
