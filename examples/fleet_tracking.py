"""Ten thousand vehicles are followed by extended Kalman filters, each step of all of them one fused loop."""

from __future__ import annotations

import jax
import jax.numpy as jnp

import ccjac

STEP = 0.1
MOTION_NOISE, RANGE_NOISE, BEARING_NOISE = 1e-5, 0.05, 0.01


def drive(state):
    """Position, heading, speed and turn rate a tenth of a second later."""
    x, y, heading, speed, rate = state
    middle = heading + 0.5 * STEP * rate
    return jnp.stack(
        [x + STEP * speed * jnp.cos(middle), y + STEP * speed * jnp.sin(middle), heading + STEP * rate, speed, rate]
    )


def seen(state):
    """Range and bearing."""
    return jnp.stack([jnp.hypot(state[0], state[1]), jnp.arctan2(state[1], state[0])])


@ccjac.fuse
def update(state, covariance, measured):
    """Predict and correct: two Jacobians, six products of matrices and a solve."""
    F = ccjac.jacobian(drive)(state)
    state, covariance = drive(state), F @ covariance @ F.T + MOTION_NOISE * jnp.eye(5)
    H = ccjac.jacobian(seen)(state)
    innovation = H @ covariance @ H.T + jnp.diag(jnp.array([RANGE_NOISE**2, BEARING_NOISE**2]))
    gain = jnp.linalg.solve(innovation, H @ covariance).T
    return state + gain @ (measured - seen(state)), covariance - gain @ H @ covariance


@jax.jit
def track(truth, key):
    """The mean error of all positions after every step."""

    def step(carry, key):
        truth, guess, covariance = carry
        truth = jax.vmap(drive)(truth)
        noise = jax.random.normal(key, (len(truth), 2)) * jnp.array([RANGE_NOISE, BEARING_NOISE])
        guess, covariance = jax.vmap(update)(guess, covariance, jax.vmap(seen)(truth) + noise)
        return (truth, guess, covariance), jnp.linalg.norm(truth[:, :2] - guess[:, :2], axis=1).mean()

    guess = truth + jax.random.normal(key, truth.shape) * 0.3
    start = (truth, guess, jnp.broadcast_to(0.1 * jnp.eye(5), (len(truth), 5, 5)))
    return jax.lax.scan(step, start, jax.random.split(key, 50))[1]


if __name__ == "__main__":
    corner = jnp.array([5.0, 5.0, 0.0, 0.5, -0.3])
    width = jnp.array([5.0, 5.0, 3.0, 1.0, 0.6])
    vehicles = corner + width * jax.random.uniform(jax.random.key(0), (10_000, 5))
    print(update.plan(vehicles[0], jnp.eye(5), jnp.ones(2)))
    errors = track(vehicles, jax.random.key(1))
    print(f"mean error of {len(vehicles):,} positions: {errors[0]:.3f} at first, {errors[-1]:.3f} after 50 steps")
    assert errors[-1] < 0.7 * errors[0]
