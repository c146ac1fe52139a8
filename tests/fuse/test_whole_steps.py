"""Fused functions against the same functions under JAX: values, batches, and derivatives of both modes, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.scipy import linalg as jsl

import ccjac

_random = np.random.default_rng(7)
NODES = np.linspace(0.0, 3.0, 12)
TABLE = np.sin(NODES)
KERNEL = 0.03 * _random.uniform(size=(8, 8))
INSTANTS = np.linspace(0.0, 2.0, 6)


def rate(y: Any) -> Any:
    a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return jnp.stack([b - a, a - b - c, c])


def motion(s: Any) -> Any:
    return jnp.stack([s[0] + 0.1 * s[1] * jnp.cos(s[2]), s[1] - 0.1 * jnp.sin(s[0]), s[2] + 0.1 * s[0] * s[1]])


def kalman(s: Any, P: Any, z: Any) -> Any:
    F = ccjac.jacobian(motion)(s)
    s, P = motion(s), F @ P @ F.T + 0.1 * jnp.eye(3)
    seen = lambda s: jnp.stack([jnp.hypot(s[0], s[1]), jnp.arctan2(s[1], s[0])])  # noqa: E731
    H = ccjac.jacobian(seen)(s)
    gain = jnp.linalg.solve(H @ P @ H.T + jnp.eye(2), H @ P).T
    return s + gain @ (z - seen(s)), P - gain @ H @ P


def implicit_euler(start: Any, h: Any) -> Any:
    def iterate(_: int, y: Any) -> Any:
        return y - jnp.linalg.solve(jnp.eye(3) - h * ccjac.jacobian(rate)(y), y - start - h * rate(y))

    return lax.fori_loop(0, 3, iterate, start)


def residual(x: Any) -> Any:
    return x - 1 / (1 - jnp.asarray(KERNEL) @ x)


def newton(x: Any) -> Any:
    return x - jnp.linalg.solve(ccjac.jacobian(residual)(x), residual(x))


def newton_by_jacfwd(x: Any) -> Any:
    return x - jnp.linalg.solve(jax.jacfwd(residual)(x), residual(x))


def minimisation(x: Any) -> Any:
    """Newton's method for a minimum of Rosenbrock's function."""
    cost = lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)  # noqa: E731
    return x - jnp.linalg.solve(ccjac.hessian(cost)(x), jax.grad(cost)(x))


def decays(p: Any) -> Any:
    return p[0] * jnp.exp(-p[1] * INSTANTS)


def marquardt(p: Any, y: Any, damping: Any) -> Any:
    value, slope = ccjac.value_and_jacobian(decays)(p)
    tried = p - jnp.linalg.solve(slope.T @ slope + damping * jnp.eye(2), slope.T @ (value - y))
    better = jnp.sum((decays(tried) - y) ** 2) < jnp.sum((value - y) ** 2)
    return {"p": jnp.where(better, tried, p), "damping": jnp.where(better, damping / 3, damping * 2), "better": better}


def projection(camera: Any, point: Any) -> Any:
    x, y, z = point + jnp.cross(camera[:3], point) + camera[3:6]
    return camera[6] * jnp.stack([x / z, y / z])


def normal_equations(camera: Any, point: Any, pixel: Any) -> Any:
    a, b = ccjac.jacobian(projection, argnums=(0, 1))(camera, point)
    r = projection(camera, point) - pixel
    return a.T @ a, a.T @ b, b.T @ b, a.T @ r, b.T @ r


def many_points(camera: Any, points: Any) -> Any:
    """Jacobians of a batch inside of one sample."""
    a = jax.vmap(ccjac.jacobian(projection), in_axes=(None, 0))(camera, points)
    return jnp.einsum("kij,kil->jl", a, a)


def runge_kutta(y: Any, h: Any) -> Any:
    def step(y: Any, _: Any) -> Any:
        k1 = motion(y)
        k2 = motion(y + h / 2 * k1)
        y = y + h * k2
        return y, y[0]

    return lax.scan(step, y, None, length=5)


def sensitivities(y: Any) -> Any:
    """The variational equation beside the trajectory."""

    def step(state: Any, _: Any) -> Any:
        y, S = state
        return (y + 0.1 * motion(y), S + 0.1 * ccjac.jacobian(motion)(y) @ S), None

    return lax.scan(step, (y, jnp.eye(3)), None, length=3)[0]


@jax.custom_jvp
def clipped(x: Any) -> Any:
    return jnp.clip(x, -0.5, 0.5)


clipped.defjvps(lambda t, ans, x: 2.0 * t)


@jax.custom_vjp
def scaled(x: Any) -> Any:
    return jnp.sin(x)


scaled.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (3.0 * ct * x,))


@jax.custom_jvp
def straight_through(x: Any, y: Any) -> Any:
    """Its derivative goes by an operand that its value does not depend on."""
    return jnp.round(x)


@straight_through.defjvp
def _(primals: Any, tangents: Any) -> Any:
    return straight_through(*primals), tangents[0] + 5.0 * tangents[1]


def table_lookup(x: Any) -> Any:
    return jnp.interp(x, NODES, TABLE) * x


def branches(x: Any) -> Any:
    return lax.cond(x[0] > 1.0, lambda x: jnp.sin(x), lambda x: x**2, x) + lax.switch(
        jnp.int32(x[1] * 2), [jnp.cos, jnp.exp, jnp.tanh], x
    )


def counts(x: Any, n: Any) -> Any:
    """Integers and truth values in and out."""
    return x * n.astype(float), n + 1, x > 1.0, jnp.argmax(x), (x[0], n % 3)


def known_length(x: Any) -> Any:
    return lax.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, jnp.sin(s[1])), (0, x))[1]


def passed_through(x: Any, y: Any) -> Any:
    """Inputs, constants and empty arrays among the results."""
    return x, jnp.ones(2), jnp.zeros(()), -jnp.zeros(1), y.sum(), x[:0], x + 1


def in_two_types(x: Any) -> Any:
    return jnp.sin(x.astype(jnp.float32)), jnp.cos(x)


def fused_inside(x: Any) -> Any:
    return ccjac.fuse(newton)(x) + ccjac.jacobian(ccjac.fuse(residual))(x) @ x


def entangled(x: Any) -> Any:
    return jnp.sin(lax.stop_gradient(x) * x) * x[0]


SCALE = np.array([0.1, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0])
UNIFORM = lambda *shape: _random.uniform(0.3, 1.7, (9, *shape))  # noqa: E731
STEPS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "kalman": (kalman, (UNIFORM(3), np.eye(3) + 0.1 * UNIFORM(3, 3), UNIFORM(2))),
    "implicit Euler": (implicit_euler, (UNIFORM(3) * [1.0, 1e-4, 1.0], 0.1 * UNIFORM())),
    "newton": (newton, (UNIFORM(8),)),
    "newton by jacfwd": (newton_by_jacfwd, (UNIFORM(8),)),
    "minimisation": (minimisation, (UNIFORM(4),)),
    "marquardt": (marquardt, (UNIFORM(2), UNIFORM(6), UNIFORM())),
    "normal equations": (normal_equations, (UNIFORM(7) * SCALE, UNIFORM(3), UNIFORM(2))),
    "a batch inside": (many_points, (UNIFORM(7) * SCALE, UNIFORM(4, 3))),
    "Runge-Kutta": (runge_kutta, (UNIFORM(3), 0.1 * UNIFORM())),
    "sensitivities": (sensitivities, (UNIFORM(3),)),
    "whitening": (lambda S, x: jsl.solve_triangular(jnp.linalg.cholesky(S @ S.T + jnp.eye(3)), x, lower=True),
                  (UNIFORM(3, 3), UNIFORM(3))),
    "least squares": (lambda a, b: jsl.solve_triangular((q := jnp.linalg.qr(a))[1], q[0].T @ b),
                      (UNIFORM(5, 3), UNIFORM(5))),
    "determinant": (lambda a: (jnp.linalg.slogdet(a), jnp.linalg.inv(a)), (UNIFORM(4, 4),)),
    "rotation": (lambda v: jsl.expm(jnp.cross(jnp.eye(3), v)), (UNIFORM(3),)),
    "table": (table_lookup, (UNIFORM(4),)),
    "sorting": (lambda x: (jnp.sort(x), jnp.median(x), lax.top_k(x, 2)[0]), (UNIFORM(7),)),
    "computed index": (lambda x: x[jnp.argmin((x - 1) ** 2)] * x, (UNIFORM(6),)),
    "branches": (branches, (UNIFORM(3),)),
    "counts": (counts, (UNIFORM(3), np.arange(9))),
    "known length": (known_length, (UNIFORM(3),)),
    "passed through": (passed_through, (UNIFORM(3), np.zeros((9, 0)))),
    "in two types": (in_two_types, (UNIFORM(3),)),
    "fused inside": (fused_inside, (UNIFORM(8),)),
    "rule of custom_jvp": (lambda x: clipped(x) * x, (UNIFORM(3),)),
    "rule of custom_vjp": (lambda x: scaled(x) * x, (UNIFORM(3),)),
    "rule by an unread operand": (lambda x, y: straight_through(x, y) * x, (UNIFORM(3), UNIFORM(3))),
    "stop_gradient": (entangled, (UNIFORM(3),)),
    "one number": (lambda x: jnp.sin(x) * jnp.exp(x), (UNIFORM(),)),
    "undefined": (lambda x: jnp.log(x - 1.0) / (x - x), (UNIFORM(3),)),
}  # fmt: skip


def assert_close(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    """Containers, types and shapes are the same, numbers up to rounding."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        a, b = np.asarray(a), np.asarray(b)
        scale = np.abs(b[np.isfinite(b)]).max(initial=1e-30) if b.dtype.kind == "f" else 0.0
        np.testing.assert_allclose(a, b, rtol=0, atol=(tolerance if b.dtype == np.float64 else 1e-5) * scale)


def everything(step: Callable[..., Any], name: str, args: list[Any]) -> Any:
    """Values of a batch and their derivatives of both modes, as far as the step has them."""
    batch = jax.vmap(step)
    results, pull = (batch(*args), None) if name in ("known length", "undefined") else jax.vjp(batch, *args)
    found = [results]
    if pull is not None:
        found.append(pull(jax.tree.map(lambda r: jnp.cos(r) if r.dtype.kind == "f" else _no_tangent(r), results)))
    if name not in ("rule of custom_vjp", "undefined"):
        tangents = [jnp.sin(a) if a.dtype.kind == "f" else _no_tangent(a) for a in args]
        found.append(jax.jvp(batch, tuple(args), tuple(tangents))[1])
    # Tangents of integers are no arrays that `jit` returns.
    return jax.tree.map(lambda r: () if r.dtype == jax.dtypes.float0 else r, found)


def _no_tangent(array: Any) -> np.ndarray:
    return np.zeros(array.shape, jax.dtypes.float0)


@pytest.mark.parametrize("name", STEPS)
def test_values_and_derivatives(name: str) -> None:
    step, arrays = STEPS[name]
    args = [jnp.asarray(a) for a in arrays]
    fused = ccjac.fuse(step)
    plan = fused.plan(*(a[0] for a in args))
    assert (plan.source, plan.executor) == ("fused", "kernel"), plan.reason
    expected = jax.jit(lambda *a: everything(step, name, list(a)))(*args)
    # What went through single precision has its digits.
    tolerance = 1e-6 if name == "in two types" else 1e-9
    assert_close(jax.jit(lambda *a: everything(fused, name, list(a)))(*args), expected, tolerance)
    assert_close(fused(*(a[0] for a in args)), jax.tree.map(lambda r: r[0], expected[0]))
