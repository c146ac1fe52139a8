"""An extended Kalman filter follows a pendulum from noisy measurements of its tip's horizontal position."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import ccjac

STEP, GRAVITY, DRAG = 0.05, 9.81, 0.1


def move(state):
    """One step of the midpoint rule for angle and speed."""

    def rate(angle, speed):
        return speed, -GRAVITY * jnp.sin(angle) - DRAG * speed

    a, b = rate(state[0], state[1])
    c, d = rate(state[0] + 0.5 * STEP * a, state[1] + 0.5 * STEP * b)
    return jnp.stack([state[0] + STEP * c, state[1] + STEP * d])


def measure(state):
    return jnp.stack([jnp.sin(state[0])])


example = jnp.zeros(2)
moved = ccjac.plan(move, example).to_numpy(value=True)
measured = ccjac.plan(measure, example).to_numpy(value=True)


def solve(steps=150, noise=0.15, seed=0):
    """True angles, measurements, and the filter's angles with their deviations."""
    rng = np.random.default_rng(seed)
    truth, guess, spread = np.array([1.2, 0.0], np.float32), np.zeros(2, np.float32), np.eye(2)
    rows = []
    for _ in range(steps):
        truth, _ = moved(truth)
        seen = np.sin(truth[0]) + noise * rng.standard_normal()
        guess, F = moved(guess)
        spread = F @ spread @ F.T + 1e-4 * np.eye(2)
        expected, H = measured(guess)
        gain = spread @ H.T @ np.linalg.inv(H @ spread @ H.T + noise**2)
        guess = (guess + gain @ (seen - expected)).astype(np.float32)
        spread = (np.eye(2) - gain @ H) @ spread
        rows.append((truth[0], seen, guess[0], spread[0, 0] ** 0.5))
    return np.array(rows).T


def draw(axes):
    truth, seen, found, deviation = solve()
    time = STEP * np.arange(1, len(truth) + 1)
    axes.plot(time, seen, ".", color="0.7", label="measured")
    axes.plot(time, truth, label="true angle")
    axes.plot(time, found, "--", label="filter")
    axes.fill_between(time, found - 2 * deviation, found + 2 * deviation, alpha=0.2)
    axes.set(xlabel="time in s", title="Extended Kalman filter of a pendulum")
    axes.legend(loc="upper right")


if __name__ == "__main__":
    truth, _, found, _ = solve()
    error = np.abs(truth - found)[50:].mean()
    print("mean error after 2.5 s:", error)
    assert error < 0.1
