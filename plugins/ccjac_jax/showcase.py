"""What ``ccjac demo`` and the benchmarks do with JAX: check a catalogue task against JAX's own modes, and race them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ccjac

from .settings import setting

Function = Callable[..., Any]

name = "jax"
"""What ``ccjac demo --backend`` calls this framework."""


def versions() -> str:
    """The framework, its version and its device."""
    device = jax.devices()[0]
    return f"JAX {jax.__version__} on {device.device_kind}"


def points(task: Any, size: int, dtype: Any, seed: int = 0) -> jax.Array:
    """``size`` points of a catalogue task as one array ``[size, n]``, one row per point."""
    batch = task.batch(size, seed)
    rows = np.concatenate([np.reshape(batch[i], (size, -1)) for i in task.argnums], axis=1)
    return jnp.asarray(rows, dtype)


@dataclass(frozen=True)
class Form:
    """One way to call a task on many points at once.

    Attributes:
        name: The way, in words.
        function: The function of one point.
        args: Its arguments for all points, each ``[size, ...]``.
        argnums: The differentiated ones.
    """

    name: str
    function: Function
    args: tuple[jax.Array, ...]
    argnums: int | tuple[int, ...]


def forms(task: Any, size: int, dtype: Any, seed: int = 0) -> list[Form]:
    """A catalogue task as ``f(x[n])`` on one array and, if all arguments are scalars, as ``f(a, b, ...)`` on one each.

    The two are the same function, but what XLA makes of them differs a lot.
    """
    rows = points(task, size, dtype, seed)
    found = [Form(f"f(x) on one array [B, {task.n}]", task.vector("jax"), (rows,), 0)]
    if task.n > 1 and not any(task.shapes) and len(task.argnums) == len(task.shapes):
        columns = tuple(rows[:, k] for k in range(task.n))
        found.append(Form(f"f(a, b, ...) on {task.n} arrays [B]", task.bind("jax"), columns, task.argnums))
    return found


def candidates(function: Function, argnums: int | tuple[int, ...] = 0, **options: Any) -> dict[str, Function]:
    """Three ways to the Jacobians of ``function`` at many points, each under one ``jit(vmap(...))``.

    Args:
        function: The function of one point.
        argnums: The differentiated arguments.
        **options: Passed to :func:`ccjac.jacobian`.
    """
    return {
        "ccjac.jacobian": jax.jit(jax.vmap(ccjac.jacobian(function, argnums=argnums, **options))),
        "jax.jacfwd": jax.jit(jax.vmap(jax.jacfwd(function, argnums=argnums))),
        "jax.jacrev": jax.jit(jax.vmap(jax.jacrev(function, argnums=argnums))),
    }


def errors(form: Form, **options: Any) -> dict[str, float]:
    """How far the Jacobians are from JAX's own, in the precision of the arguments.

    Returns:
        For ``jax.jacfwd`` and ``jax.jacrev`` the largest difference of an entry, relative to the largest entry of that
        point's Jacobian; infinite if shapes, types or containers differ.
    """
    results = {name: f(*form.args) for name, f in candidates(form.function, form.argnums, **options).items()}
    ours = results.pop("ccjac.jacobian")
    return {name: _distance(ours, theirs) for name, theirs in results.items()}


def races(form: Form, **options: Any) -> dict[str, Callable[[], object]]:
    """The candidates as calls on the same arrays, each returning when its result is there."""

    def call(f: Function) -> Callable[[], object]:
        return lambda: jax.block_until_ready(f(*form.args))

    return {name: call(f) for name, f in candidates(form.function, form.argnums, **options).items()}


def _distance(ours: Any, theirs: Any) -> float:
    if jax.tree.map(jnp.shape, ours) != jax.tree.map(jnp.shape, theirs):
        return float("inf")
    if jax.tree.map(jnp.result_type, ours) != jax.tree.map(jnp.result_type, theirs):
        return float("inf")
    left, right = (
        np.concatenate([np.reshape(leaf, (len(leaf), -1)) for leaf in jax.tree.leaves(tree)], axis=1)
        for tree in (ours, theirs)
    )
    size = np.abs(right).max(axis=1, initial=0.0)
    difference = np.abs(left - right).max(axis=1, initial=0.0)
    return float(np.max(difference / np.where(size == 0.0, 1.0, size)))


@contextmanager
def double_precision() -> Iterator[None]:
    """Allows float64 arrays for a while; float32 arrays stay what they are."""
    before = setting("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)
