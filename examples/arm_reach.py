"""A planar arm with five joints reaches for a point: damped least squares with the Jacobian at every step."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import ccjac

LENGTHS = (1.0, 0.8, 0.6, 0.4, 0.3)
TARGET = np.array([-0.9, 1.6])


def joints(angles):
    """``[6, 2]`` positions of the base, the joints and the tool."""
    points, heading, at = [jnp.zeros(2)], 0.0, jnp.zeros(2)
    for length, angle in zip(LENGTHS, angles, strict=True):
        heading = heading + angle
        at = at + length * jnp.stack([jnp.cos(heading), jnp.sin(heading)])
        points.append(at)
    return jnp.stack(points)


def tool(angles):
    return joints(angles)[-1]


# Single samples in a Python loop: the fastest entry is the one without the framework.
value_and_jacobian = ccjac.plan(tool, jnp.zeros(5)).to_numpy(value=True)


def solve(steps=60, damping=0.3):
    """The angles at every step."""
    path = [np.full(5, 0.2, np.float32)]
    for _ in range(steps):
        at, J = value_and_jacobian(path[-1])
        change = J.T @ np.linalg.solve(J @ J.T + damping**2 * np.eye(2), TARGET - at)
        path.append((path[-1] + np.clip(change, -0.15, 0.15)).astype(np.float32))
    return np.array(path)


def draw(axes):
    path = solve()
    for k in (0, 4, 8, 12, 18, len(path) - 1):
        x, y = np.asarray(joints(path[k])).T
        axes.plot(x, y, "-o", color=str(0.8 - 0.8 * min(k, 20) / 20), markersize=3)
    axes.plot(*TARGET, "x", color="tab:red", markersize=12)
    axes.set(aspect="equal", title="A five-joint arm reaches for a point")


if __name__ == "__main__":
    miss = np.linalg.norm(np.asarray(tool(solve()[-1])) - TARGET)
    print("distance left:", miss)
    assert miss < 1e-3
