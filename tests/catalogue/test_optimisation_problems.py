"""The optimisation test sets against their published roots and minima."""

from __future__ import annotations

import numpy as np
import pytest

import ccjac_zoo

ROOTS = {
    "Rosenbrock": (1, 1),
    "FreudensteinRoth": (5, 4),
    "Beale": (3, 0.5),
    "HelicalValley": (1, 0, 0),
    "Box3D": (1, 10, 1),
    "PowellSingular": (0, 0, 0, 0),
    "Wood": (1, 1, 1, 1),
    "BiggsEXP6": (1, 10, 1, 5, 4, 3),
    "Trigonometric": (0, 0, 0, 0, 0),
    "BrownAlmostLinear": (1, 1, 1, 1, 1),
}

MINIMA = {
    "FreudensteinRoth": ((11.41277900, -0.89680525), 48.98425),
    "JennrichSampson": ((0.25782521, 0.25782521), 124.3622),
    "Bard": ((0.08241056, 1.13303609, 2.34369517), 8.214877e-3),
    "GaussianFit": ((0.39895614, 1.00001908, 0.0), 1.127933e-8),
    "Meyer": ((0.005609636, 6181.3463, 345.22363), 87.94585),
    "KowalikOsborne": ((0.19280693, 0.19128233, 0.12305651, 0.13606233), 3.075056e-4),
    "BrownDennis": ((-11.5944399, 13.2036300, -0.4034394, 0.2367787), 85822.20),
    "Osborne1": ((0.37541006, 1.93584691, -1.46468714, 0.01286753, 0.02212270), 5.464895e-5),
    "Watson": ((-0.01572509, 1.01243487, -0.23299163, 1.26043009, -1.51372892, 0.99299643), 2.287670e-3),
}

STARTS = {
    "Rosenbrock": ((-1.2, 1), 24.2),
    "FreudensteinRoth": ((0.5, -2), 400.5),
    "PowellSingular": ((3, -1, 0, 1), 215.0),
    "Wood": ((-3, -1, -3, -1), 19192.0),
    "HelicalValley": ((-1, 0, 0), 2500.0),
    "BrownDennis": ((25, 5, -5, -1), 7926693.336997432),
    "Bard": ((1, 1, 1), 41.68169586),
    "KowalikOsborne": ((0.25, 0.39, 0.415, 0.39), 5.313172272e-3),
}
"""Sums of squares at the standard starting points."""


def residuals(name: str, point: tuple[float, ...]) -> np.ndarray:
    return np.array(ccjac_zoo.task(name).bind("numpy")(*map(np.float64, point)))


@pytest.mark.parametrize("name", ROOTS)
def test_root(name: str) -> None:
    np.testing.assert_allclose(residuals(name, ROOTS[name]), 0.0, atol=1e-14)


@pytest.mark.parametrize("name", MINIMA)
def test_minimum(name: str) -> None:
    point, value = MINIMA[name]
    assert np.sum(residuals(name, point) ** 2) == pytest.approx(value, rel=2e-5)


@pytest.mark.parametrize("name", STARTS)
def test_standard_start(name: str) -> None:
    point, value = STARTS[name]
    assert np.sum(residuals(name, point) ** 2) == pytest.approx(value, rel=1e-8)


def test_powell_badly_scaled_root() -> None:
    np.testing.assert_allclose(residuals("PowellBadlyScaled", (1.0981593296999e-5, 9.106146739867)), 0.0, atol=1e-10)


@pytest.mark.parametrize("name", ["DiscreteBoundaryValue", "DiscreteIntegralEquation"])
def test_discretisations_share_their_solution(name: str) -> None:
    """Both discretise u'' = (u + t + 1)³/2; the boundary-value one with central differences of second order."""
    from scipy.optimize import root

    other = {"DiscreteBoundaryValue": "DiscreteIntegralEquation"}.get(name, "DiscreteBoundaryValue")
    start = np.full(6, -0.1)
    one, two = (root(lambda x, n=n: residuals(n, tuple(x)), start, tol=1e-13).x for n in (name, other))
    np.testing.assert_allclose(residuals(name, tuple(one)), 0.0, atol=1e-12)
    np.testing.assert_allclose(one, two, rtol=1e-10)


def test_broyden_systems_entry_by_entry() -> None:
    x = np.linspace(-1.3, 0.9, 6)
    padded = np.concatenate([[0.0], x, [0.0]])
    expected = (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1
    np.testing.assert_allclose(residuals("BroydenTridiagonal", tuple(x)), expected, rtol=1e-14)
    x = np.linspace(-1.1, 0.7, 8)
    for i, value in enumerate(residuals("BroydenBanded", tuple(x))):
        near = [j for j in range(max(0, i - 5), min(8, i + 2)) if j != i]
        assert value == pytest.approx(x[i] * (2 + 5 * x[i] ** 2) + 1 - sum(x[j] * (1 + x[j]) for j in near))


def test_chebyquad_is_exact_for_known_nodes() -> None:
    """Chebyshev's equal-weight rule of six nodes on [0, 1]."""
    nodes = np.array([0.2666354015, 0.4225186538, 0.8662468181])
    nodes = 0.5 + 0.5 * np.concatenate([-nodes[::-1], nodes])
    np.testing.assert_allclose(residuals("Chebyquad", tuple(nodes)), 0.0, atol=1e-9)
    polynomial = np.polynomial.chebyshev.Chebyshev.basis(4, domain=[0, 1])
    x = (0.1, 0.3, 0.45, 0.5, 0.8, 0.95)
    expected = polynomial(np.array(x)).mean() - polynomial.integ()(1.0) + polynomial.integ()(0.0)
    assert residuals("Chebyquad", x)[3] == pytest.approx(expected)


def test_heart_dipole_is_four_complex_moments() -> None:
    from ccjac_zoo.functions.optimisation_heart import MEASURED

    a, b, c, d, t, u, v, w = point = ccjac_zoo.task("HumanHeartDipole").example(1)
    sums = [complex(a, c) * complex(t, v) ** k + complex(b, d) * complex(u, w) ** k for k in range(4)]
    expected = np.array([part for s in sums for part in (s.real, s.imag)]) - MEASURED
    np.testing.assert_allclose(residuals("HumanHeartDipole", point), expected, rtol=1e-12, atol=1e-14)


def test_heart_dipole_has_a_root_near_its_standard_start() -> None:
    from scipy.optimize import root

    from ccjac_zoo.functions.optimisation_heart import START

    found = root(lambda x: residuals("HumanHeartDipole", tuple(x)), START, method="lm", tol=1e-15)
    assert np.abs(found.fun).max() < 1e-10
