"""Bond prices and yield curves, and the characteristic function of a stochastic-volatility model."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "finance"

Complex = tuple[Any, Any]
"""Real and imaginary part; complex dtypes would leave the real Jacobian."""


@catalogued(
    "VasicekBond",
    domain=_DOMAIN,
    source="O. Vasicek, An equilibrium characterization of the term structure, J. Financial Economics 5 (1977) "
    "177-188, eq. 27",
    sample=box((0.0, 0.08), (0.1, 1.0), (0.01, 0.08), (0.005, 0.03), (0.5, 10.0)),
)
def vasicek_bond(xp: Any, rate: Any, speed: Any, mean: Any, volatility: Any, maturity: Any) -> Any:
    """Zero-coupon bond in Vasicek's model, dr = κ (θ − r) dt + σ dW.

    P = exp((θ − σ²/(2κ²)) (B − T) − σ² B²/(4κ) − B r), B = (1 − e^(−κT))/κ.

    Args:
        xp: Array namespace.
        rate: r.
        speed: κ.
        mean: θ under the pricing measure.
        volatility: σ.
        maturity: T, years.

    Returns:
        Price and yield.
    """
    b = (1.0 - xp.exp(-speed * maturity)) / speed
    variance = volatility * volatility
    log_price = (mean - 0.5 * variance / (speed * speed)) * (b - maturity) - 0.25 * variance * b * b / speed - b * rate
    return xp.exp(log_price), -log_price / maturity


@catalogued(
    "CIRBond",
    domain=_DOMAIN,
    source="J. C. Cox, J. E. Ingersoll, S. A. Ross, A theory of the term structure of interest rates, Econometrica 53 "
    "(1985) 385-407, eq. 23",
    sample=box((0.01, 0.08), (0.1, 1.0), (0.01, 0.08), (0.02, 0.15), (0.5, 10.0)),
)
def cir_bond(xp: Any, rate: Any, speed: Any, mean: Any, volatility: Any, maturity: Any) -> Any:
    """Zero-coupon bond in the Cox-Ingersoll-Ross model, dr = κ (θ − r) dt + σ √r dW.

    P = A e^(−B r), B = 2(e^(hT) − 1)/G, A = (2h e^((κ+h)T/2)/G)^(2κθ/σ²), G = 2h + (κ + h)(e^(hT) − 1), h² = κ² + 2σ².

    Args:
        xp: Array namespace.
        rate: r.
        speed: κ.
        mean: θ.
        volatility: σ.
        maturity: T, years.

    Returns:
        Price and yield.
    """
    variance = volatility * volatility
    h = xp.sqrt(speed * speed + 2.0 * variance)
    growth = xp.exp(h * maturity) - 1.0
    total = speed + h
    g = 2.0 * h + total * growth
    log_a = 2.0 * speed * mean / variance * (xp.log(2.0 * h / g) + 0.5 * total * maturity)
    log_price = log_a - 2.0 * growth / g * rate
    return xp.exp(log_price), -log_price / maturity


@catalogued(
    "NelsonSiegelSvensson",
    domain=_DOMAIN,
    source="L. E. O. Svensson, Estimating and interpreting forward interest rates, NBER working paper 4871 (1994); C. "
    "R. Nelson, A. F. Siegel, J. Business 60 (1987) 473-489",
    sample=box((0.02, 0.05), (-0.03, 0.01), (-0.03, 0.03), (-0.03, 0.03), (0.5, 2.0), (3.0, 8.0), (0.5, 20.0)),
)
def nelson_siegel_svensson(
    xp: Any, level: Any, slope: Any, hump: Any, second: Any, tau_1: Any, tau_2: Any, maturity: Any
) -> Any:
    """Zero rate and forward rate of the Nelson-Siegel-Svensson curve.

    y = β₀ + β₁ g(T/τ₁) + β₂ (g(T/τ₁) − e^(−T/τ₁)) + β₃ (g(T/τ₂) − e^(−T/τ₂)), g(x) = (1 − e^(−x))/x.

    Args:
        xp: Array namespace.
        level: β₀; slope, hump, second: β₁, β₂, β₃.
        tau_1: τ₁; tau_2: τ₂, years.
        maturity: T, years.

    Returns:
        Zero rate and instantaneous forward rate.
    """
    x1, x2 = maturity / tau_1, maturity / tau_2
    e1, e2 = xp.exp(-x1), xp.exp(-x2)
    g1, g2 = (1.0 - e1) / x1, (1.0 - e2) / x2
    zero = level + slope * g1 + hump * (g1 - e1) + second * (g2 - e2)
    return zero, level + e1 * (slope + hump * x1) + second * x2 * e2


def _product(a: Complex, b: Complex) -> Complex:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _quotient(a: Complex, b: Complex) -> Complex:
    scale = b[0] * b[0] + b[1] * b[1]
    return (a[0] * b[0] + a[1] * b[1]) / scale, (a[1] * b[0] - a[0] * b[1]) / scale


def _exponential(xp: Any, a: Complex) -> Complex:
    size = xp.exp(a[0])
    return size * xp.cos(a[1]), size * xp.sin(a[1])


def _logarithm(xp: Any, a: Complex) -> Complex:
    return 0.5 * xp.log(a[0] * a[0] + a[1] * a[1]), xp.arctan2(a[1], a[0])


def _root(xp: Any, a: Complex) -> Complex:
    """Principal square root of a number off the negative axis."""
    real = xp.sqrt(0.5 * (xp.sqrt(a[0] * a[0] + a[1] * a[1]) + a[0]))
    return real, 0.5 * a[1] / real


@catalogued(
    "HestonCharacteristicFunction",
    domain=_DOMAIN,
    source="S. L. Heston, Review of Financial Studies 6 (1993) 327-343; in the form without branch cuts of H. "
    "Albrecher, P. Mayer, W. Schoutens, J. Tistaert, The little Heston trap, Wilmott Magazine (January 2007) 83-92",
    sample=box((0.5, 5.0), (0.3, 2.0), (0.02, 0.1), (0.5, 3.0), (0.02, 0.1), (0.2, 0.6), (-0.8, 0.0)),
)
def heston_characteristic_function(
    xp: Any, u: Any, expiry: Any, variance: Any, speed: Any, mean: Any, volatility: Any, correlation: Any
) -> Any:
    """Characteristic function of the log forward return in Heston's model, in real arithmetic.

    φ(u) = exp(κθ/σ² ((ξ − d)T − 2 ln((1 − g e^(−dT))/(1 − g))) + v (ξ − d)/σ² (1 − e^(−dT))/(1 − g e^(−dT))), with ξ
    = κ − iρσu, d² = ξ² + σ²(u² + iu), g = (ξ − d)/(ξ + d).

    Args:
        xp: Array namespace.
        u: Frequency.
        expiry: T, years.
        variance: v, today's.
        speed: κ.
        mean: θ.
        volatility: σ, of the variance.
        correlation: ρ.

    Returns:
        Real and imaginary part of φ(u).
    """
    square = volatility * volatility
    xi = (speed, -correlation * volatility * u)
    d = _root(xp, (xi[0] * xi[0] - xi[1] * xi[1] + square * u * u, 2.0 * xi[0] * xi[1] + square * u))
    minus, plus = (xi[0] - d[0], xi[1] - d[1]), (xi[0] + d[0], xi[1] + d[1])
    g = _quotient(minus, plus)
    decay = _exponential(xp, (-d[0] * expiry, -d[1] * expiry))
    faded = _product(g, decay)
    denominator = (1.0 - faded[0], -faded[1])
    log = _logarithm(xp, _quotient(denominator, (1.0 - g[0], -g[1])))
    drift = _product(minus, _quotient((1.0 - decay[0], -decay[1]), denominator))
    scale = speed * mean
    exponent = tuple(
        (scale * (m * expiry - 2.0 * part) + variance * v) / square
        for m, part, v in zip(minus, log, drift, strict=True)
    )
    return _exponential(xp, exponent)
