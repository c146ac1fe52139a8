"""Option prices and implied volatilities in closed form, beside Black's."""

from __future__ import annotations

from typing import Any

from ..namespace import normal_cdf
from ..registry import catalogued
from ..sampling import box
from .finance_options import normal_pdf

_DOMAIN = "finance"
_HAUG = "E. G. Haug, The Complete Guide to Option Pricing Formulas, 2nd ed. (2007), "


def generalised_black_scholes(xp: Any, forward: Any, strike: Any, discount: Any, deviation: Any) -> tuple[Any, Any]:
    """Call and put on a forward, D (F N(d₁) − K N(d₂)) and D (K N(−d₂) − F N(−d₁)), with the deviation σ√T of ln F."""
    d1 = xp.log(forward / strike) / deviation + 0.5 * deviation
    n1, n2 = normal_cdf(xp, d1), normal_cdf(xp, d1 - deviation)
    call = discount * (forward * n1 - strike * n2)
    put = discount * (strike * (1.0 - n2) - forward * (1.0 - n1))
    return call, put


@catalogued(
    "BlackScholes",
    domain=_DOMAIN,
    source="F. Black, M. Scholes, The pricing of options and corporate liabilities, J. Political Economy 81 (1973) "
    "637-654, eq. 13",
    sample=box((60.0, 140.0), (60.0, 140.0), (0.0, 0.1), (0.1, 0.6), (0.1, 2.0)),
)
def black_scholes(xp: Any, spot: Any, strike: Any, rate: Any, volatility: Any, expiry: Any) -> Any:
    """Black-Scholes price of a European call and put on a stock without dividends.

    Args:
        xp: Array namespace.
        spot: Price of the stock.
        strike: Strike.
        rate: Continuously compounded rate, per year.
        volatility: Per square root of a year.
        expiry: Years.

    Returns:
        Call and put price.
    """
    discount = xp.exp(-rate * expiry)
    return generalised_black_scholes(xp, spot / discount, strike, discount, volatility * xp.sqrt(expiry))


@catalogued(
    "GarmanKohlhagen",
    domain=_DOMAIN,
    source="M. B. Garman, S. W. Kohlhagen, Foreign currency option values, J. International Money and Finance 2 "
    "(1983) 231-237",
    sample=box((0.8, 1.4), (0.8, 1.4), (0.0, 0.06), (0.0, 0.06), (0.05, 0.25), (0.1, 2.0)),
)
def garman_kohlhagen(xp: Any, spot: Any, strike: Any, domestic: Any, foreign: Any, volatility: Any, expiry: Any) -> Any:
    """Price of a European call and put on a currency.

    Args:
        xp: Array namespace.
        spot: Exchange rate, domestic per foreign.
        strike: Strike.
        domestic: Domestic rate, per year.
        foreign: Foreign rate, per year.
        volatility: Per square root of a year.
        expiry: Years.

    Returns:
        Call and put price, domestic.
    """
    forward = spot * xp.exp((domestic - foreign) * expiry)
    discount = xp.exp(-domestic * expiry)
    return generalised_black_scholes(xp, forward, strike, discount, volatility * xp.sqrt(expiry))


@catalogued(
    "Bachelier",
    domain=_DOMAIN,
    source="L. Bachelier, Theorie de la speculation (1900); on a forward as in " + _HAUG + "chapter 1",
    sample=box((-0.5, 2.5), (-0.5, 2.5), (0.0, 0.05), (0.3, 1.0), (0.2, 5.0)),
)
def bachelier(xp: Any, forward: Any, strike: Any, rate: Any, volatility: Any, expiry: Any) -> Any:
    """Price of a European call and put when the forward is normally distributed.

    C = e^(−rT) ((F − K) N(d) + σ√T φ(d)), d = (F − K)/(σ√T); negative forwards are fine.

    Args:
        xp: Array namespace.
        forward: F, percent.
        strike: K, percent.
        rate: r, per year.
        volatility: σ, percent per square root of a year.
        expiry: T, years.

    Returns:
        Call and put price.
    """
    discount = xp.exp(-rate * expiry)
    deviation = volatility * xp.sqrt(expiry)
    gap = forward - strike
    d = gap / deviation
    tail = normal_cdf(xp, d)
    spread = deviation * normal_pdf(xp, d)
    return discount * (gap * tail + spread), discount * (spread - gap * (1.0 - tail))


@catalogued(
    "Margrabe",
    domain=_DOMAIN,
    source="W. Margrabe, The value of an option to exchange one asset for another, J. Finance 33 (1978) 177-186",
    sample=box((80, 120), (80, 120), (0.1, 0.4), (0.1, 0.4), (-0.5, 0.8), (0.2, 2.0)),
)
def margrabe(xp: Any, first: Any, second: Any, vol_1: Any, vol_2: Any, correlation: Any, expiry: Any) -> Any:
    """Price of the right to exchange the second asset for the first.

    S₁ N(d₁) − S₂ N(d₂), σ² = σ₁² + σ₂² − 2ρσ₁σ₂.

    Args:
        xp: Array namespace.
        first: S₁.
        second: S₂.
        vol_1: σ₁; vol_2: σ₂, per square root of a year.
        correlation: ρ.
        expiry: Years.

    Returns:
        The price.
    """
    variance = vol_1 * vol_1 + vol_2 * vol_2 - 2.0 * correlation * vol_1 * vol_2
    deviation = xp.sqrt(variance * expiry)
    d1 = xp.log(first / second) / deviation + 0.5 * deviation
    return first * normal_cdf(xp, d1) - second * normal_cdf(xp, d1 - deviation)


@catalogued(
    "MertonCredit",
    domain=_DOMAIN,
    source="R. C. Merton, On the pricing of corporate debt, J. Finance 29 (1974) 449-470",
    sample=box((100, 150), (60, 95), (0.0, 0.08), (0.15, 0.4), (1.0, 5.0)),
)
def merton_credit(xp: Any, assets: Any, debt: Any, rate: Any, volatility: Any, expiry: Any) -> Any:
    """Merton's structural model: a firm's equity is a call on its assets.

    Args:
        xp: Array namespace.
        assets: Value of the firm.
        debt: Face value of its zero-coupon debt.
        rate: Per year.
        volatility: Of the assets, per square root of a year.
        expiry: Years to the debt's maturity.

    Returns:
        Equity, risk-neutral probability of default, credit spread (per year), volatility of the equity.
    """
    deviation = volatility * xp.sqrt(expiry)
    discounted = debt * xp.exp(-rate * expiry)
    d1 = xp.log(assets / discounted) / deviation + 0.5 * deviation
    n1, n2 = normal_cdf(xp, d1), normal_cdf(xp, d1 - deviation)
    equity = assets * n1 - discounted * n2
    spread = -xp.log((assets - equity) / debt) / expiry - rate
    return equity, 1.0 - n2, spread, volatility * assets * n1 / equity


@catalogued(
    "SABR",
    domain=_DOMAIN,
    source="P. S. Hagan, D. Kumar, A. S. Lesniewski, D. E. Woodward, Managing smile risk, Wilmott Magazine (September "
    "2002) 84-108, eq. 2.17a",
    sample=box((0.02, 0.03), (0.035, 0.06), (0.5, 5.0), (0.02, 0.06), (0.3, 0.8), (-0.6, 0.2), (0.2, 0.6)),
)
def sabr(xp: Any, forward: Any, strike: Any, expiry: Any, alpha: Any, beta: Any, rho: Any, nu: Any) -> Any:
    """Implied Black volatility of the SABR model, away from the money.

    σ = α/(m (1 + c² L²/24 + c⁴ L⁴/1920)) · z/x(z) · (1 + (c²α²/(24m²) + ρβνα/(4m) + (2 − 3ρ²)ν²/24) T), with c = 1 −
    β, L = ln(F/K), m = (FK)^(c/2), z = (ν/α) m L, x(z) = ln((√(1 − 2ρz + z²) + z − ρ)/(1 − ρ)).

    Args:
        xp: Array namespace.
        forward: F.
        strike: K, not equal to F.
        expiry: T, years.
        alpha: α; beta, rho, nu: β, ρ, ν.

    Returns:
        The volatility, per square root of a year.
    """
    c = 1.0 - beta
    log_f, log_k = xp.log(forward), xp.log(strike)
    moneyness = log_f - log_k
    m = xp.exp(0.5 * c * (log_f + log_k))
    square = c * moneyness
    square = square * square
    z = nu / alpha * m * moneyness
    x = xp.log((xp.sqrt(1.0 - 2.0 * rho * z + z * z) + z - rho) / (1.0 - rho))
    ratio = alpha / m
    drift = c * c * ratio * ratio / 24.0 + 0.25 * rho * beta * nu * ratio + (2.0 - 3.0 * rho * rho) * nu * nu / 24.0
    return ratio / (1.0 + square / 24.0 + square * square / 1920.0) * (z / x) * (1.0 + drift * expiry)


@catalogued(
    "SVI",
    domain=_DOMAIN,
    source="J. Gatheral, A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14 (2014) 59-71, "
    "arXiv 1204.0646, eq. 3.1",
    sample=box((-0.5, 0.5), (0.01, 0.05), (0.1, 0.4), (-0.6, 0.2), (-0.1, 0.1), (0.1, 0.3)),
)
def svi(xp: Any, k: Any, a: Any, b: Any, rho: Any, m: Any, sigma: Any) -> Any:
    """Total implied variance of a smile in the raw SVI form.

    w(k) = a + b (ρ (k − m) + √((k − m)² + σ²)).

    Args:
        xp: Array namespace.
        k: Log-moneyness.
        a: Level; b, rho, m, sigma: the other parameters.

    Returns:
        w and its slope ∂w/∂k.
    """
    x = k - m
    root = xp.sqrt(x * x + sigma * sigma)
    return a + b * (rho * x + root), b * (rho + x / root)
