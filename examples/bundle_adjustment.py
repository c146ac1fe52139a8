"""Bundle adjustment: cameras and points from what the cameras see, by Gauss-Newton with damping.

Each of the 240 observations depends on the six numbers of its camera and the three of its point; all their Jacobians
are one batched call.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import ccjac

CAMERAS, POINTS = 6, 40


def project(camera, point):
    """A point in the image of a camera: rotated by a vector (Rodrigues' formula), shifted, divided by its depth."""
    turn, shift = camera[:3], camera[3:]
    square = turn @ turn + 1e-12
    angle = jnp.sqrt(square)
    axis = turn / angle
    turned = (
        point * jnp.cos(angle)
        + jnp.cross(axis, point) * jnp.sin(angle)
        + axis * (axis @ point) * (1.0 - jnp.cos(angle))
    )
    seen = turned + shift
    return seen[:2] / seen[2]


observations = jax.jit(jax.vmap(ccjac.value_and_jacobian(project, argnums=(0, 1))))


def solve(steps=12, seed=1):
    """The root mean square of the residuals at every step."""
    rng = np.random.default_rng(seed)
    cameras = rng.normal(0, [0.2, 0.2, 0.2, 0.5, 0.5, 0.5], (CAMERAS, 6))
    cameras[:, 5] += 6.0
    points = rng.uniform(-1, 1, (POINTS, 3))
    which, what = (k.ravel() for k in np.meshgrid(np.arange(CAMERAS), np.arange(POINTS)))
    seen = np.asarray(observations(cameras[which], points[what])[0]) + rng.normal(0, 1e-4, (which.size, 2))
    cameras, points = cameras + rng.normal(0, 0.05, cameras.shape), points + rng.normal(0, 0.1, points.shape)
    size = cameras.size + points.size
    errors = []
    for _ in range(steps):
        found, (by_camera, by_point) = observations(cameras[which], points[what])
        residual = np.asarray(found) - seen
        errors.append(float(np.sqrt((residual**2).mean())))
        J = np.zeros((which.size, 2, size))
        rows = np.arange(which.size)[:, None]
        J[rows, :, 6 * which[:, None] + np.arange(6)] = np.swapaxes(by_camera, 1, 2)
        J[rows, :, cameras.size + 3 * what[:, None] + np.arange(3)] = np.swapaxes(by_point, 1, 2)
        J = J.reshape(-1, size)
        # The damping fixes what no observation tells: where all stands, how it is turned, and how large it is.
        change = np.linalg.solve(J.T @ J + 1e-6 * np.eye(size), J.T @ residual.ravel())
        cameras = cameras - change[: cameras.size].reshape(cameras.shape)
        points = points - change[cameras.size :].reshape(points.shape)
    return errors


def draw(axes):
    axes.semilogy(solve(), "o-")
    axes.axhline(1e-4, color="0.7", linestyle="--", label="noise of the observations")
    axes.set(xlabel="step", ylabel="reprojection error", title="Bundle adjustment of 6 cameras and 40 points")
    axes.legend()


if __name__ == "__main__":
    errors = solve()
    print("reprojection error:", errors[0], "->", errors[-1])
    assert errors[-1] < 1.5e-4
