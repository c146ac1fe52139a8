"""Stresses of solids: elastic, plastic and at high rates."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from ..namespace import add
from ..registry import catalogued
from ..sampling import box

_DOMAIN = "materials"
_BONET = "J. Bonet, R. D. Wood, Nonlinear Continuum Mechanics for Finite Element Analysis, 2nd ed. (2008), "


def _deformation(rng: np.random.Generator) -> tuple[float, ...]:
    """A deformation gradient near the identity, row by row, with positive determinant."""
    return tuple((np.eye(3) + rng.uniform(-0.25, 0.25, (3, 3))).ravel())


def cofactors(f: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cofactor matrix of a 3×3 matrix given row by row, J F⁻ᵀ."""
    a, b, c, d, e, g, h, i, j = f
    return (
        e * j - g * i,
        g * h - d * j,
        d * i - e * h,
        c * i - b * j,
        a * j - c * h,
        b * h - a * i,
        b * g - c * e,
        c * d - a * g,
        a * e - b * d,
    )


@catalogued(
    "NeoHookean",
    domain=_DOMAIN,
    source=_BONET + "section 6.4.3",
    sample=_deformation,
)
def neo_hookean(
    xp: Any, f11: Any, f12: Any, f13: Any, f21: Any, f22: Any, f23: Any, f31: Any, f32: Any, f33: Any
) -> Any:
    """First Piola-Kirchhoff stress of a compressible neo-Hookean solid; its Jacobian is the elasticity tensor.

    P = μ (F − F⁻ᵀ) + λ ln J F⁻ᵀ, μ = 1, λ = 1.5.

    Args:
        xp: Array namespace.
        f11: Deformation gradient, row by row, and so on to f33.

    Returns:
        Nine stresses, row by row.
    """
    f = (f11, f12, f13, f21, f22, f23, f31, f32, f33)
    c = cofactors(f)
    j = f11 * c[0] + f12 * c[1] + f13 * c[2]
    factor = (1.5 * xp.log(j) - 1.0) / j
    return tuple(a + factor * b for a, b in zip(f, c, strict=True))


@catalogued(
    "MooneyRivlin",
    domain=_DOMAIN,
    source="M. Mooney, J. Applied Physics 11 (1940) 582-592; R. S. Rivlin, Phil. Trans. R. Soc. A 241 (1948) 379-397; "
    "compressible form of " + _BONET + "chapter 6",
    sample=_deformation,
)
def mooney_rivlin(
    xp: Any, f11: Any, f12: Any, f13: Any, f21: Any, f22: Any, f23: Any, f31: Any, f32: Any, f33: Any
) -> Any:
    """First Piola-Kirchhoff stress of a nearly incompressible Mooney-Rivlin rubber.

    W = c₁ (Ī₁ − 3) + c₂ (Ī₂ − 3) + ½ K (J − 1)², Ī₁ = J^(−2/3) |F|², Ī₂ = J^(−4/3) |cof F|².

    Args:
        xp: Array namespace.
        f11: Deformation gradient, row by row, and so on to f33.

    Returns:
        Strain energy, then nine stresses ∂W/∂F, row by row.
    """
    c1, c2, bulk = 0.4, 0.1, 10.0
    f = (f11, f12, f13, f21, f22, f23, f31, f32, f33)
    h = cofactors(f)
    j = f11 * h[0] + f12 * h[1] + f13 * h[2]
    root = xp.exp(-2.0 / 3.0 * xp.log(j))
    bar_1, bar_2 = root * add([a * a for a in f]), root * root * add([a * a for a in h])
    energy = c1 * (bar_1 - 3.0) + c2 * (bar_2 - 3.0) + 0.5 * bulk * (j - 1.0) * (j - 1.0)
    # ∂|cof F|²/∂F = 2 (|F|² F − F Fᵀ F); FᵀF holds six different numbers.
    g = {(p, q): add([f[3 * k + p] * f[3 * k + q] for k in range(3)]) for p in range(3) for q in range(p, 3)}
    size = g[0, 0] + g[1, 1] + g[2, 2]
    by_j = bulk * (j - 1.0) - (2.0 / 3.0) * (c1 * bar_1 + 2.0 * c2 * bar_2) / j
    first, second = 2.0 * c1 * root, 2.0 * c2 * root * root
    stress = []
    for row in range(3):
        for column in range(3):
            turned = add([f[3 * row + k] * g[min(k, column), max(k, column)] for k in range(3)])
            index = 3 * row + column
            stress.append(first * f[index] + second * (size * f[index] - turned) + by_j * h[index])
    return (energy, *stress)


@catalogued(
    "OgdenMembrane",
    domain=_DOMAIN,
    source="R. W. Ogden, Large deformation isotropic elasticity, Proc. R. Soc. London A 326 (1972) 565-584, section 4",
    sample=box((1.1, 2.0), (1.1, 2.0)),
)
def ogden_membrane(xp: Any, first: Any, second: Any) -> Any:
    """Principal Cauchy stresses of an incompressible Ogden membrane.

    σ_a = Σ_p μ_p (λ_a^α_p − λ₃^α_p), λ₃ = 1/(λ₁λ₂), with Ogden's three terms for rubber.

    Args:
        xp: Array namespace.
        first: Stretch λ₁.
        second: Stretch λ₂.

    Returns:
        Two stresses (MPa).
    """
    log_1, log_2 = xp.log(first), xp.log(second)
    log_3 = -log_1 - log_2
    stress_1, stress_2 = [], []
    for mu, alpha in ((0.618, 1.3), (0.001177, 5.0), (-0.00981, -2.0)):
        third = xp.exp(alpha * log_3)
        stress_1.append(mu * (xp.exp(alpha * log_1) - third))
        stress_2.append(mu * (xp.exp(alpha * log_2) - third))
    return add(stress_1), add(stress_2)


@catalogued(
    "VonMises",
    domain=_DOMAIN,
    source="R. von Mises, Nachrichten Ges. Wiss. Gottingen (1913) 582-592; invariants as in R. Hill, The Mathematical "
    "Theory of Plasticity (1950), chapter 2",
    sample=box(*[(-200, 200)] * 6),
)
def von_mises(xp: Any, s11: Any, s22: Any, s33: Any, s12: Any, s23: Any, s13: Any) -> Any:
    """Equivalent stress, mean stress and third invariant of a stress tensor.

    √(3 J₂), J₂ = ½ s:s, J₃ = det s, s the deviator.

    Args:
        xp: Array namespace.
        s11: Stresses (MPa); s22, s33, s12, s23, s13 likewise.

    Returns:
        Von Mises stress (MPa), mean stress (MPa), J₃ (MPa³).
    """
    mean = (s11 + s22 + s33) / 3.0
    a, b, c = s11 - mean, s22 - mean, s33 - mean
    j2 = 0.5 * (a * a + b * b + c * c) + s12 * s12 + s23 * s23 + s13 * s13
    j3 = a * (b * c - s23 * s23) - s12 * (s12 * c - s23 * s13) + s13 * (s12 * s23 - b * s13)
    return xp.sqrt(3.0 * j2), mean, j3


@catalogued(
    "J2ReturnMapping",
    domain=_DOMAIN,
    source="J. C. Simo, T. J. R. Hughes, Computational Inelasticity (1998), box 3.1; M. L. Wilkins, Methods in "
    "Computational Physics 3 (1964) 211-263",
    sample=box(*[(-4e-3, 4e-3)] * 6, *[(-5e-4, 5e-4)] * 5, (0.0, 2e-3)),
)
def j2_return_mapping(
    xp: Any,
    e11: Any,
    e22: Any,
    e33: Any,
    e12: Any,
    e23: Any,
    e13: Any,
    p11: Any,
    p22: Any,
    p12: Any,
    p23: Any,
    p13: Any,
    hardening: Any,
) -> Any:
    """Stress update of von Mises plasticity with linear hardening; its Jacobian is the consistent tangent.

    s* = 2μ (dev ε − ε_p), f = |s*| − √(2/3) (σ_y + H a), Δγ = f⁺/(2μ + (2/3) H), σ = κ tr ε I + s* − 2μ Δγ s*/|s*|.

    Args:
        xp: Array namespace.
        e11: Strain tensor; e22, e33, e12, e23, e13 likewise.
        p11: Plastic strain so far, traceless; p22, p12, p23, p13 likewise.
        hardening: Equivalent plastic strain a so far.

    Returns:
        Six stresses (MPa; 11, 22, 33, 12, 23, 13) and the new equivalent plastic strain.
    """
    bulk, shear, yield_stress, slope = 164e3, 80e3, 450.0, 1200.0
    volume = e11 + e22 + e33
    mean = volume / 3.0
    elastic = (e11 - mean - p11, e22 - mean - p22, e33 - mean + p11 + p22, e12 - p12, e23 - p23, e13 - p13)
    s = tuple(2.0 * shear * e for e in elastic)
    size = xp.sqrt(add([a * a for a in s[:3]]) + 2.0 * add([a * a for a in s[3:]]))
    over = size - sqrt(2.0 / 3.0) * (yield_stress + slope * hardening)
    multiplier = xp.where(over > 0.0, over, 0.0 * over) / (2.0 * shear + 2.0 / 3.0 * slope)
    scale = 1.0 - 2.0 * shear * multiplier / size
    pressure = bulk * volume
    normal = tuple(scale * a + pressure for a in s[:3])
    return (*normal, *(scale * a for a in s[3:]), hardening + sqrt(2.0 / 3.0) * multiplier)


@catalogued(
    "JohnsonCook",
    domain=_DOMAIN,
    source="G. R. Johnson, W. H. Cook, Proc. 7th Int. Symp. on Ballistics (1983) 541-547; constants of OFHC copper",
    sample=box((0.05, 0.5), (1.0, 1e4), (300.0, 900.0)),
)
def johnson_cook(xp: Any, strain: Any, rate: Any, temp: Any) -> Any:
    """Flow stress of a metal at high strain rate and temperature.

    σ = (A + B ε^n)(1 + C ln ε̇)(1 − T*^m), T* = (T − 294)/(1356 − 294).

    Args:
        xp: Array namespace.
        strain: Equivalent plastic strain ε.
        rate: Strain rate ε̇ over 1/s.
        temp: Temperature (K).

    Returns:
        Flow stress (MPa).
    """
    hardening = 90.0 + 292.0 * strain**0.31
    homologous = (temp - 294.0) / 1062.0
    return hardening * (1.0 + 0.025 * xp.log(rate)) * (1.0 - homologous**1.09)


@catalogued(
    "RambergOsgood",
    domain=_DOMAIN,
    source="W. Ramberg, W. R. Osgood, NACA Technical Note 902 (1943); notch rule of H. Neuber, J. Applied Mechanics "
    "28 (1961) 544-550",
    sample=box((200.0, 400.0), (0.002, 0.02), (100.0, 250.0)),
)
def ramberg_osgood(xp: Any, stress: Any, strain: Any, nominal: Any) -> Any:
    """Stress and strain at a notch: the Ramberg-Osgood curve and Neuber's rule as two residuals.

    σ/E + (σ/K)^(1/n) − ε = 0, σ ε − (K_t S)²/E = 0, in units of 1 % and 1 MPa.

    Args:
        xp: Array namespace.
        stress: σ at the notch (MPa).
        strain: ε at the notch.
        nominal: Nominal stress S (MPa).

    Returns:
        Two residuals.
    """
    modulus, strength, exponent, notch = 70e3, 600.0, 0.1, 2.5
    curve = stress / modulus + xp.exp(xp.log(stress / strength) / exponent)
    return 100.0 * (curve - strain), stress * strain - notch * notch / modulus * nominal * nominal
