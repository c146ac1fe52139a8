"""Sod's shock tube, implicit in time: Newton's method on the cells of a finite-volume scheme with Roe's flux.

The flux between two cells depends on their six numbers; its two 3 x 3 Jacobians are the blocks of the Newton matrix.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import solve_banded

import ccjac

GAMMA, CELLS, STEPS, TIME = 1.4, 200, 100, 0.2


def roe_flux(left, right):
    """Roe's flux between two states (density, momentum, energy); P. L. Roe, J. Comput. Phys. 43, 1981."""

    def primitive(state):
        speed = state[1] / state[0]
        pressure = (GAMMA - 1.0) * (state[2] - 0.5 * state[1] * speed)
        return state[0], speed, pressure, (state[2] + pressure) / state[0]

    def flux(state, speed, pressure):
        return jnp.stack([state[1], state[1] * speed + pressure, (state[2] + pressure) * speed])

    (rl, ul, pl, hl), (rr, ur, pr, hr) = primitive(left), primitive(right)
    wl, wr = jnp.sqrt(rl), jnp.sqrt(rr)
    u, h, rho = (wl * ul + wr * ur) / (wl + wr), (wl * hl + wr * hr) / (wl + wr), wl * wr
    c = jnp.sqrt((GAMMA - 1.0) * (h - 0.5 * u * u))
    du, dp = ur - ul, pr - pl
    # Harten's correction keeps the flux differentiable at sonic points.
    slow, middle, fast = (jnp.sqrt(v * v + (0.05 * c) ** 2) for v in (u - c, u, u + c))
    a, b, d = (dp - rho * c * du) / (2 * c * c), (rr - rl) - dp / (c * c), (dp + rho * c * du) / (2 * c * c)
    jump = (
        slow * a * jnp.stack([jnp.ones_like(u), u - c, h - u * c])
        + middle * b * jnp.stack([jnp.ones_like(u), u, 0.5 * u * u])
        + fast * d * jnp.stack([jnp.ones_like(u), u + c, h + u * c])
    )
    return 0.5 * (flux(left, ul, pl) + flux(right, ur, pr) - jump)


faces = jax.jit(jax.vmap(ccjac.value_and_jacobian(roe_flux, argnums=(0, 1))))


def padded(states):
    """The states with a copy of the first and of the last cell around them."""
    return jnp.concatenate([states[:1], states, states[-1:]])


def step(old, ratio):
    """One step of backward Euler; ``ratio`` is the time step over the cell's width."""
    new = old
    for _ in range(4):
        around = padded(new)
        flux, (by_left, by_right) = (jax.tree.map(np.asarray, x) for x in faces(around[:-1], around[1:]))
        residual = np.asarray(new - old) + ratio * (flux[1:] - flux[:-1])
        diagonal = np.eye(3) + ratio * (by_left[1:] - by_right[:-1])
        diagonal[0] -= ratio * by_left[0]
        diagonal[-1] += ratio * by_right[-1]
        banded = np.zeros((11, 3 * CELLS))
        for offset, blocks in ((-1, -ratio * by_left[1:-1]), (0, diagonal), (1, ratio * by_right[1:-1])):
            rows = np.arange(max(0, -offset), CELLS - max(0, offset))
            for i in range(3):
                for j in range(3):
                    row, column = 3 * rows + i, 3 * (rows + offset) + j
                    banded[5 + row - column, column] = blocks[:, i, j]
        change = solve_banded((5, 5), banded, residual.ravel()).reshape(CELLS, 3)
        new = new - jnp.asarray(change, new.dtype)
        if np.abs(change).max() < 1e-5:
            break
    return new


def solve():
    """Cell centres and the states at the end."""
    x = (np.arange(CELLS) + 0.5) / CELLS
    left, right = (np.array([rho, 0.0, p / (GAMMA - 1.0)]) for rho, p in ((1.0, 1.0), (0.125, 0.1)))
    states = jnp.asarray(np.where(x[:, None] < 0.5, left, right), jnp.float32)
    for _ in range(STEPS):
        states = step(states, TIME / STEPS * CELLS)
    return x, np.asarray(states)


def draw(axes):
    x, states = solve()
    speed = states[:, 1] / states[:, 0]
    axes.plot(x, states[:, 0], label="density")
    axes.plot(x, speed, label="speed")
    axes.plot(x, (GAMMA - 1.0) * (states[:, 2] - 0.5 * states[:, 1] * speed), label="pressure")
    axes.set(xlabel="position", title="Sod's shock tube, implicit Roe scheme")
    axes.legend()


if __name__ == "__main__":
    _, end = solve()
    print("mass kept to", abs(end[:, 0].mean() - 0.5625))
    assert abs(end[:, 0].mean() - 0.5625) < 1e-4
