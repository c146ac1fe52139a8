"""Equations of state, activity models and phase equilibria."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ..namespace import add
from ..registry import catalogued
from ..sampling import box

_DOMAIN = "thermodynamics"
_SMITH = (
    "J. M. Smith, H. C. Van Ness, M. M. Abbott, Introduction to Chemical Engineering Thermodynamics, 7th ed. (2005), "
)
_PRAUSNITZ = "J. M. Prausnitz, R. N. Lichtenthaler, E. Gomes de Azevedo, Molecular Thermodynamics of Fluid-Phase "
"Equilibria, 3rd ed. (1999), "
GAS = 8.314462618
"""Gas constant R (J/mol/K)."""


@catalogued(
    "VanDerWaals",
    domain=_DOMAIN,
    source="J. D. van der Waals, PhD thesis, Leiden (1873); reduced form as in H. B. Callen, Thermodynamics and an "
    "Introduction to Thermostatistics, 2nd ed. (1985), section 3.5",
    sample=box((0.8, 1.5), (0.7, 4.0)),
)
def van_der_waals(xp: Any, temp: Any, volume: Any) -> Any:
    """Reduced van der Waals gas: pressure, and internal energy and entropy relative to the critical point.

    p = 8T/(3v − 1) − 3/v², u = c T − 3/v, s = c ln T + (8/3) ln(3v − 1), c = 4 (a monatomic gas).

    Args:
        xp: Array namespace.
        temp: Temperature over the critical one.
        volume: Molar volume over the critical one.

    Returns:
        p, u and s, in units of p_c, p_c v_c and p_c v_c/T_c.
    """
    free = 3.0 * volume - 1.0
    pull = 3.0 / volume
    return (
        8.0 * temp / free - pull / volume,
        4.0 * temp - pull,
        4.0 * xp.log(temp) + (8.0 / 3.0) * xp.log(free),
    )


@catalogued(
    "RedlichKwong",
    domain=_DOMAIN,
    source="O. Redlich, J. N. S. Kwong, On the thermodynamics of solutions V, Chemical Reviews 44 (1949) 233-244",
    sample=box((300.0, 500.0), (3e-4, 5e-3), (200.0, 400.0), (3e6, 6e6)),
)
def redlich_kwong(xp: Any, temp: Any, volume: Any, critical_temp: Any, critical_pressure: Any) -> Any:
    """Pressure and residual enthalpy of the Redlich-Kwong equation of state.

    p = RT/(v − b) − a/(√T v (v + b)), h − h° = p v − RT − (3a/(2b√T)) ln(1 + b/v), a = 0.42748 R² T_c^2.5/p_c, b =
    0.08664 R T_c/p_c.

    Args:
        xp: Array namespace.
        temp: Temperature (K).
        volume: Molar volume (m³/mol).
        critical_temp: T_c (K).
        critical_pressure: p_c (Pa).

    Returns:
        Pressure (Pa) and residual enthalpy (J/mol).
    """
    b = 0.08664 * GAS * critical_temp / critical_pressure
    a = 0.42748 * GAS * GAS * critical_temp * critical_temp * xp.sqrt(critical_temp) / critical_pressure
    pull = a / xp.sqrt(temp)
    p = GAS * temp / (volume - b) - pull / (volume * (volume + b))
    return p, p * volume - GAS * temp - 1.5 * pull / b * xp.log(1.0 + b / volume)


@catalogued(
    "PengRobinson",
    domain=_DOMAIN,
    source="D.-Y. Peng, D. B. Robinson, A new two-constant equation of state, Ind. Eng. Chem. Fundam. 15 (1976) 59-64",
    sample=box((300.0, 500.0), (5e-4, 5e-3), (200.0, 400.0), (3e6, 6e6), (0.0, 0.4)),
)
def peng_robinson(xp: Any, temp: Any, volume: Any, critical_temp: Any, critical_pressure: Any, acentric: Any) -> Any:
    """Pressure and fugacity coefficient of the Peng-Robinson equation of state.

    p = RT/(v − b) − a α/(v(v + b) + b(v − b)), √α = 1 + κ (1 − √(T/T_c)), κ = 0.37464 + 1.54226 ω − 0.26992 ω²,
    ln φ = Z − 1 − ln(Z − B) − A/(2√2 B) ln((Z + (1+√2)B)/(Z + (1−√2)B)), A = aαp/(RT)², B = bp/(RT), Z = pv/(RT).

    Args:
        xp: Array namespace.
        temp: Temperature (K).
        volume: Molar volume (m³/mol).
        critical_temp: T_c (K).
        critical_pressure: p_c (Pa).
        acentric: Acentric factor ω.

    Returns:
        Pressure (Pa) and ln φ.
    """
    rt = GAS * temp
    rtc = GAS * critical_temp
    b = 0.07780 * rtc / critical_pressure
    kappa = 0.37464 + acentric * (1.54226 - 0.26992 * acentric)
    root = 1.0 + kappa * (1.0 - xp.sqrt(temp / critical_temp))
    a = 0.45724 * rtc * rtc / critical_pressure * root * root
    p = rt / (volume - b) - a / (volume * (volume + b) + b * (volume - b))
    z, big_b = p * volume / rt, b * p / rt
    ratio = (volume + (1.0 + sqrt(2.0)) * b) / (volume + (1.0 - sqrt(2.0)) * b)
    return p, z - 1.0 - xp.log(z - big_b) - a / (2.0 * sqrt(2.0) * b * rt) * xp.log(ratio)


@catalogued(
    "SRKHelmholtz",
    domain=_DOMAIN,
    source="G. Soave, Chem. Eng. Science 27 (1972) 1197-1203; M. L. Michelsen, J. M. Mollerup, Thermodynamic Models, "
    "2nd ed. (2007), chapter 3",
    sample=box((300.0, 450.0), (0.5e-3, 3e-3), (0.2, 0.8), (0.2, 0.8)),
)
def srk_helmholtz(xp: Any, temp: Any, volume: Any, n1: Any, n2: Any) -> Any:
    """Reduced residual Helmholtz energy of a methane-propane mixture, Soave-Redlich-Kwong.

    F = −n ln(1 − B/V) − D/(RTB) ln(1 + B/V), B = Σ n_i b_i, D = ΣΣ n_i n_j √(a_i a_j); its derivatives are pressure
    and fugacities.

    Args:
        xp: Array namespace.
        temp: Temperature (K).
        volume: Volume (m³).
        n1: Moles of methane.
        n2: Moles of propane.

    Returns:
        F and the pressure (Pa) written out.
    """
    total, covolumes, cohesions = n1 + n2, [], []
    for moles, t_c, p_c, omega in ((n1, 190.56, 4.599e6, 0.011), (n2, 369.83, 4.248e6, 0.152)):
        m = 0.480 + 1.574 * omega - 0.176 * omega * omega
        root = 1.0 + m * (1.0 - xp.sqrt(temp / t_c))
        covolumes.append(moles * (0.08664 * GAS * t_c / p_c))
        cohesions.append(moles * root * (sqrt(0.42748 / p_c) * GAS * t_c))
    covolume, cohesion = add(covolumes), add(cohesions)
    attraction = cohesion * cohesion
    rt = GAS * temp
    helmholtz = -total * xp.log(1.0 - covolume / volume) - attraction / (rt * covolume) * xp.log(
        1.0 + covolume / volume
    )
    return helmholtz, total * rt / (volume - covolume) - attraction / (volume * (volume + covolume))


@catalogued(
    "NRTL",
    domain=_DOMAIN,
    source="H. Renon, J. M. Prausnitz, AIChE Journal 14 (1968) 135-144; " + _PRAUSNITZ + "chapter 6",
    sample=box((0.1, 0.9), (0.1, 0.9), (300.0, 400.0), (500.0, 5000.0), (500.0, 5000.0), (0.2, 0.47)),
)
def nrtl(xp: Any, x1: Any, x2: Any, temp: Any, g12: Any, g21: Any, alpha: Any) -> Any:
    """Activity coefficients of a binary mixture, non-random two-liquid model.

    τ_ij = g_ij/(RT), G_ij = e^(−α τ_ij), ln γ₁ = x₂² (τ₂₁ (G₂₁/(x₁ + x₂G₂₁))² + τ₁₂ G₁₂/(x₂ + x₁G₁₂)²), and mirrored.

    Args:
        xp: Array namespace.
        x1: Mole fraction of the first component.
        x2: Mole fraction of the second.
        temp: Temperature (K).
        g12: Energy parameter (J/mol).
        g21: Energy parameter (J/mol).
        alpha: Non-randomness.

    Returns:
        ln γ₁ and ln γ₂.
    """
    rt = GAS * temp
    t12, t21 = g12 / rt, g21 / rt
    e12, e21 = xp.exp(-alpha * t12), xp.exp(-alpha * t21)
    a, b = x1 + x2 * e21, x2 + x1 * e12
    return (
        x2 * x2 * (t21 * (e21 / a) ** 2 + t12 * e12 / (b * b)),
        x1 * x1 * (t12 * (e12 / b) ** 2 + t21 * e21 / (a * a)),
    )


ANTOINE = ((6.90565, 1211.033, 220.790), (6.95464, 1344.800, 219.482), (6.95719, 1424.255, 213.206))
"""Antoine constants of benzene, toluene and ethylbenzene: log₁₀ p (mmHg) = A − B/(C + T/°C)."""


@catalogued(
    "BubblePoint",
    domain=_DOMAIN,
    source="C. Antoine, Comptes Rendus 107 (1888) 681-684; Raoult's law as in "
    + _SMITH
    + "section 10.4; constants from J. A. Dean, Lange's Handbook of "
    "Chemistry, 15th ed. (1999), section 5",
    sample=box((80.0, 130.0), (700.0, 800.0), (0.1, 0.8), (0.1, 0.8), (0.1, 0.8)),
)
def bubble_point(xp: Any, temp: Any, pressure: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """Vapour over a liquid of benzene, toluene and ethylbenzene, and the bubble-point equation.

    y_i = x_i p_i(T)/p, residual Σ y_i − Σ x_i.

    Args:
        xp: Array namespace.
        temp: Temperature (°C).
        pressure: Pressure (mmHg).
        x1: Mole fractions of the liquid; x2, x3 likewise.

    Returns:
        Three mole fractions of the vapour, and the residual.
    """
    ln10 = 2.302585092994046
    y1, y2, y3 = (
        x * xp.exp(ln10 * (a - b / (c + temp))) / pressure for x, (a, b, c) in zip((x1, x2, x3), ANTOINE, strict=True)
    )
    return y1, y2, y3, y1 + y2 + y3 - x1 - x2 - x3


@catalogued(
    "RachfordRice",
    domain=_DOMAIN,
    source="H. H. Rachford, J. D. Rice, J. Petroleum Technology 4 (1952) 19-20; " + _SMITH + "section 10.6",
    sample=box((0.2, 0.8), *[(0.1, 0.6)] * 3, (1.5, 4.0), (0.6, 1.4), (0.1, 0.6)),
)
def rachford_rice(xp: Any, vapour: Any, z1: Any, z2: Any, z3: Any, k1: Any, k2: Any, k3: Any) -> Any:
    """Flash of three components: the Rachford-Rice residual and the compositions of both phases.

    x_i = z_i/(1 + V (K_i − 1)), y_i = K_i x_i, residual Σ (y_i − x_i).

    Args:
        xp: Array namespace.
        vapour: Vapour fraction V.
        z1: Mole fractions of the feed; z2, z3 likewise.
        k1: Equilibrium ratios; k2, k3 likewise.

    Returns:
        Residual, three liquid and three vapour mole fractions.
    """
    x = [z / (1.0 + vapour * (k - 1.0)) for z, k in ((z1, k1), (z2, k2), (z3, k3))]
    y = [k * xi for k, xi in zip((k1, k2, k3), x, strict=True)]
    return (y[0] - x[0] + y[1] - x[1] + y[2] - x[2], *x, *y)
