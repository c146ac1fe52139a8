"""Shorthand for evaluating catalogue tasks on numpy, and JAX's own derivatives of them, compiled once for all tests."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import ccjac_zoo

# Optimisation only costs time here; each function is compiled once and run at a few points.
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


class Reference(NamedTuple):
    """JAX's values ``[m]``, ``jacfwd`` ``[m, n]``, and one row of reverse mode: the cotangents ``[m]`` pulled back."""

    value: np.ndarray
    forward: np.ndarray
    reverse: np.ndarray


@functools.cache
def reference(name: str) -> Callable[[np.ndarray, np.ndarray], Reference]:
    """A task's values and derivatives by JAX in double precision, from a point ``[n]`` and cotangents ``[m]``."""
    import jax

    task = ccjac_zoo.task(name)
    f = task.vector("jax")

    def everything(x, cotangents):  # type: ignore[no-untyped-def]
        # One row of reverse mode says as much as all of them, and compiles in half the time.
        y, pullback = jax.vjp(f, x)
        return y, jax.jacfwd(f)(x), pullback(cotangents)[0]

    with jax.enable_x64(True):
        compiled = jax.jit(everything).lower(np.zeros(task.n), np.zeros(task.m)).compile(compiler_options=_QUICK)

    def run(x: np.ndarray, cotangents: np.ndarray) -> Reference:
        with jax.enable_x64(True):
            return Reference(*map(np.asarray, compiled(x, cotangents)))

    return run


def call(name: str, *args: object) -> np.ndarray:
    """A task's results as one array."""
    return np.array(ccjac_zoo.task(name).bind("numpy")(*args), np.float64)


def example(name: str, seed: int = 0) -> tuple[np.float64, ...]:
    """A task's random point."""
    return ccjac_zoo.task(name).example(seed)
