"""First and second derivatives of option prices over a grid of spot prices, in one batched call.

The function returns the price's gradient; the Jacobian of that holds all second-order Greeks.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import erf

import ccjac


def call_price(spot, volatility, strike=100.0, rate=0.02, years=0.5):
    """F. Black, M. Scholes, J. Political Economy 81, 1973."""
    spread = volatility * jnp.sqrt(years)
    d1 = (jnp.log(spot / strike) + rate * years) / spread + 0.5 * spread
    normal = lambda x: 0.5 * (1.0 + erf(x / jnp.sqrt(2.0)))  # noqa: E731
    return spot * normal(d1) - strike * jnp.exp(-rate * years) * normal(d1 - spread)


def first(spot, volatility):
    return jnp.stack(jax.grad(call_price, argnums=(0, 1))(spot, volatility))


greeks = jax.jit(jax.vmap(ccjac.value_and_jacobian(first, argnums=(0, 1)), in_axes=(0, None)))


def solve():
    spot = jnp.linspace(60.0, 140.0, 161)
    (delta, vega), (by_spot, by_volatility) = jax.tree.map(lambda x: x.T, greeks(spot, 0.25))
    return {"spot": spot, "delta": delta, "vega": vega, "gamma": by_spot[0], "vanna": by_volatility[0]}


def draw(axes):
    found = solve()
    for name, scale in (("delta", 1.0), ("vega", 0.03), ("gamma", 30.0), ("vanna", 1.0)):
        axes.plot(found["spot"], scale * found[name], label=name if scale == 1.0 else f"{name} × {scale:g}")
    axes.set(xlabel="spot price", title="Greeks of a European call")
    axes.legend()


if __name__ == "__main__":
    found = solve()
    at = 80  # spot = strike
    print({name: float(values[at]) for name, values in found.items()})
    assert jnp.allclose(found["gamma"], jax.vmap(jax.grad(lambda s: first(s, 0.25)[0]))(found["spot"]), atol=1e-5)
