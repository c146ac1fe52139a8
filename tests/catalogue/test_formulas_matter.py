"""Reactions and equations of state: conserved atoms, limits, published values."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from catalogue_helpers import call, example


def test_reactions_conserve_what_they_must() -> None:
    assert sum(call("Robertson", *example("Robertson"))) == pytest.approx(0.0, abs=1e-12)
    hires = call("HIRES", *example("HIRES"))
    assert hires[6] + hires[7] == pytest.approx(0.0, abs=1e-15)
    rates = call("POLLU", *example("POLLU"))
    # Sulphur: SO2 and SO4; nitrogen: NO2, NO, PAN, HNO3, NO3 and twice N2O5.
    assert rates[16] + rates[17] == 0.0
    nitrogen = rates[[0, 1, 12, 14, 18]].sum() + 2.0 * rates[19]
    assert nitrogen == pytest.approx(0.0, abs=1e-12 * np.abs(rates).max())
    plankton = call("PlanktonNPZ", *example("PlanktonNPZ"))
    assert plankton.sum() == pytest.approx(0.0, abs=1e-14)
    substrate, enzyme, bound, product = call("EnzymeKinetics", *example("EnzymeKinetics"))
    assert enzyme + bound == pytest.approx(0.0, abs=1e-15)
    assert substrate + bound + product == pytest.approx(0.0, abs=1e-15)


def test_published_initial_rates() -> None:
    """Right-hand sides at the published initial values, worked out by hand."""
    np.testing.assert_allclose(call("Robertson", 1.0, 0.0, 0.0), [-0.04, 0.04, 0.0])
    hires = call("HIRES", 1.0, *[0.0] * 6, 0.0057)
    np.testing.assert_allclose(hires, [-1.7093, 1.71, 0, 0, 0, 0, 0, 0], atol=1e-15)
    start = np.zeros(20)
    start[[1, 3, 6, 7, 8, 16]] = [0.2, 0.04, 0.1, 0.3, 0.01, 0.007]
    rates = call("POLLU", *start)
    ozone = 26.6 * 0.2 * 0.04
    np.testing.assert_allclose(
        rates[[0, 1, 3, 6]], [ozone, -ozone, -ozone - 0.04 * 0.01785, -0.1 * 0.00168], rtol=1e-12
    )
    np.testing.assert_allclose(call("CSTR", 0.5, 350.0, 300.0), [0.0, 0.0], atol=2e-2)


def test_fall_off_joins_its_limits() -> None:
    temp = 1500.0
    high = log(1.39e16) / log(10) - 0.534 * np.log10(temp) - 536.0 / (1.987204 * temp * log(10))
    low = log(2.62e33) / log(10) - 4.76 * np.log10(temp) - 2440.0 / (1.987204 * temp * log(10))
    assert call("TroeFalloff", temp, 1e12) == pytest.approx(high, abs=0.02)
    assert call("TroeFalloff", temp, 1e-22) == pytest.approx(low - 22.0, abs=0.02)


def test_propane_at_the_standard_start() -> None:
    k5, k6, k7, k8, k9, k10 = 1.930e-1, 2.597e-3, 3.448e-3, 1.799e-5, 2.155e-4, 3.846e-5
    root = sqrt(40.0)
    start = (5, 2.5, 5, 0.1, 0.05 * k5, k6 / root, 50 * k7 / root, 1e3 * k8 / 40, 500 * k9 / root, 5e4 * k10 / 40, 20)
    residual = call("PropaneCombustion", *map(float, start))
    # The start solves the fifth equation, and the first and fourth can be read off.
    assert residual[0] == pytest.approx(2.1)
    assert residual[3] == pytest.approx(10.0 + start[8] - 40.0)
    assert residual[4] == pytest.approx(0.0, abs=1e-16)
    assert residual[10] == pytest.approx(20.0 - sum(start[:10]))


def test_propane_has_a_positive_equilibrium() -> None:
    from scipy.optimize import least_squares

    def residual(logs: np.ndarray) -> np.ndarray:
        return call("PropaneCombustion", *np.exp(logs))

    start = np.log([2.9, 3.9, 20.0, 0.1, 1e-3, 1e-3, 3e-2, 1e-3, 3e-2, 1.0, 27.0])
    found = least_squares(residual, start, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    x = np.exp(found.x)
    assert np.abs(found.fun).max() < 1e-9
    # Meintjes and Morgan: one physical solution, mostly nitrogen, water and carbon dioxide.
    assert x[2] > x[1] > x[0] > 2.5
    assert x[10] == pytest.approx(x[:10].sum())


def test_equations_of_state() -> None:
    np.testing.assert_allclose(call("VanDerWaals", 1.0, 1.0)[0], 1.0)
    dilute = 1e4
    for name, extra in (("RedlichKwong", ()), ("PengRobinson", (0.2,))):
        p, residual = call(name, 400.0, dilute, 300.0, 5e6, *extra)
        assert p * dilute == pytest.approx(8.314462618 * 400.0, rel=1e-6)
        assert residual == pytest.approx(0.0, abs=1e-3)
    # Peng and Robinson's critical compressibility.
    t_c, p_c = 304.2, 7.38e6
    v_c = 0.3074 * 8.314462618 * t_c / p_c
    assert call("PengRobinson", t_c, v_c, t_c, p_c, 0.225)[0] == pytest.approx(p_c, rel=1e-3)


def test_derivatives_that_are_themselves_formulas() -> None:
    """∂F/∂V of the residual Helmholtz energy gives the pressure; ln φ and p obey Maxwell's relation of their energy."""
    temp, volume, n1, n2 = 350.0, 1.2e-3, 0.4, 0.6
    h = 1e-8
    slope = (call("SRKHelmholtz", temp, volume + h, n1, n2)[0] - call("SRKHelmholtz", temp, volume - h, n1, n2)[0]) / (
        2 * h
    )
    p = 8.314462618 * temp * ((n1 + n2) / volume - slope)
    assert call("SRKHelmholtz", temp, volume, n1, n2)[1] == pytest.approx(p, rel=1e-6)


def test_phase_equilibria() -> None:
    # Gibbs and Duhem: x₁ d ln γ₁ + x₂ d ln γ₂ = 0 along x₂ = 1 − x₁.
    x, h, rest = 0.3, 1e-5, (350.0, 2500.0, 1200.0, 0.3)
    change = (call("NRTL", x + h, 1 - x - h, *rest) - call("NRTL", x - h, 1 - x + h, *rest)) / (2 * h)
    assert x * change[0] + (1 - x) * change[1] == pytest.approx(0.0, abs=1e-8)
    np.testing.assert_allclose(call("NRTL", 1.0, 0.0, *rest)[0], 0.0, atol=1e-15)
    # Benzene boils at 80.1 °C, toluene at 110.6 °C, ethylbenzene at 136.2 °C.
    for index, boiling in enumerate((80.1, 110.6, 136.2)):
        pure = np.eye(3)[index]
        assert call("BubblePoint", boiling, 760.0, *pure)[3] == pytest.approx(0.0, abs=3e-3)
    v, z, k = 0.4, np.array([0.3, 0.3, 0.4]), np.array([2.5, 1.1, 0.3])
    flash = call("RachfordRice", v, *z, *k)
    np.testing.assert_allclose((1 - v) * flash[1:4] + v * flash[4:7], z, rtol=1e-14)
