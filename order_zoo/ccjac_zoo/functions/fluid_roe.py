"""Roe's approximate Riemann solver for the Euler equations of an ideal gas."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import catalogued

GAMMA = 1.4
"""Ratio of specific heats of air."""

_ROE = (
    "P. L. Roe, Approximate Riemann solvers, parameter vectors, and difference schemes, J. Comput. Phys. 43 (1981) "
    "357-372; wave strengths as in E. F. Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, 3rd ed., "
)


def conservative_state(rng: np.random.Generator, velocities: int) -> tuple[float, ...]:
    """Random density, momentum components and total energy per volume, of positive pressure (non-dimensional)."""
    density, pressure = rng.uniform(0.5, 2.0, 2)
    velocity = rng.uniform(-0.8, 0.8, velocities)
    energy = pressure / (GAMMA - 1.0) + 0.5 * density * velocity @ velocity
    return (density, *(density * velocity), energy)


def two_states(velocities: int) -> Any:
    return lambda rng: (*conservative_state(rng, velocities), *conservative_state(rng, velocities))


@catalogued("RoeFlux_1d", domain="fluid_dynamics", source=_ROE + "section 11.2.2", sample=two_states(1))
def roe_flux_1d(xp: Any, rho_l: Any, mom_l: Any, ene_l: Any, rho_r: Any, mom_r: Any, ene_r: Any) -> Any:
    """Roe flux between two states of the one-dimensional Euler equations.

    F = ½ (F_l + F_r) − ½ Σ_k α_k |λ_k| r_k, with eigenvalues û−c, û, û+c and strengths α at the Roe average.

    Args:
        xp: Array namespace.
        rho_l: Left density ρ.
        mom_l: Left momentum ρu.
        ene_l: Left total energy per volume E.
        rho_r: Right density.
        mom_r: Right momentum.
        ene_r: Right total energy per volume.

    Returns:
        Fluxes of mass, momentum and energy.
    """
    u_l, u_r = mom_l / rho_l, mom_r / rho_r
    p_l = (GAMMA - 1.0) * (ene_l - 0.5 * mom_l * u_l)
    p_r = (GAMMA - 1.0) * (ene_r - 0.5 * mom_r * u_r)
    h_l, h_r = (ene_l + p_l) / rho_l, (ene_r + p_r) / rho_r

    w_l, w_r = xp.sqrt(rho_l), xp.sqrt(rho_r)
    weight = w_l + w_r
    rho = w_l * w_r
    u = (w_l * u_l + w_r * u_r) / weight
    h = (w_l * h_l + w_r * h_r) / weight
    half_u2 = 0.5 * u * u
    c2 = (GAMMA - 1.0) * (h - half_u2)
    c = xp.sqrt(c2)

    d_rho, d_u, d_p = rho_r - rho_l, u_r - u_l, p_r - p_l
    acoustic = rho * c * d_u
    minus = abs(u - c) * (d_p - acoustic) / (2.0 * c2)
    middle = abs(u) * (d_rho - d_p / c2)
    plus = abs(u + c) * (d_p + acoustic) / (2.0 * c2)

    uc = u * c
    mass = 0.5 * (mom_l + mom_r - (minus + middle + plus))
    momentum = 0.5 * ((mom_l * u_l + p_l) + (mom_r * u_r + p_r) - (minus * (u - c) + middle * u + plus * (u + c)))
    energy = 0.5 * (mom_l * h_l + mom_r * h_r - (minus * (h - uc) + middle * half_u2 + plus * (h + uc)))
    return mass, momentum, energy


@catalogued("RoeFlux_3d", domain="fluid_dynamics", source=_ROE + "section 11.2.2", sample=two_states(3))
def roe_flux_3d(
    xp: Any,
    rho_l: Any,
    mx_l: Any,
    my_l: Any,
    mz_l: Any,
    ene_l: Any,
    rho_r: Any,
    mx_r: Any,
    my_r: Any,
    mz_r: Any,
    ene_r: Any,
) -> Any:
    """Roe flux through a face normal to x between two states of the three-dimensional Euler equations.

    As in one dimension, with two more waves at speed û: the jumps of v and w, of strength ρ̂ Δv and ρ̂ Δw.

    Args:
        xp: Array namespace.
        rho_l: Left density ρ.
        mx_l: Left momentum ρu.
        my_l: Left momentum ρv.
        mz_l: Left momentum ρw.
        ene_l: Left total energy per volume E.
        rho_r: Right density.
        mx_r: Right momentum ρu.
        my_r: Right momentum ρv.
        mz_r: Right momentum ρw.
        ene_r: Right total energy per volume.

    Returns:
        Fluxes of mass, the three momenta, and energy.
    """
    u_l, v_l, w_l = mx_l / rho_l, my_l / rho_l, mz_l / rho_l
    u_r, v_r, w_r = mx_r / rho_r, my_r / rho_r, mz_r / rho_r
    p_l = (GAMMA - 1.0) * (ene_l - 0.5 * (mx_l * u_l + my_l * v_l + mz_l * w_l))
    p_r = (GAMMA - 1.0) * (ene_r - 0.5 * (mx_r * u_r + my_r * v_r + mz_r * w_r))
    h_l, h_r = (ene_l + p_l) / rho_l, (ene_r + p_r) / rho_r

    s_l, s_r = xp.sqrt(rho_l), xp.sqrt(rho_r)
    weight = s_l + s_r
    rho = s_l * s_r
    u = (s_l * u_l + s_r * u_r) / weight
    v = (s_l * v_l + s_r * v_r) / weight
    w = (s_l * w_l + s_r * w_r) / weight
    h = (s_l * h_l + s_r * h_r) / weight
    half_q2 = 0.5 * (u * u + v * v + w * w)
    c2 = (GAMMA - 1.0) * (h - half_q2)
    c = xp.sqrt(c2)

    d_p = p_r - p_l
    acoustic = rho * c * (u_r - u_l)
    speed = abs(u)
    minus = abs(u - c) * (d_p - acoustic) / (2.0 * c2)
    middle = speed * (rho_r - rho_l - d_p / c2)
    plus = abs(u + c) * (d_p + acoustic) / (2.0 * c2)
    shear = speed * rho
    shear_v, shear_w = shear * (v_r - v_l), shear * (w_r - w_l)

    uc = u * c
    every = minus + middle + plus
    mass = 0.5 * (mx_l + mx_r - every)
    momentum_x = 0.5 * ((mx_l * u_l + p_l) + (mx_r * u_r + p_r) - (minus * (u - c) + middle * u + plus * (u + c)))
    momentum_y = 0.5 * (mx_l * v_l + mx_r * v_r - (every * v + shear_v))
    momentum_z = 0.5 * (mx_l * w_l + mx_r * w_r - (every * w + shear_w))
    energy = 0.5 * (
        mx_l * h_l + mx_r * h_r - (minus * (h - uc) + middle * half_q2 + plus * (h + uc) + shear_v * v + shear_w * w)
    )
    return mass, momentum_x, momentum_y, momentum_z, energy
