"""What ``ccjac demo`` and the benchmarks do with JAX: check a catalogue task against JAX's own modes, and race them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ccjac

Function = Callable[[Any], Any]


def versions() -> str:
    """The framework, its version and its device."""
    device = jax.devices()[0]
    return f"JAX {jax.__version__} on {device.device_kind}"


def points(task: Any, size: int, dtype: Any, seed: int = 0) -> jax.Array:
    """``size`` points of a catalogue task as one array ``[size, n]``, one row per point."""
    batch = task.batch(size, seed)
    rows = np.concatenate([np.reshape(batch[i], (size, -1)) for i in task.argnums], axis=1)
    return jnp.asarray(rows, dtype)


def candidates(function: Function, **options: Any) -> dict[str, Function]:
    """Three ways to the Jacobians ``[size, m, n]`` of ``function`` at points ``[size, n]``, each under one ``jit``.

    Args:
        function: ``f(x[n]) -> y[m]``.
        **options: Passed to :func:`ccjac.jacobian`.
    """
    return {
        "ccjac.jacobian": jax.jit(jax.vmap(ccjac.jacobian(function, **options))),
        "jax.jacfwd": jax.jit(jax.vmap(jax.jacfwd(function))),
        "jax.jacrev": jax.jit(jax.vmap(jax.jacrev(function))),
    }


def errors(function: Function, x: jax.Array, **options: Any) -> dict[str, float]:
    """How far the Jacobians at ``x[size, n]`` are from JAX's own, in the precision of ``x``.

    Returns:
        For ``jax.jacfwd`` and ``jax.jacrev`` the largest difference of an entry, relative to the largest entry of that
        point's Jacobian.
    """
    ours, *others = ((name, np.asarray(f(x))) for name, f in candidates(function, **options).items())
    return {name: _distance(ours[1], theirs) for name, theirs in others}


def races(function: Function, x: jax.Array, **options: Any) -> dict[str, Callable[[], object]]:
    """The candidates as calls on the same array, each returning when its result is there."""

    def call(f: Function) -> Callable[[], object]:
        return lambda: jax.block_until_ready(f(x))

    return {name: call(f) for name, f in candidates(function, **options).items()}


def _distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return float("inf")
    size = np.abs(theirs).reshape(len(theirs), -1).max(axis=1, initial=0.0)
    difference = np.abs(ours - theirs).reshape(len(theirs), -1).max(axis=1, initial=0.0)
    return float(np.max(difference / np.where(size == 0.0, 1.0, size)))


@contextmanager
def double_precision() -> Iterator[None]:
    """Allows float64 arrays for a while; float32 arrays stay what they are."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)
