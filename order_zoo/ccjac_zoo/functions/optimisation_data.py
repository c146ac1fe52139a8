"""Residuals of the Moré-Garbow-Hillstrom test set: curves fitted to data."""

from __future__ import annotations

from math import cos, exp, sin
from typing import Any

from .optimisation_small import more_garbow_hillstrom

_BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)
_HALF_BELL = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521)
_GAUSS = (*_HALF_BELL, 0.3989, *_HALF_BELL[::-1])
_MEYER = (34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872)
_KOWALIK = (
    (0.1957, 4.0),
    (0.1947, 2.0),
    (0.1735, 1.0),
    (0.1600, 0.5),
    (0.0844, 0.25),
    (0.0627, 0.167),
    (0.0456, 0.125),
    (0.0342, 0.1),
    (0.0323, 0.0833),
    (0.0235, 0.0714),
    (0.0246, 0.0625),
)
# fmt: off
_OSBORNE = (
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
    0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
    0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406,
)
# fmt: on


@more_garbow_hillstrom(8, "Bard", (1.0, 1.0, 1.0))
def bard(xp: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """Bard's rational fit, y_i − (x₁ + u/(v x₂ + w x₃)) with u = i, v = 16 − i, w = min(u, v).

    Args:
        xp: Array namespace.
        x1: Variables; x2, x3 likewise.

    Returns:
        Fifteen residuals.
    """
    return tuple(
        y - (x1 + u / ((16.0 - u) * x2 + min(u, 16.0 - u) * x3))
        for u, y in zip(map(float, range(1, 16)), _BARD, strict=True)
    )


@more_garbow_hillstrom(9, "GaussianFit", (0.4, 1.0, 0.1))
def gaussian_fit(xp: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """A bell curve fitted to its table, x₁ exp(−x₂ (t_i − x₃)²/2) − y_i with t_i = (8 − i)/2.

    Args:
        xp: Array namespace.
        x1: Height; x2: inverse variance; x3: centre.

    Returns:
        Fifteen residuals.
    """
    residuals = []
    for i, y in enumerate(_GAUSS, 1):
        shifted = (8.0 - i) / 2.0 - x3
        residuals.append(x1 * xp.exp(-0.5 * x2 * shifted * shifted) - y)
    return tuple(residuals)


@more_garbow_hillstrom(10, "Meyer", (0.02, 4000.0, 250.0))
def meyer(xp: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """Meyer's thermistor fit, x₁ exp(x₂/(t_i + x₃)) − y_i with t_i = 45 + 5i.

    Args:
        xp: Array namespace.
        x1: Factor; x2: exponent; x3: offset of the temperature.

    Returns:
        Sixteen residuals.
    """
    return tuple(x1 * xp.exp(x2 / (45.0 + 5.0 * i + x3)) - float(y) for i, y in enumerate(_MEYER, 1))


@more_garbow_hillstrom(15, "KowalikOsborne", (0.25, 0.39, 0.415, 0.39))
def kowalik_osborne(xp: Any, x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    """Kowalik and Osborne's enzyme fit, y_i − x₁ (u² + u x₂)/(u² + u x₃ + x₄).

    Args:
        xp: Array namespace.
        x1: Variables, and so on to x4.

    Returns:
        Eleven residuals.
    """
    return tuple(y - x1 * (u * u + u * x2) / (u * u + u * x3 + x4) for y, u in _KOWALIK)


@more_garbow_hillstrom(16, "BrownDennis", (25.0, 5.0, -5.0, -1.0))
def brown_dennis(xp: Any, x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    """Brown and Dennis's function, (x₁ + t x₂ − e^t)² + (x₃ + x₄ sin t − cos t)² at t = 0.2 to 4.

    Args:
        xp: Array namespace.
        x1: Variables, and so on to x4.

    Returns:
        Twenty residuals.
    """
    residuals = []
    for t in (0.2 * i for i in range(1, 21)):
        a, b = x1 + t * x2 - exp(t), x3 + sin(t) * x4 - cos(t)
        residuals.append(a * a + b * b)
    return tuple(residuals)


@more_garbow_hillstrom(17, "Osborne1", (0.5, 1.5, -1.0, 0.01, 0.02))
def osborne_1(xp: Any, x1: Any, x2: Any, x3: Any, x4: Any, x5: Any) -> Any:
    """Osborne's sum of two exponentials, y_i − (x₁ + x₂ e^(−t x₄) + x₃ e^(−t x₅)) at t = 0 to 320.

    Args:
        xp: Array namespace.
        x1: Variables, and so on to x5.

    Returns:
        Thirty-three residuals.
    """
    return tuple(y - (x1 + x2 * xp.exp(-10.0 * i * x4) + x3 * xp.exp(-10.0 * i * x5)) for i, y in enumerate(_OSBORNE))


@more_garbow_hillstrom(20, "Watson", (0.1, 0.9, -0.2, 1.0, -1.2, 0.8))
def watson(xp: Any, *x: Any) -> Any:
    """Watson's function of six variables, a polynomial's fit to a differential equation.

    Σ_j (j − 1) x_j t^(j−2) − (Σ_j x_j t^(j−1))² − 1 at t = i/29, then x₁ and x₂ − x₁² − 1; sampled near the minimum.

    Args:
        xp: Array namespace.
        *x: Six variables.

    Returns:
        Thirty-one residuals.
    """
    residuals = []
    for t in (i / 29.0 for i in range(1, 30)):
        slope, value = x[1], x[0] + t * x[1]
        for j in range(2, len(x)):
            slope = slope + j * t ** (j - 1) * x[j]
            value = value + t**j * x[j]
        residuals.append(slope - value * value - 1.0)
    return (*residuals, x[0], x[1] - x[0] * x[0] - 1.0)
