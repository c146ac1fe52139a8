"""Collocation, particles, measurements and networks: many small equations on shared unknowns."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .definition import Made, sample


def cart_pole(knots: int) -> Made:
    """Defects ``[knots - 1, 4]`` of trapezoidal collocation; unknowns ``[knots, 5]``: four states, one force."""

    def rate(state: Any, force: Any) -> Any:
        angle, speed, spin = state[:, 1], state[:, 2], state[:, 3]
        s, c = jnp.sin(angle), jnp.cos(angle)
        mass = 1 + 0.3 * s**2
        along = (force + 0.3 * s * (spin**2 / 2 + 9.81 * c)) / mass
        around = (-force * c - 0.15 * spin**2 * c * s - 1.3 * 9.81 * s) / (mass / 2)
        return jnp.stack([speed, spin, along, around], 1)

    def fun(z: Any) -> Any:
        states, forces = z[:, :4], z[:, 4]
        k = rate(states, forces)
        return states[1:] - states[:-1] - 0.01 * (k[1:] + k[:-1])

    return fun, sample((knots, 5))


def hermite_simpson(knots: int) -> Made:
    """Defects ``[knots - 1, 2]`` of separated Hermite-Simpson collocation for van der Pol's oscillator, unknowns
    ``[knots, 3]`` (Betts, Practical Methods for Optimal Control, 4.6).
    """
    h = 0.05

    def rate(x: Any, u: Any) -> Any:
        return jnp.stack([x[:, 1], (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0] + u], 1)

    def fun(z: Any) -> Any:
        x, u = z[:, :2], z[:, 2]
        k = rate(x, u)
        middle = (x[1:] + x[:-1]) / 2 + h / 8 * (k[:-1] - k[1:])
        at_middle = rate(middle, (u[1:] + u[:-1]) / 2)
        return x[1:] - x[:-1] - h / 6 * (k[1:] + 4 * at_middle + k[:-1])

    return fun, sample((knots, 3))


def lennard_jones(n: int) -> Made:
    """Forces ``[n, 3]`` on particles with eight listed neighbours each."""
    steps = (1, -1, 7, -7, 31, -31, 50, -50)
    neighbours = np.stack([(np.arange(n) + s) % n for s in steps], 1)
    positions = sample((n, 3), 0.0, 3.0) + 0.9 * np.arange(n)[:, None]

    def fun(x: Any) -> Any:
        d = x[neighbours] - x[:, None]
        inverse = 1 / (jnp.sum(d * d, -1) + 0.1)
        attraction = inverse**3
        return jnp.sum((24 * attraction * (2 * attraction - 1) * inverse)[..., None] * d, 1)

    return fun, positions


def bundle(observations: int) -> Made:
    """Reprojection errors ``[observations, 2]``: cameras of nine parameters, points of three, Rodrigues' formula, two
    coefficients of radial distortion (Agarwal et al., Bundle Adjustment in the Large, ECCV 2010).
    """
    cameras, points = max(4, observations // 200), max(8, observations // 4)
    rng = np.random.default_rng(0)
    which, what = rng.integers(0, cameras, observations), rng.integers(0, points, observations)
    seen = rng.normal(size=(observations, 2))

    def fun(z: Any) -> Any:
        camera, point = z[: cameras * 9].reshape(cameras, 9)[which], z[cameras * 9 :].reshape(points, 3)[what]
        turn, shift = camera[:, :3], camera[:, 3:6]
        angle = jnp.sqrt(jnp.sum(turn * turn, 1) + 1e-8)[:, None]
        axis = turn / angle
        c, s = jnp.cos(angle), jnp.sin(angle)
        along = jnp.sum(axis * point, 1)[:, None]
        there = point * c + jnp.cross(axis, point) * s + axis * along * (1 - c) + shift
        flat = -there[:, :2] / there[:, 2:]
        r2 = jnp.sum(flat * flat, 1)
        scale = camera[:, 6] * (1 + camera[:, 7] * r2 + camera[:, 8] * r2 * r2)
        return scale[:, None] * flat - jnp.asarray(seen, z.dtype)

    return fun, sample((cameras * 9 + points * 3,))


def power_flow(buses: int) -> Made:
    """Power balances ``[2, buses]`` on a ring with chords; unknowns ``[2, buses]``: magnitudes and angles."""
    lines = np.concatenate([np.stack([np.arange(buses), (np.arange(buses) + k) % buses], 1) for k in (1, 5)])
    begin, end = lines.T

    def fun(z: Any) -> Any:
        magnitude, angle = z[0], z[1]
        vf, vt = magnitude[begin], magnitude[end]
        difference = angle[begin] - angle[end]
        c, s = vf * vt * jnp.cos(difference), vf * vt * jnp.sin(difference)
        zero = jnp.zeros_like(magnitude)
        active = zero.at[begin].add(vf * vf - c + 4 * s).at[end].add(vt * vt - c - 4 * s)
        reactive = zero.at[begin].add(4 * vf * vf - 4 * c - s).at[end].add(4 * vt * vt - 4 * c + s)
        return jnp.stack([active, reactive])

    return fun, np.stack([sample((buses,), 0.95, 1.05), sample((buses,), -0.2, 0.2, 1)])


def layer_on_grid(points: int) -> Made:
    """One small network at every point of a grid: ``[points, 3]`` to ``[points, 2]``."""
    rng = np.random.default_rng(0)
    first, second, third = (0.3 * rng.normal(size=s) for s in ((3, 8), (8, 8), (8, 2)))

    def fun(x: Any) -> Any:
        a, b, c = (jnp.asarray(w, x.dtype) for w in (first, second, third))
        return jnp.tanh(jnp.tanh(x @ a) @ b) @ c

    return fun, sample((points, 3))


def neurons(n: int) -> Made:
    """FitzHugh-Nagumo neurons ``[n, 2]`` on a ring, coupled through their voltages."""

    def fun(z: Any) -> Any:
        v, w = z[:, 0], z[:, 1]
        coupling = jnp.roll(v, 1) + jnp.roll(v, -1) - 2 * v
        return jnp.stack([v - v**3 / 3 - w + 0.5 + coupling, 0.08 * (v + 0.7 - 0.8 * w)], 1)

    return fun, sample((n, 2))
