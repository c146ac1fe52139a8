"""Stiff chemistry in many cells at once: implicit Euler, whose Newton iteration needs a Jacobian per cell and step.

Robertson's reaction (H. H. Robertson, 1966) is the classic stiff test: three species, rates nine orders of magnitude
apart. The only line that differs from plain JAX is the one that makes ``jacobian``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

import ccjac

CELLS, STEPS, NEWTON = 256, 40, 4


def rates(y: jax.Array) -> jax.Array:
    """dy/dt of the concentrations ``y[3]``."""
    slow = 0.04 * y[0] - 1e4 * y[1] * y[2]
    fast = 3e7 * y[1] * y[1]
    return jnp.stack([-slow, slow - fast, fast])


jacobian = ccjac.jacobian(rates)  # in place of jax.jacfwd(rates)


def step(y: jax.Array, dt: jax.Array) -> jax.Array:
    """One implicit Euler step: solve ``z - y - dt rates(z) = 0`` by Newton's method."""

    def newton(_: int, z: jax.Array) -> jax.Array:
        system = jnp.eye(3, dtype=y.dtype) - dt * jacobian(z)
        return z - jnp.linalg.solve(system, z - y - dt * rates(z))

    return jax.lax.fori_loop(0, NEWTON, newton, y)


@jax.jit
def simulate(y: jax.Array, dt: jax.Array) -> jax.Array:
    """All cells ``y[cells, 3]``, each with its own time steps ``dt[cells, steps]``."""

    def one_cell(y0: jax.Array, steps: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda z, h: (step(z, h), None), y0, steps)[0]

    return jax.vmap(one_cell)(y, dt)


def main() -> None:
    """Run it, and check what chemistry guarantees."""
    jax.config.update("jax_enable_x64", True)
    temperatures = jnp.linspace(0.5, 2.0, CELLS)
    start = jnp.tile(jnp.array([1.0, 0.0, 0.0]), (CELLS, 1))
    growing = jnp.geomspace(1e-4, 10.0, STEPS)
    end = simulate(start, temperatures[:, None] * growing)
    print(ccjac.plan(rates, start[0]))
    print("first cell:", end[0], " last cell:", end[-1])
    assert jnp.allclose(end.sum(axis=1), 1.0, atol=1e-9), "mass is conserved"
    assert bool((end >= -1e-12).all()), "no concentration is negative"
    assert jnp.allclose(jacobian(end[0]), jax.jacfwd(rates)(end[0]), rtol=1e-12)


if __name__ == "__main__":
    main()
