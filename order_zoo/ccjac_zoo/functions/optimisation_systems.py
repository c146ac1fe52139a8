"""Residuals of the Moré-Garbow-Hillstrom test set: systems of any size, here small ones."""

from __future__ import annotations

from typing import Any

from ..namespace import add
from .optimisation_small import more_garbow_hillstrom


@more_garbow_hillstrom(26, "Trigonometric", (0.2, 0.25, 0.15, 0.3, 0.1))
def trigonometric(xp: Any, *x: Any) -> Any:
    """The trigonometric system, n − Σ_j cos x_j + i (1 − cos x_i) − sin x_i, five variables.

    Args:
        xp: Array namespace.
        *x: Variables.

    Returns:
        As many residuals, zero at the origin.
    """
    cosines = [xp.cos(v) for v in x]
    common = len(x) - add(cosines)
    return tuple(common + i * (1.0 - c) - xp.sin(v) for i, (v, c) in enumerate(zip(x, cosines, strict=True), 1))


@more_garbow_hillstrom(27, "BrownAlmostLinear", (0.5, 0.5, 0.5, 0.5, 0.5))
def brown_almost_linear(xp: Any, *x: Any) -> Any:
    """Brown's almost linear system, x_i + Σ_j x_j − (n + 1), the last one Π_j x_j − 1; five variables.

    Args:
        xp: Array namespace.
        *x: Variables.

    Returns:
        As many residuals, zero at (1, …, 1).
    """
    common = add(x) - (len(x) + 1.0)
    product = x[0]
    for v in x[1:]:
        product = product * v
    return (*(v + common for v in x[:-1]), product - 1.0)


@more_garbow_hillstrom(28, "DiscreteBoundaryValue", (-0.11, -0.18, -0.22, -0.22, -0.19, -0.12))
def discrete_boundary_value(xp: Any, *x: Any) -> Any:
    """The discrete boundary-value problem, 2x_i − x_{i−1} − x_{i+1} + h² (x_i + t_i + 1)³/2, six variables.

    Args:
        xp: Array namespace.
        *x: Variables.

    Returns:
        As many residuals.
    """
    n = len(x)
    h = 1.0 / (n + 1)
    residuals = []
    for i, v in enumerate(x):
        cube = v + ((i + 1) * h + 1.0)
        value = 2.0 * v + 0.5 * h * h * cube * cube * cube
        value = value - x[i - 1] if i > 0 else value
        residuals.append(value - x[i + 1] if i < n - 1 else value)
    return tuple(residuals)


@more_garbow_hillstrom(29, "DiscreteIntegralEquation", (-0.11, -0.18, -0.22, -0.22, -0.19, -0.12))
def discrete_integral_equation(xp: Any, *x: Any) -> Any:
    """The discrete integral equation, six variables; its Jacobian is dense.

    x_i + ½h ((1 − t_i) Σ_{j≤i} t_j c_j + t_i Σ_{j>i} (1 − t_j) c_j), c_j = (x_j + t_j + 1)³.

    Args:
        xp: Array namespace.
        *x: Variables.

    Returns:
        As many residuals.
    """
    n = len(x)
    h = 1.0 / (n + 1)
    t = [(i + 1) * h for i in range(n)]
    cubes = []
    for v, time in zip(x, t, strict=True):
        base = v + (time + 1.0)
        cubes.append(base * base * base)
    residuals = []
    for i in range(n):
        low = add([t[j] * cubes[j] for j in range(i + 1)])
        value = (1.0 - t[i]) * low
        if i < n - 1:
            value = value + t[i] * add([(1.0 - t[j]) * cubes[j] for j in range(i + 1, n)])
        residuals.append(x[i] + 0.5 * h * value)
    return tuple(residuals)


@more_garbow_hillstrom(30, "BroydenTridiagonal", (-1.0,) * 6)
def broyden_tridiagonal(xp: Any, *x: Any) -> Any:
    """Broyden's tridiagonal system, (3 − 2x_i) x_i − x_{i−1} − 2x_{i+1} + 1, six variables.

    Args:
        xp: Array namespace.
        *x: Variables.

    Returns:
        As many residuals.
    """
    residuals = []
    for i, v in enumerate(x):
        value = (3.0 - 2.0 * v) * v + 1.0
        value = value - x[i - 1] if i > 0 else value
        residuals.append(value - 2.0 * x[i + 1] if i < len(x) - 1 else value)
    return tuple(residuals)


@more_garbow_hillstrom(31, "BroydenBanded", (-1.0,) * 8)
def broyden_banded(xp: Any, *x: Any) -> Any:
    """Broyden's banded system, x_i (2 + 5x_i²) + 1 − Σ_j x_j (1 + x_j) over i − 5 ≤ j ≤ i + 1, j ≠ i; eight variables.

    Args:
        xp: Array namespace.
        *x: Variables.

    Returns:
        As many residuals.
    """
    terms = [v * (1.0 + v) for v in x]
    residuals = []
    for i, v in enumerate(x):
        near = [terms[j] for j in range(max(0, i - 5), min(len(x), i + 2)) if j != i]
        residuals.append(v * (2.0 + 5.0 * v * v) + 1.0 - add(near))
    return tuple(residuals)


@more_garbow_hillstrom(35, "Chebyquad", (1 / 7, 2 / 7, 3 / 7, 4 / 7, 5 / 7, 6 / 7))
def chebyquad(xp: Any, *x: Any) -> Any:
    """Chebyquad, the nodes of a Chebyshev quadrature with equal weights; six variables.

    (1/n) Σ_j T_i(x_j) − ∫₀¹ T_i, with the shifted Chebyshev polynomials T_i; the integral is 0 for odd i, −1/(i² − 1)
    for even i.

    Args:
        xp: Array namespace.
        *x: Nodes.

    Returns:
        As many residuals.
    """
    n = len(x)
    doubled = [2.0 * (2.0 * v - 1.0) for v in x]
    before: list[Any] = [1.0] * n
    current = [2.0 * v - 1.0 for v in x]
    residuals = []
    for i in range(1, n + 1):
        mean = add(current) / n
        residuals.append(mean + 1.0 / (i * i - 1.0) if i % 2 == 0 else mean)
        before, current = current, [a * b - c for a, b, c in zip(doubled, current, before, strict=True)]
    return tuple(residuals)
