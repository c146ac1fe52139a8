"""Residuals of the Moré-Garbow-Hillstrom test set: problems with two to four variables and no data."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, pi, sqrt
from typing import Any

from ..registry import catalogued
from ..sampling import around


def more_garbow_hillstrom(number: int, name: str, start: tuple[float, ...]) -> Callable[[Any], Any]:
    """Register problem ``number`` of the test set, sampled around its standard starting point."""
    return catalogued(
        name,
        domain="optimisation",
        source="J. J. More, B. S. Garbow, K. E. Hillstrom, Testing unconstrained optimization software, ACM TOMS 7 "
        "(1981) 17-41, "
        f"problem {number}",
        sample=around(start, 0.2, 0.05),
    )


@more_garbow_hillstrom(1, "Rosenbrock", (-1.2, 1.0))
def rosenbrock(xp: Any, x1: Any, x2: Any) -> Any:
    """Rosenbrock's valley, 10 (x₂ − x₁²) and 1 − x₁.

    Args:
        xp: Array namespace.
        x1: Variables; x2 likewise.

    Returns:
        Two residuals, zero at (1, 1).
    """
    return 10.0 * (x2 - x1 * x1), 1.0 - x1


@more_garbow_hillstrom(2, "FreudensteinRoth", (0.5, -2.0))
def freudenstein_roth(xp: Any, x1: Any, x2: Any) -> Any:
    """Freudenstein and Roth's cubics, −13 + x₁ + ((5 − x₂) x₂ − 2) x₂ and −29 + x₁ + ((x₂ + 1) x₂ − 14) x₂.

    Args:
        xp: Array namespace.
        x1: Variables; x2 likewise.

    Returns:
        Two residuals, zero at (5, 4).
    """
    return x1 - 13.0 + ((5.0 - x2) * x2 - 2.0) * x2, x1 - 29.0 + ((x2 + 1.0) * x2 - 14.0) * x2


@more_garbow_hillstrom(3, "PowellBadlyScaled", (0.1, 1.0))
def powell_badly_scaled(xp: Any, x1: Any, x2: Any) -> Any:
    """Powell's badly scaled system, 10⁴ x₁ x₂ − 1 and e^−x₁ + e^−x₂ − 1.0001.

    Args:
        xp: Array namespace.
        x1: Variables; x2 likewise.

    Returns:
        Two residuals, zero near (1.098·10⁻⁵, 9.106).
    """
    return 1e4 * x1 * x2 - 1.0, xp.exp(-x1) + xp.exp(-x2) - 1.0001


@more_garbow_hillstrom(5, "Beale", (1.0, 1.0))
def beale(xp: Any, x1: Any, x2: Any) -> Any:
    """Beale's function, y_i − x₁ (1 − x₂^i) with y = 1.5, 2.25, 2.625.

    Args:
        xp: Array namespace.
        x1: Variables; x2 likewise.

    Returns:
        Three residuals, zero at (3, ½).
    """
    square = x2 * x2
    return 1.5 - x1 * (1.0 - x2), 2.25 - x1 * (1.0 - square), 2.625 - x1 * (1.0 - square * x2)


@more_garbow_hillstrom(6, "JennrichSampson", (0.3, 0.4))
def jennrich_sampson(xp: Any, x1: Any, x2: Any) -> Any:
    """Jennrich and Sampson's function, 2 + 2i − (e^(i x₁) + e^(i x₂)) for i = 1 to 10.

    Args:
        xp: Array namespace.
        x1: Variables; x2 likewise.

    Returns:
        Ten residuals.
    """
    return tuple(2.0 + 2.0 * i - (xp.exp(float(i) * x1) + xp.exp(float(i) * x2)) for i in range(1, 11))


@more_garbow_hillstrom(7, "HelicalValley", (-1.0, 0.3, 0.2))
def helical_valley(xp: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """Fletcher and Powell's helical valley, 10 (x₃ − 10 θ), 10 (√(x₁² + x₂²) − 1) and x₃.

    θ = arctan(x₂/x₁)/(2π), plus ½ where x₁ < 0.

    Args:
        xp: Array namespace.
        x1: Variables; x2, x3 likewise.

    Returns:
        Three residuals, zero at (1, 0, 0).
    """
    turn = xp.arctan(x2 / x1) / (2.0 * pi)
    theta = xp.where(x1 < 0.0, turn + 0.5, turn)
    return 10.0 * (x3 - 10.0 * theta), 10.0 * (xp.sqrt(x1 * x1 + x2 * x2) - 1.0), x3


@more_garbow_hillstrom(12, "Box3D", (0.5, 10.0, 2.0))
def box_3d(xp: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """Box's three-dimensional function, e^(−t x₁) − e^(−t x₂) − x₃ (e^−t − e^(−10 t)) at t = 0.1 to 1.

    Args:
        xp: Array namespace.
        x1: Variables; x2, x3 likewise.

    Returns:
        Ten residuals, zero at (1, 10, 1).
    """
    times = [0.1 * i for i in range(1, 11)]
    return tuple(xp.exp(-t * x1) - xp.exp(-t * x2) - x3 * (exp(-t) - exp(-10.0 * t)) for t in times)


@more_garbow_hillstrom(13, "PowellSingular", (3.0, -1.0, 0.2, 1.0))
def powell_singular(xp: Any, x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    """Powell's singular function, x₁ + 10x₂, √5 (x₃ − x₄), (x₂ − 2x₃)², √10 (x₁ − x₄)².

    Args:
        xp: Array namespace.
        x1: Variables, and so on to x4.

    Returns:
        Four residuals, zero at the origin, where the Jacobian is singular.
    """
    a, b = x2 - 2.0 * x3, x1 - x4
    return x1 + 10.0 * x2, sqrt(5.0) * (x3 - x4), a * a, sqrt(10.0) * b * b


@more_garbow_hillstrom(14, "Wood", (-3.0, -1.0, -3.0, -1.0))
def wood(xp: Any, x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    """Wood's function, two coupled valleys.

    10 (x₂ − x₁²), 1 − x₁, √90 (x₄ − x₃²), 1 − x₃, √10 (x₂ + x₄ − 2), (x₂ − x₄)/√10.

    Args:
        xp: Array namespace.
        x1: Variables, and so on to x4.

    Returns:
        Six residuals, zero at (1, 1, 1, 1).
    """
    return (
        10.0 * (x2 - x1 * x1),
        1.0 - x1,
        sqrt(90.0) * (x4 - x3 * x3),
        1.0 - x3,
        sqrt(10.0) * (x2 + x4 - 2.0),
        (x2 - x4) / sqrt(10.0),
    )


@more_garbow_hillstrom(18, "BiggsEXP6", (1.0, 2.0, 1.0, 1.0, 1.0, 1.0))
def biggs_exp6(xp: Any, x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
    """Biggs's sum of three exponentials, fitted to exact data at t = 0.1 to 1.3.

    x₃ e^(−t x₁) − x₄ e^(−t x₂) + x₆ e^(−t x₅) − y, y = e^−t − 5 e^(−10 t) + 3 e^(−4 t).

    Args:
        xp: Array namespace.
        x1: Variables, and so on to x6.

    Returns:
        Thirteen residuals, zero at (1, 10, 1, 5, 4, 3).
    """
    residuals = []
    for t in (0.1 * i for i in range(1, 14)):
        data = exp(-t) - 5.0 * exp(-10.0 * t) + 3.0 * exp(-4.0 * t)
        residuals.append(x3 * xp.exp(-t * x1) - x4 * xp.exp(-t * x2) + x6 * xp.exp(-t * x5) - data)
    return tuple(residuals)
