"""The Hodgkin-Huxley neuron fires: a stiff solver of scipy with the exact Jacobian of the membrane's equations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import ccjac

jax.config.update("jax_enable_x64", True)


def membrane(time, state):
    """Voltage in mV and three gates; A. L. Hodgkin, A. F. Huxley, J. Physiol. 117, 1952."""
    v, m, h, n = state
    current = 10.0
    sodium, potassium, leak = 120.0 * m**3 * h * (v - 50.0), 36.0 * n**4 * (v + 77.0), 0.3 * (v + 54.387)
    am, bm = 0.1 * (v + 40.0) / -jnp.expm1(-(v + 40.0) / 10.0), 4.0 * jnp.exp(-(v + 65.0) / 18.0)
    ah, bh = 0.07 * jnp.exp(-(v + 65.0) / 20.0), 1.0 / (1.0 + jnp.exp(-(v + 35.0) / 10.0))
    an, bn = 0.01 * (v + 55.0) / -jnp.expm1(-(v + 55.0) / 10.0), 0.125 * jnp.exp(-(v + 65.0) / 80.0)
    return jnp.stack(
        [
            current - sodium - potassium - leak,
            am * (1.0 - m) - bm * m,
            ah * (1.0 - h) - bh * h,
            an * (1.0 - n) - bn * n,
        ]
    )


jacobian = ccjac.plan(membrane, 0.0, jnp.ones(4), argnums=1).to_numpy()
rates = jax.jit(membrane)


def solve():
    start = np.array([-65.0, 0.05, 0.6, 0.32])
    right = lambda t, y: np.asarray(rates(t, y))  # noqa: E731
    return solve_ivp(right, (0.0, 50.0), start, method="BDF", jac=jacobian, rtol=1e-6, atol=1e-8)


def draw(axes):
    found = solve()
    axes.plot(found.t, found.y[0])
    axes.set(xlabel="time in ms", ylabel="membrane voltage in mV", title="Hodgkin-Huxley neuron, 10 µA/cm²")


if __name__ == "__main__":
    found = solve()
    voltage = found.y[0]
    spikes = int(((voltage[1:] > 0) & (voltage[:-1] <= 0)).sum())
    print(spikes, "spikes,", found.njev, "Jacobians,", found.nfev, "right-hand sides")
    assert found.success
    assert spikes in (3, 4)
