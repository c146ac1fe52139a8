"""Jacobians by kernels at zeros, infinities, NaN, subnormals and branch points: what JAX's modes give there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac_jax.xla import register as ffi

pytest.importorskip("llvmlite")
if isinstance(_reason := ffi.interface(), str):
    pytest.skip(_reason, allow_module_level=True)

lax = jax.lax

ONE: dict[str, Callable[[Any], Any]] = {
    name: getattr(lax, name)
    for name in """abs neg sign square sqrt rsqrt cbrt exp exp2 expm1 log log1p logistic sin cos tan asin acos atan sinh
    cosh tanh asinh acosh atanh erf erfc floor ceil""".split()
} | {
    "x**3": lambda x: x**3,
    "x**-2": lambda x: x**-2,
    "x**0": lambda x: x**0,
    "x**0.5": lambda x: lax.pow(x, jnp.asarray(0.5, x.dtype)),
    "x**2.5": lambda x: lax.pow(x, jnp.asarray(2.5, x.dtype)),
    "2**x": lambda x: lax.pow(jnp.asarray(2, x.dtype), x),
    "0**x": lambda x: lax.pow(jnp.asarray(0, x.dtype), x),
    "1 / x": lambda x: 1 / x,
    "x log x": lambda x: x * jnp.log(x),
    "x / |x|": lambda x: x / jnp.abs(x),
    "sqrt |x|": lambda x: jnp.sqrt(jnp.abs(x)),
    "guarded sqrt": lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, jnp.ones_like(x))), 0),
    "unguarded sqrt": lambda x: jnp.where(x > 0, jnp.sqrt(x), 0),
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "gelu": jax.nn.gelu,
    "xlogy": lambda x: jax.scipy.special.xlogy(x, x),
    # Close to zero its slope is a difference of nearly equal numbers.
    "sinc": lambda x: jnp.sinc(jnp.where(jnp.abs(x) > 1e-3, x, jnp.zeros_like(x))),
    "clip": lambda x: jnp.clip(x, -0.5, 2),
    "norm": lambda x: jnp.sqrt(x * x + 0 * x),
}
TWO: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(lax, name) for name in "add sub mul div pow max min atan2 rem".split()
} | {
    "hypot": jnp.hypot,
    "logaddexp": jnp.logaddexp,
    "norm": lambda x, y: jnp.sqrt(x * x + y * y),
    "where": lambda x, y: jnp.where(x < y, x * y, x - y),
    "clamp": lambda x, y: jnp.clip(x, -jnp.abs(y), jnp.abs(y)),
    "xlogy": jax.scipy.special.xlogy,
}
CANCELLING = {"expm1", "gelu", "logistic", "tanh"}
"""Their slopes far out are differences of nearly equal numbers."""
BATCHES = (1, 2, 7, 16, 32, 67)
"""Scalar code, padded vectors, full tiles, tiles and a remainder."""


def values(dtype: str) -> np.ndarray:
    info = np.finfo(dtype)
    # The inverse of the largest number would be subnormal.
    some = [0, 1, np.inf, np.nan, float(info.max) / 8, float(info.tiny), 0.5, 2, 2.5, 3, 1e-5, 10, 1e4, 1e10, np.pi]
    some += [float(info.tiny) / 2, float(info.smallest_subnormal), 1 - float(info.eps)]
    return np.array(some + [-v for v in some], dtype)


def flushed(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.copysign(0, x), x)


def agree(ours: np.ndarray, theirs: np.ndarray, name: str) -> np.ndarray:
    eps = float(np.finfo(ours.dtype).eps)
    ours, theirs = flushed(ours), flushed(theirs)
    with np.errstate(all="ignore"):
        near = np.abs(ours - theirs) <= 300 * eps * np.abs(theirs) + (4 * eps if name in CANCELLING else 0)
    return (ours == theirs) | np.isnan(ours) & np.isnan(theirs) | np.isfinite(ours) & np.isfinite(theirs) & near


def check(functions: dict[str, Any], columns: list[np.ndarray]) -> None:
    """All functions in one kernel, at several batch sizes; each beside its own derivatives by JAX."""
    arity = len(columns)
    names, argnums = list(functions), tuple(range(arity))

    def derivatives(*x: Any) -> Any:
        forward = [jax.jacfwd(f, argnums)(*x) for f in functions.values()]
        return forward, [jax.jacrev(f, argnums)(*x) for f in functions.values()]

    # Numbers one by one, so that no derivative is multiplied by the zero tangent of another number.
    # JAX computes some functions of a subnormal number, and others of the zero that it is flushed to.
    compiled = jax.jit(jax.vmap(derivatives))
    theirs = [np.array(d) for x in (columns, [flushed(c) for c in columns]) for d in compiled(*x)]
    rows = np.stack(columns, axis=1)
    fused = jax.jit(
        jax.vmap(ccjac.jacobian(lambda x: jnp.stack([f(*x) for f in functions.values()]), executor="kernel", zoo=False))
    )
    wrong: dict[str, Any] = {}
    for batch in BATCHES:
        for start in range(0, len(rows), batch * max(1, len(rows) // (3 * batch))):
            places = np.arange(start, start + batch) % len(rows)
            ours = np.asarray(fused(rows[places]))
            for k, name in enumerate(names):
                allowed = [t[k][:, places].T for t in theirs]
                right = np.any([agree(ours[:, k], t, name) for t in allowed], axis=0)
                for i, j in np.argwhere(~right):
                    wrong.setdefault(name, (rows[places[i]].tolist(), int(j), ours[i, k, j], allowed[0][i, j]))
    assert not wrong, f"function: (point, by, ours, theirs) {wrong}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_one_number(dtype):
    check(ONE, [values(dtype)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_two_numbers(dtype):
    x, y = (v.ravel() for v in np.meshgrid(values(dtype), values(dtype)))
    check(TWO, [x, y])
