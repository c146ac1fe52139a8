"""Forty functions of 2 to 5,000 inputs, as users write them: the ground between scalar code and array code.

Each entry of :data:`FUNCTIONS` makes a function of one array and a point.  Random numbers are numpy's, from
fixed seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Made = tuple[Callable[[Any], Any], Any]
FUNCTIONS: dict[str, Callable[[], Made]] = {}


def _function(make: Callable[[], Made]) -> Callable[[], Made]:
    FUNCTIONS[make.__name__] = make
    return make


def _random(*shape: int, seed: int = 0, scale: float = 1.0) -> jax.Array:
    return jnp.asarray(scale * np.random.default_rng(seed).normal(size=shape), jnp.float32)


# -- linear maps ------------------------------------------------------------------------------------------------------


def _dense_map(rows: int, columns: int) -> Made:
    matrix = _random(rows, columns)
    return lambda x: matrix @ x, _random(columns, seed=1)


@_function
def map_60_60() -> Made:
    return _dense_map(60, 60)


@_function
def map_1000_1000() -> Made:
    return _dense_map(1000, 1000)


@_function
def map_20_2000() -> Made:
    return _dense_map(20, 2000)


@_function
def map_2000_20() -> Made:
    return _dense_map(2000, 20)


@_function
def affine_then_tanh_100() -> Made:
    matrix, shift = _random(100, 100, scale=0.1), _random(100, seed=1)
    return lambda x: jnp.tanh(matrix @ x + shift), _random(100, seed=2)


@_function
def convolution_500() -> Made:
    taps = _random(9)
    return lambda x: jnp.convolve(x, taps, mode="same"), _random(500, seed=1)


@_function
def second_differences_300() -> Made:
    return lambda x: jnp.diff(x, 2), _random(300)


@_function
def cosine_transform_128() -> Made:
    k = np.arange(128)
    basis = jnp.asarray(np.cos(np.pi * np.outer(k, k + 0.5) / 128), jnp.float32)
    return lambda x: jnp.log1p((basis @ x) ** 2), _random(128)


# -- long vectors -----------------------------------------------------------------------------------------------------


@_function
def elementwise_1000() -> Made:
    return lambda x: jnp.sin(x) * x, _random(1000)


@_function
def elementwise_5000() -> Made:
    return lambda x: jnp.exp(-(x**2)), _random(5000)


@_function
def softmax_200() -> Made:
    return jax.nn.softmax, _random(200)


@_function
def normalised_500() -> Made:
    return lambda x: x / jnp.sqrt(jnp.sum(x**2)), _random(500)


@_function
def heat_1d_400() -> Made:
    def rate(u: Any) -> Any:
        padded = jnp.pad(u, 1)
        return (1 + u**2) * (padded[2:] - 2 * u + padded[:-2])

    return rate, _random(400)


@_function
def brusselator_12x12() -> Made:
    def rate(state: Any) -> Any:
        u, v = state.reshape(2, 12, 12)

        def laplacian(w: Any) -> Any:
            return jnp.roll(w, 1, 0) + jnp.roll(w, -1, 0) + jnp.roll(w, 1, 1) + jnp.roll(w, -1, 1) - 4 * w

        reaction = u**2 * v
        return jnp.stack([1 + reaction - 4.4 * u + laplacian(u), 3.4 * u - reaction + laplacian(v)]).ravel()

    return rate, _random(288)


@_function
def rosenbrock_gradient_200() -> Made:
    return jax.grad(lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)), _random(200)


@_function
def trigonometric_sums_70() -> Made:
    def residual(x: Any) -> Any:
        s, c = jnp.sin(x), jnp.cos(x)
        return jnp.stack([70 - jnp.sum(c) + (i + 1) * (1 - c[i]) - s[i] for i in range(70)])

    return residual, jnp.ones(70) / 70


@_function
def running_mean_500() -> Made:
    return lambda x: jnp.cumsum(x) / jnp.arange(1.0, 501.0), _random(500)


@_function
def survival_200() -> Made:
    return lambda rate: jnp.exp(-jnp.cumsum(jax.nn.softplus(rate) * 0.01)), _random(200)


@_function
def sorted_100() -> Made:
    return lambda x: jnp.sort(x) * jnp.arange(1.0, 101.0), _random(100)


# -- residuals of fits ------------------------------------------------------------------------------------------------


@_function
def exponential_fit_1000() -> Made:
    t = jnp.linspace(0.0, 4.0, 1000)
    y = 2 * jnp.exp(-1.3 * t) + 0.5
    return lambda p: p[0] * jnp.exp(-p[1] * t) + p[2] - y, jnp.array([1.0, 1.0, 0.0])


@_function
def gaussian_peaks_fit_2000() -> Made:
    t = jnp.linspace(-5.0, 5.0, 2000)

    def residual(p: Any) -> Any:
        height, centre, width = p.reshape(3, 3)
        return jnp.sum(height * jnp.exp(-(((t[:, None] - centre) / width) ** 2)), 1) - jnp.cos(t)

    return residual, jnp.array([1.0, 2.0, 0.5, -1.0, 0.0, 2.0, 1.0, 0.7, 1.3])


@_function
def envelope_constraints_1000() -> Made:
    t = jnp.linspace(0.0, 1.0, 500)

    def constraint(p: Any) -> Any:
        error = jnp.sin(t) - p[0] * jnp.exp(p[1] * t) - p[2] * jnp.exp(p[3] * t)
        return jnp.concatenate([p[4] - error, p[4] + error])

    return constraint, jnp.array([0.1, -0.2, 0.3, 0.1, 1.0])


@_function
def circle_fit_300() -> Made:
    points = _random(300, 2)
    return lambda p: jnp.hypot(points[:, 0] - p[0], points[:, 1] - p[1]) - p[2], jnp.array([0.1, 0.2, 1.0])


@_function
def reprojection_40() -> Made:
    seen = _random(40, 2)

    def residual(p: Any) -> Any:
        angle, shift, points = p[:3], p[3:6], p[6:].reshape(40, 3)
        theta = jnp.sqrt(jnp.sum(angle**2))
        axis = angle / theta
        turned = (
            points * jnp.cos(theta)
            + jnp.cross(axis, points) * jnp.sin(theta)
            + axis * (points @ axis)[:, None] * (1 - jnp.cos(theta))
        )
        moved = turned + shift
        return (moved[:, :2] / moved[:, 2:] - seen).ravel()

    return residual, jnp.concatenate([jnp.array([0.1, 0.2, 0.3, 0.0, 0.0, 5.0]), _random(120)])


@_function
def logistic_regression_gradient_30() -> Made:
    data, labels = _random(400, 30), jnp.asarray(np.arange(400) % 2, jnp.float32)
    loss = lambda w: jnp.mean(jnp.logaddexp(0.0, data @ w) - labels * (data @ w))  # noqa: E731
    return jax.grad(loss), _random(30, seed=1)


# -- networks ---------------------------------------------------------------------------------------------------------


def _network(*sizes: int) -> Made:
    weights = [_random(m, n, seed=k, scale=n**-0.5) for k, (n, m) in enumerate(itertools.pairwise(sizes))]

    def network(x: Any) -> Any:
        for weight in weights[:-1]:
            x = jnp.tanh(weight @ x)
        return weights[-1] @ x

    return network, _random(sizes[0], seed=99)


@_function
def network_50_32_10() -> Made:
    return _network(50, 32, 10)


@_function
def network_200_200_200() -> Made:
    return _network(200, 200, 200)


@_function
def network_by_weights_321() -> Made:
    t = jnp.linspace(0.0, 1.0, 50)[:, None]

    def residual(p: Any) -> Any:
        hidden = jnp.tanh(t * p[:80] + p[80:160])
        mixed = jnp.tanh(hidden * p[160:240])
        return mixed @ p[240:320] + p[320]

    return residual, _random(321)


@_function
def layer_norm_64() -> Made:
    gain = _random(64, seed=1)

    def layer(x: Any) -> Any:
        centred = x - jnp.mean(x)
        return gain * centred / jnp.sqrt(jnp.mean(centred**2) + 1e-5)

    return layer, _random(64)


@_function
def attention_8x16() -> Made:
    q, k, v = (_random(16, 16, seed=s, scale=0.25) for s in (1, 2, 3))

    def attend(x: Any) -> Any:
        rows = x.reshape(8, 16)
        return (jax.nn.softmax((rows @ q) @ (rows @ k).T / 4.0) @ (rows @ v)).ravel()

    return attend, _random(128)


@_function
def image_filter_16x16() -> Made:
    kernel = _random(1, 1, 3, 3)

    def filtered(x: Any) -> Any:
        return jnp.tanh(lax.conv(x.reshape(1, 1, 16, 16), kernel, (1, 1), "SAME")).ravel()

    return filtered, _random(256)


# -- loops ------------------------------------------------------------------------------------------------------------


@_function
def lorenz_1500_steps() -> Made:
    def rate(x: Any) -> Any:
        return jnp.stack([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])

    return lambda x: lax.scan(lambda c, _: (c + 0.005 * rate(c), None), x, None, length=1500)[0], jnp.ones(3)


@_function
def pendulum_controls_200() -> Made:
    def step(state: Any, control: Any) -> Any:
        angle, speed = state
        state = jnp.stack([angle + 0.02 * speed, speed + 0.02 * (control - jnp.sin(angle))])
        return state, state[0]

    return lambda u: lax.scan(step, jnp.array([0.1, 0.0]), u)[1], _random(200)


@_function
def recurrent_network_40_steps() -> Made:
    weight, data = _random(20, 20, scale=0.2), _random(40, 20, seed=1)
    return lambda h: lax.scan(lambda c, x: (jnp.tanh(weight @ c + x), None), h, data)[0], _random(20, seed=2)


@_function
def associative_recurrence_64() -> Made:
    data = _random(64, 4)

    def final(w: Any) -> Any:
        def combine(a: Any, b: Any) -> Any:
            return b[0] * a[0], b[0] * a[1] + b[1]

        return lax.associative_scan(combine, (jnp.repeat(w[None], 64, axis=0), data))[1][-1]

    return final, jnp.linspace(0.1, 0.9, 4)


# -- tall and wide ----------------------------------------------------------------------------------------------------


@_function
def log_likelihood_5000() -> Made:
    return lambda x: jnp.sum(jnp.logaddexp(0.0, x) - 0.5 * x), _random(5000)


@_function
def summary_statistics_1000() -> Made:
    def statistics(x: Any) -> Any:
        centred = x - jnp.mean(x)
        return jnp.stack([jnp.mean(x), jnp.mean(centred**2), jnp.mean(centred**3), jnp.mean(centred**4)])

    return statistics, _random(1000)


@_function
def wave_of_two_parameters_5000() -> Made:
    t = jnp.linspace(0.0, 10.0, 5000)
    return lambda p: p[0] * jnp.sin(p[1] * t), jnp.array([1.5, 2.0])


@_function
def interferometer_20480() -> Made:
    uvw, frequency = _random(128, 3), _random(16, seed=1)

    def phases(lm: Any) -> Any:
        l, m = lm[:, 0, None, None], lm[:, 1, None, None]
        n = jnp.sqrt(1.0 - l**2 - m**2) - 1.0
        return (uvw[None, :, 0, None] * l + uvw[None, :, 1, None] * m + uvw[None, :, 2, None] * n) * frequency

    return phases, 0.1 * _random(10, 2, seed=2)


@_function
def lennard_jones_forces_10() -> Made:
    n = 10

    def energy(x: Any) -> Any:
        d = x[:, None] - x[None]
        r2 = jnp.sum(d**2, -1) + jnp.eye(n)
        return jnp.sum(jnp.where(jnp.eye(n) > 0, 0.0, r2**-6 - r2**-3))

    grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 3), -1).reshape(-1, 3)[:n].ravel()
    return jax.grad(lambda x: energy(x.reshape(n, 3))), jnp.asarray(1.2 * grid, jnp.float32) + 0.05 * _random(3 * n)
