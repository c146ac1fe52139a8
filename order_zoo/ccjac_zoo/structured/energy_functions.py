"""Scalar functions of many unknowns that are sums of local terms: their Hessians are sparse."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .definition import Made, sample


def rosenbrock(n: int) -> Made:
    """Rosenbrock's function of n unknowns."""
    return lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), sample((n,))


def surface_area(m: int) -> Made:
    """The area above a square of a surface that is 0 outside."""

    def fun(u: Any) -> Any:
        p = jnp.pad(u, 1)
        dx, dy = p[1:, :-1] - p[:-1, :-1], p[:-1, 1:] - p[:-1, :-1]
        return jnp.sum(jnp.sqrt(1 + dx**2 + dy**2))

    return fun, sample((m, m))


def springs(n: int) -> Made:
    """Energy of a random network of springs between points of a plane, four at each point."""
    begin = np.repeat(np.arange(n), 4)
    end = (begin + np.random.default_rng(0).integers(1, 50, begin.size)) % n

    def fun(x: Any) -> Any:
        d = x[begin] - x[end]
        return jnp.sum((jnp.sqrt(jnp.sum(d * d, 1) + 0.01) - 1) ** 2)

    return fun, sample((n, 2))


def rod(n: int) -> Made:
    """Bending and stretching energy of an elastic chain ``[n, 2]``."""

    def fun(x: Any) -> Any:
        edges = x[1:] - x[:-1]
        stretch = jnp.sum(edges**2, 1)
        cross = edges[1:, 0] * edges[:-1, 1] - edges[1:, 1] * edges[:-1, 0]
        return jnp.sum((stretch - 1) ** 2) + jnp.sum(cross**2 / (1 + stretch[1:] * stretch[:-1]))

    return fun, sample((n, 2)) + np.stack([np.arange(n), np.zeros(n)], 1)


def phi_four(m: int) -> Made:
    """Action of a scalar field with a quartic potential on a periodic lattice."""

    def fun(p: Any) -> Any:
        return jnp.sum((jnp.roll(p, 1, 0) - p) ** 2 / 2 + (jnp.roll(p, 1, 1) - p) ** 2 / 2 + (p**2 - 1) ** 2 / 4)

    return fun, sample((m, m), -1.0, 1.0)


def robust_smoothing(n: int) -> Made:
    """Huber-like smoothing of measurements on a line."""
    data = sample((n,), seed=4)

    def fun(x: Any) -> Any:
        steps = x[1:] - x[:-1]
        return jnp.sum((x - jnp.asarray(data, x.dtype)) ** 2) + 3 * jnp.sum(jnp.sqrt(1 + steps**2) - 1)

    return fun, sample((n,))
