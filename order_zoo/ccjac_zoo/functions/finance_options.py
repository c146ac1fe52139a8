"""Closed-form option prices and their derivatives."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from ..namespace import normal_cdf
from ..registry import catalogued
from ..sampling import box


def normal_pdf(xp: Any, x: Any) -> Any:
    """The standard normal density, e^(−x²/2) / √(2π)."""
    return xp.exp(-0.5 * x * x) / sqrt(2.0 * pi)


def black76_call(xp: Any, forward: Any, strike: Any, rate: Any, volatility: Any, expiry: Any) -> Any:
    """Black's price of a call on a forward: e^(−rT) (F N(d₁) − K N(d₂)), d₁,₂ = (ln(F/K) ± σ²T/2) / (σ√T)."""
    deviation = volatility * xp.sqrt(expiry)
    d1 = xp.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    return xp.exp(-rate * expiry) * (forward * normal_cdf(xp, d1) - strike * normal_cdf(xp, d2))


@catalogued(
    "BlackScholes_Jacobian",
    domain="finance",
    source="F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976) 167-179; Greeks as in E. G. "
    "Haug, The Complete Guide to Option Pricing Formulas, 2nd ed. (2007), chapters 1 and 2",
    sample=box((60.0, 140.0), (60.0, 140.0), (0.0, 0.1), (0.1, 0.6), (0.1, 2.0)),
)
def black76_gradient(xp: Any, forward: Any, strike: Any, rate: Any, volatility: Any, expiry: Any) -> Any:
    """Gradient of Black's 1976 call price; its Jacobian holds all second-order Greeks.

    ∂C/∂F = D N(d₁), ∂C/∂K = −D N(d₂), ∂C/∂r = −T C, ∂C/∂σ = D F φ(d₁) √T, ∂C/∂T = −r C + D F φ(d₁) σ / (2√T),
    with the discount factor D = e^(−rT).

    Args:
        xp: Array namespace.
        forward: Forward price F.
        strike: Strike K, in the same currency.
        rate: Continuously compounded rate r, per year.
        volatility: σ, per square root of a year.
        expiry: Time to expiry T, years.

    Returns:
        The five first-order Greeks, in the order of the arguments.
    """
    root = xp.sqrt(expiry)
    deviation = volatility * root
    d1 = xp.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    discount = xp.exp(-rate * expiry)
    by_forward = discount * normal_cdf(xp, d1)
    by_strike = -discount * normal_cdf(xp, d2)
    price = forward * by_forward + strike * by_strike
    density = discount * forward * normal_pdf(xp, d1)
    by_volatility = density * root
    by_expiry = 0.5 * density * volatility / root - rate * price
    return by_forward, by_strike, -expiry * price, by_volatility, by_expiry
