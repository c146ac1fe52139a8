"""Stiff chemical kinetics: right-hand sides of the classical test problems, with their published constants."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "chemistry"
_HAIRER = "E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), "
_TEST_SET = "F. Mazzia, C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008), "


@catalogued(
    "Robertson",
    domain=_DOMAIN,
    source=_HAIRER + "section IV.1; H. H. Robertson, The solution of a set of reaction rate equations (1966)",
    sample=box((0.1, 1), (1e-5, 4e-5), (0.01, 0.9)),
)
def robertson(xp: Any, a: Any, b: Any, c: Any) -> Any:
    """Rates of Robertson's autocatalytic reaction.

    A → B (0.04), 2B → B + C (3·10⁷), B + C → A + C (10⁴).

    Args:
        xp: Array namespace.
        a: Concentrations; b, c likewise.

    Returns:
        Three rates.
    """
    decay, back, fast = 0.04 * a, 1e4 * b * c, 3e7 * b * b
    return back - decay, decay - back - fast, fast


@catalogued(
    "HIRES",
    domain=_DOMAIN,
    source=_HAIRER + "section IV.10 (HIRES); E. Schafer, J. Molecular Biology 97 (1975) 139-149",
    sample=box((0.1, 1), (0.1, 0.5), (0.01, 0.3), (0.01, 0.5), (0.1, 1), (0.1, 0.7), (1e-3, 6e-3), (1e-3, 6e-3)),
)
def hires(xp: Any, y1: Any, y2: Any, y3: Any, y4: Any, y5: Any, y6: Any, y7: Any, y8: Any) -> Any:
    """Rates of the high irradiance response of photomorphogenesis: eight reactants, one bilinear term.

    Args:
        xp: Array namespace.
        y1: Concentrations, and so on to y8.

    Returns:
        Eight rates.
    """
    binding = 280.0 * y6 * y8
    release = 1.81 * y7
    return (
        -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + 0.0007,
        1.71 * y1 - 8.75 * y2,
        -10.03 * y3 + 0.43 * y4 + 0.035 * y5,
        8.32 * y2 + 1.71 * y3 - 1.12 * y4,
        -1.745 * y5 + 0.43 * y6 + 0.43 * y7,
        -binding + 0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7,
        binding - release,
        release - binding,
    )


@catalogued(
    "Oregonator",
    domain=_DOMAIN,
    source=_HAIRER + "section IV.10 (OREGO); R. J. Field, R. M. Noyes, J. Chemical Physics 60 (1974) 1877-1884",
    sample=box((1.0, 100.0), (0.5, 3.0), (1.0, 100.0)),
)
def oregonator(xp: Any, y1: Any, y2: Any, y3: Any) -> Any:
    """Rates of the Oregonator, the limit-cycle model of the Belousov-Zhabotinskii reaction.

    ẏ₁ = 77.27 (y₂ + y₁ (1 − 8.375·10⁻⁶ y₁ − y₂)), ẏ₂ = (y₃ − (1 + y₁) y₂) / 77.27, ẏ₃ = 0.161 (y₁ − y₃).

    Args:
        xp: Array namespace.
        y1: Concentrations of HBrO₂; y2, y3: of bromide and Ce(IV).

    Returns:
        Three rates.
    """
    return (
        77.27 * (y2 + y1 * (1.0 - 8.375e-6 * y1 - y2)),
        (y3 - (1.0 + y1) * y2) / 77.27,
        0.161 * (y1 - y3),
    )


@catalogued(
    "Brusselator_1d",
    domain=_DOMAIN,
    source=_HAIRER
    + "section IV.10 (BRUSS), on four grid points; R. Lefever, G. Nicolis, J. Theoretical Biology 30 (1971) "
    "267-284",
    sample=box(*[(0.5, 3.0)] * 8),
)
def brusselator_1d(xp: Any, u1: Any, u2: Any, u3: Any, u4: Any, v1: Any, v2: Any, v3: Any, v4: Any) -> Any:
    """Rates of the Brusselator with diffusion on four grid points.

    u̇_i = 1 + u_i² v_i − 4 u_i + α (u_{i−1} − 2u_i + u_{i+1})/Δx², v̇_i = 3 u_i − u_i² v_i + α (…), α = 1/50, ends u
    = 1, v = 3.

    Args:
        xp: Array namespace.
        u1: First species at the grid points, and so on to u4.
        v1: Second species, and so on to v4.

    Returns:
        Eight rates, u then v.
    """
    stiffness = 25.0 / 50.0
    u, v = (1.0, u1, u2, u3, u4, 1.0), (3.0, v1, v2, v3, v4, 3.0)
    u_rates, v_rates = [], []
    for i in range(1, 5):
        reaction = u[i] * u[i] * v[i]
        u_rates.append(1.0 + reaction - 4.0 * u[i] + stiffness * (u[i - 1] - 2.0 * u[i] + u[i + 1]))
        v_rates.append(3.0 * u[i] - reaction + stiffness * (v[i - 1] - 2.0 * v[i] + v[i + 1]))
    return (*u_rates, *v_rates)


@catalogued(
    "ChemicalAkzoNobel",
    domain=_DOMAIN,
    source=_TEST_SET + "chemical Akzo Nobel problem; W. J. H. Stortelder, PhD thesis, University of Amsterdam (1998)",
    sample=box((0.1, 0.5), (5e-4, 2e-3), (1e-3, 0.15), (1e-3, 0.01), (0.01, 0.4), (0.05, 0.4)),
)
def chemical_akzo_nobel(xp: Any, y1: Any, y2: Any, y3: Any, y4: Any, y5: Any, y6: Any) -> Any:
    """Right-hand side of the chemical Akzo Nobel problem, five rates and one equilibrium.

    r₁ = k₁ y₁⁴ √y₂, r₂ = k₂ y₃ y₄, r₃ = (k₂/K) y₁ y₅, r₄ = k₃ y₁ y₄², r₅ = k₄ y₆² √y₂, inflow k_lA (p/H − y₂).

    Args:
        xp: Array namespace.
        y1: Concentrations of FLB, CO₂, FLBT, ZHU, ZLA, FLB·ZHU, and so on to y6.

    Returns:
        Five rates and the residual of the equilibrium.
    """
    root = xp.sqrt(y2)
    square = y1 * y1
    r1 = 18.7 * square * square * root
    r2 = 0.58 * y3 * y4
    r3 = 0.58 / 34.4 * y1 * y5
    r4 = 0.09 * y1 * y4 * y4
    r5 = 0.42 * y6 * y6 * root
    inflow = 3.3 * (0.9 / 737.0 - y2)
    return (
        -2.0 * r1 + r2 - r3 - r4,
        -0.5 * r1 - r4 - 0.5 * r5 + inflow,
        r1 - r2 + r3,
        -r2 + r3 - 2.0 * r4,
        r2 - r3 + r5,
        115.83 * y1 * y4 - y6,
    )


@catalogued(
    "TroeFalloff",
    domain=_DOMAIN,
    source="R. G. Gilbert, K. Luther, J. Troe, Ber. Bunsenges. Phys. Chem. 87 (1983) 169-177; constants of H + CH3 "
    "(+M) = CH4 (+M) from G. P. Smith et al., GRI-Mech 3.0 (1999)",
    sample=box((800.0, 2500.0), (1e-6, 1e-4)),
)
def troe_falloff(xp: Any, temp: Any, third_body: Any) -> Any:
    """Pressure-dependent rate constant in Troe's form, H + CH₃ (+M) = CH₄ (+M).

    k = k_∞ P/(1+P) F, P = k₀[M]/k_∞, log F = log F_c / (1 + ((log P + c)/(n − 0.14 (log P + c)))²).

    Args:
        xp: Array namespace.
        temp: Temperature (K).
        third_body: Concentration [M] (mol/cm³).

    Returns:
        Decimal logarithm of the rate constant (cm³/mol/s).
    """
    gas = 1.987204
    log_t, inverse = xp.log10(temp), 0.4342944819032518 / (gas * temp)
    high = 16.143014800254095 - 0.534 * log_t - 536.0 * inverse
    low = 33.418301291319745 - 4.76 * log_t - 2440.0 * inverse
    log_p = low + xp.log10(third_body) - high
    centre = xp.log10(0.217 * xp.exp(-temp / 74.0) + 0.783 * xp.exp(-temp / 2941.0) + xp.exp(-6964.0 / temp))
    shifted = log_p - 0.4 - 0.67 * centre
    ratio = shifted / (0.75 - 1.27 * centre - 0.14 * shifted)
    p = 10.0**log_p
    return high + log_p - xp.log10(1.0 + p) + centre / (1.0 + ratio * ratio)


@catalogued(
    "CSTR",
    domain=_DOMAIN,
    source="A. Uppal, W. H. Ray, A. B. Poore, Chem. Eng. Science 29 (1974) 967-985; constants as in M. A. Henson, D. "
    "E. Seborg, Nonlinear Process Control (1997), chapter 1",
    sample=box((0.3, 0.9), (320.0, 360.0), (290.0, 310.0)),
)
def cstr(xp: Any, concentration: Any, temp: Any, coolant: Any) -> Any:
    """Continuous stirred-tank reactor with an exothermic first-order reaction.

    Ċ = (q/V)(C_f − C) − k C, Ṫ = (q/V)(T_f − T) + (−ΔH/ρc) k C + (UA/Vρc)(T_c − T), k = 7.2·10¹⁰ exp(−8750/T) per
    minute.

    Args:
        xp: Array namespace.
        concentration: C (mol/l).
        temp: T (K).
        coolant: T_c (K).

    Returns:
        Rates of concentration (mol/l/min) and temperature (K/min).
    """
    rate = 7.2e10 * xp.exp(-8750.0 / temp) * concentration
    return (
        1.0 - concentration - rate,
        350.0 - temp + 5e4 / 239.0 * rate + 5e4 / (100.0 * 239.0) * (coolant - temp),
    )
