"""Prices and curves: parity, symmetry, limits, published prices."""

from __future__ import annotations

from math import erf, exp, log, sqrt

import numpy as np
import pytest
from catalogue_helpers import call, example


@pytest.mark.parametrize("seed", range(3))
def test_put_call_parity(seed: int) -> None:
    spot, strike, rate, vol, expiry = example("BlackScholes", seed)
    call_price, put = call("BlackScholes", spot, strike, rate, vol, expiry)
    assert call_price - put == pytest.approx(spot - strike * exp(-rate * expiry), abs=1e-11)
    spot, strike, domestic, foreign, vol, expiry = example("GarmanKohlhagen", seed)
    call_price, put = call("GarmanKohlhagen", spot, strike, domestic, foreign, vol, expiry)
    assert call_price - put == pytest.approx(
        spot * exp(-foreign * expiry) - strike * exp(-domestic * expiry), abs=1e-13
    )
    forward, strike, rate, vol, expiry = example("Bachelier", seed)
    call_price, put = call("Bachelier", forward, strike, rate, vol, expiry)
    assert call_price - put == pytest.approx((forward - strike) * exp(-rate * expiry), abs=1e-13)


def test_published_prices() -> None:
    """Hull's example: S = 42, K = 40, r = 10 %, σ = 20 %, half a year: a call of 4.76 and a put of 0.81."""
    np.testing.assert_allclose(call("BlackScholes", 42.0, 40.0, 0.1, 0.2, 0.5), [4.76, 0.81], atol=5e-3)


def test_gradient_of_black_76_is_a_gradient() -> None:
    """Euler's theorem for a price homogeneous in forward and strike, and symmetric second derivatives."""
    forward, strike, rate, vol, expiry = example("BlackScholes_Jacobian", 1)

    def gradient(x: np.ndarray) -> np.ndarray:
        return call("BlackScholes_Jacobian", *x)

    x = np.array([forward, strike, rate, vol, expiry])
    d1 = (log(forward / strike) + 0.5 * vol**2 * expiry) / (vol * sqrt(expiry))
    n1, n2 = (0.5 * (1 + erf(d / sqrt(2))) for d in (d1, d1 - vol * sqrt(expiry)))
    price = exp(-rate * expiry) * (forward * n1 - strike * n2)
    g = gradient(x)
    assert forward * g[0] + strike * g[1] == pytest.approx(price)
    assert g[2] == pytest.approx(-expiry * price)
    step = 1e-5 * np.maximum(x, 0.1)
    hessian = np.array([(gradient(x + d) - gradient(x - d)) / (2 * d.sum()) for d in np.diag(step)])
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-6, atol=1e-7)


def test_volatility_models_at_their_limits() -> None:
    # Without volatility of volatility and with β = 1 SABR is Black's model.
    assert call("SABR", 0.03, 0.04, 2.0, 0.2, 1.0, 0.0, 1e-4) == pytest.approx(0.2, rel=1e-6)
    k, a, b, rho, m, sigma = example("SVI", 0)
    h = 1e-6
    slope = (call("SVI", k + h, a, b, rho, m, sigma)[0] - call("SVI", k - h, a, b, rho, m, sigma)[0]) / (2 * h)
    assert call("SVI", k, a, b, rho, m, sigma)[1] == pytest.approx(slope)
    with np.errstate(invalid="raise"):
        np.testing.assert_allclose(
            call("HestonCharacteristicFunction", 0.0, 1.0, 0.04, 1.0, 0.05, 0.3, -0.5), [1.0, 0.0]
        )


def test_heston_in_real_arithmetic_is_heston() -> None:
    u, expiry, v, kappa, theta, sigma, rho = example("HestonCharacteristicFunction", 3)
    xi = kappa - 1j * rho * sigma * u
    d = np.sqrt(xi**2 + sigma**2 * (u**2 + 1j * u))
    g = (xi - d) / (xi + d)
    fade = np.exp(-d * expiry)
    c = kappa * theta / sigma**2 * ((xi - d) * expiry - 2 * np.log((1 - g * fade) / (1 - g)))
    phi = np.exp(c + v * (xi - d) / sigma**2 * (1 - fade) / (1 - g * fade))
    result = call("HestonCharacteristicFunction", u, expiry, v, kappa, theta, sigma, rho)
    np.testing.assert_allclose(result, [phi.real, phi.imag], rtol=1e-12)


def test_bonds_without_risk() -> None:
    """With no volatility and the rate at its mean a bond is discounted at that rate."""
    for name in ("VasicekBond", "CIRBond"):
        np.testing.assert_allclose(call(name, 0.04, 0.5, 0.04, 1e-5, 7.0), [exp(-0.28), 0.04], rtol=1e-6)
    level, rest = 0.03, (-0.02, 0.01, 0.02, 1.5, 5.0)
    assert call("NelsonSiegelSvensson", level, *rest, 1e4)[0] == pytest.approx(level, abs=1e-5)
    assert call("NelsonSiegelSvensson", level, *rest, 1e-6)[0] == pytest.approx(level - 0.02, abs=1e-6)
    equity, default, spread, volatility = call("MertonCredit", 120.0, 80.0, 0.03, 0.25, 3.0)
    assert 40.0 < equity < 120.0
    assert 0.0 < default < 1.0
    assert spread > 0.0
    assert volatility > 0.25
    assert call("Margrabe", 100.0, 100.0, 0.3, 0.3, 0.999999999, 1.0) == pytest.approx(0.0, abs=1e-2)
