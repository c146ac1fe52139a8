"""Fluxes and source terms of flow equations in more dimensions or with more physics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import catalogued
from ..sampling import box
from .fluid_roe import GAMMA, conservative_state

_DOMAIN = "fluid_dynamics"
_GRAVITY = 9.81
_PRANDTL = 0.72
_SUTHERLAND = 110.4 / 288.15
"""Sutherland's temperature of air over the reference temperature 288.15 K."""
_REYNOLDS = 1000.0


@catalogued(
    "EulerFlux_3d",
    domain=_DOMAIN,
    source="C. Hirsch, Numerical Computation of Internal and External Flows, 2nd ed. (2007), chapter 2; E. F. Toro, "
    "Riemann Solvers and Numerical Methods for Fluid Dynamics, 3rd ed. (2009), eqs. 3.1 and 3.2",
    sample=lambda rng: conservative_state(rng, 3),
)
def euler_flux_3d(xp: Any, rho: Any, mx: Any, my: Any, mz: Any, ene: Any) -> Any:
    """All three flux vectors of the three-dimensional Euler equations.

    F_k = (m_k, m_k v + p e_k, v_k (E + p)), p = (γ−1) (E − ½ m·v).

    Args:
        xp: Array namespace.
        rho: Density.
        mx: Momentum ρu; my, mz: ρv and ρw.
        ene: Total energy per volume.

    Returns:
        Fluxes in x, then y, then z: mass, three momenta and energy each.
    """
    m = (mx, my, mz)
    v = tuple(component / rho for component in m)
    p = (GAMMA - 1.0) * (ene - 0.5 * (mx * v[0] + my * v[1] + mz * v[2]))
    h = ene + p
    fluxes: list[Any] = []
    for k in range(3):
        momentum = [m[k] * v[i] + p if i == k else m[i] * v[k] for i in range(3)]
        fluxes += [m[k], *momentum, v[k] * h]
    return tuple(fluxes)


@catalogued(
    "NavierStokesViscousFlux_2d",
    domain=_DOMAIN,
    source="C. Hirsch, Numerical Computation of Internal and External Flows, 2nd ed. (2007), chapters 1 and 2; "
    "viscosity of W. Sutherland, Phil. Mag. 36 (1893) 507-531",
    sample=box((-1, 1), (-1, 1), (0.7, 1.5), (-2, 2), (-2, 2), (-2, 2), (-2, 2), (-1, 1), (-1, 1)),
)
def navier_stokes_viscous_flux_2d(
    xp: Any, u: Any, v: Any, temp: Any, u_x: Any, u_y: Any, v_x: Any, v_y: Any, temp_x: Any, temp_y: Any
) -> Any:
    """Viscous fluxes of the compressible Navier-Stokes equations in two dimensions.

    τ = (μ/Re) (∇v + ∇vᵀ − ⅔ (∇·v) I), q = −(μ / (Re Pr (γ−1))) ∇T, μ = T^(3/2) (1 + S) / (T + S); non-dimensional.

    Args:
        xp: Array namespace.
        u: Velocity in x.
        v: Velocity in y.
        temp: Temperature T over the reference temperature.
        u_x: ∂u/∂x; u_y, v_x, v_y likewise.
        temp_x: ∂T/∂x.
        temp_y: ∂T/∂y.

    Returns:
        Viscous fluxes of x-momentum, y-momentum and energy through x, then through y (the shared shear stress once).
    """
    mu = temp * xp.sqrt(temp) * (1.0 + _SUTHERLAND) / (temp + _SUTHERLAND) / _REYNOLDS
    dilatation = (2.0 / 3.0) * (u_x + v_y)
    t_xx = mu * (2.0 * u_x - dilatation)
    t_yy = mu * (2.0 * v_y - dilatation)
    t_xy = mu * (u_y + v_x)
    conductivity = mu / (_PRANDTL * (GAMMA - 1.0))
    return (
        t_xx,
        t_xy,
        u * t_xx + v * t_xy + conductivity * temp_x,
        t_yy,
        u * t_xy + v * t_yy + conductivity * temp_y,
    )


@catalogued(
    "ShallowWaterRoeFlux_2d",
    domain=_DOMAIN,
    source="R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems (2002), section 15.3.3; P. "
    "Glaister, J. Hydraulic Research 26 (1988) 293-306",
    sample=box((0.5, 2), (-1, 1), (-1, 1), (0.5, 2), (-1, 1), (-1, 1)),
)
def shallow_water_roe_flux_2d(xp: Any, h_l: Any, hu_l: Any, hv_l: Any, h_r: Any, hu_r: Any, hv_r: Any) -> Any:
    """Roe flux of the shallow-water equations through a face normal to x.

    Eigenvalues û − ĉ, û, û + ĉ with ĉ² = ½ g (h_l + h_r) and û, v̂ weighted by √h.

    Args:
        xp: Array namespace.
        h_l: Left depth (m); hu_l, hv_l: left discharges (m²/s).
        h_r: Right depth; hu_r, hv_r: right discharges.

    Returns:
        Fluxes of depth and of the two discharges.
    """
    u_l, v_l, u_r, v_r = hu_l / h_l, hv_l / h_l, hu_r / h_r, hv_r / h_r
    w_l, w_r = xp.sqrt(h_l), xp.sqrt(h_r)
    weight = w_l + w_r
    u, v = (w_l * u_l + w_r * u_r) / weight, (w_l * v_l + w_r * v_r) / weight
    c = xp.sqrt(0.5 * _GRAVITY * (h_l + h_r))
    d_h, d_hu, d_hv = h_r - h_l, hu_r - hu_l, hv_r - hv_l
    minus = abs(u - c) * ((u + c) * d_h - d_hu) / (2.0 * c)
    plus = abs(u + c) * (d_hu - (u - c) * d_h) / (2.0 * c)
    shear = abs(u) * (d_hv - v * d_h)
    return (
        0.5 * (hu_l + hu_r - minus - plus),
        0.5 * (hu_l * u_l + hu_r * u_r - minus * (u - c) - plus * (u + c)) + 0.25 * _GRAVITY * (h_l * h_l + h_r * h_r),
        0.5 * (hu_l * v_l + hu_r * v_r - (minus + plus) * v - shear),
    )


def _mhd_state(rng: np.random.Generator) -> tuple[Any, ...]:
    rho, p = rng.uniform(0.5, 2.0, 2)
    v, b = rng.uniform(-1.0, 1.0, (2, 3))
    return (rho, *(rho * v), *b, p / (5.0 / 3.0 - 1.0) + 0.5 * (rho * v @ v + b @ b))


@catalogued(
    "MHDFlux_1d",
    domain=_DOMAIN,
    source="M. Brio, C. C. Wu, An upwind differencing scheme for the equations of ideal magnetohydrodynamics, J. "
    "Comput. Phys. 75 (1988) 400-422, section 2",
    sample=_mhd_state,
)
def mhd_flux_1d(xp: Any, rho: Any, mx: Any, my: Any, mz: Any, bx: Any, by: Any, bz: Any, ene: Any) -> Any:
    """Flux in x of ideal magnetohydrodynamics, γ = 5/3.

    With total pressure P = p + ½ B²: (ρu, ρu² + P − B_x², ρuv − B_x B_y, ρuw − B_x B_z, uB_y − vB_x, uB_z − wB_x, u(E
    + P) − B_x (v·B)).

    Args:
        xp: Array namespace.
        rho: Density.
        mx: Momentum ρu; my, mz: ρv and ρw.
        bx: Magnetic field, in units with μ₀ = 1; by, bz likewise.
        ene: Total energy per volume, magnetic energy included.

    Returns:
        Seven fluxes: mass, three momenta, B_y, B_z, energy.
    """
    u, v, w = mx / rho, my / rho, mz / rho
    magnetic = 0.5 * (bx * bx + by * by + bz * bz)
    p = (2.0 / 3.0) * (ene - 0.5 * (mx * u + my * v + mz * w) - magnetic)
    total = p + magnetic
    return (
        mx,
        mx * u + total - bx * bx,
        my * u - bx * by,
        mz * u - bx * bz,
        u * by - v * bx,
        u * bz - w * bx,
        u * (ene + total) - bx * (u * bx + v * by + w * bz),
    )


@catalogued(
    "SpalartAllmarasSource",
    domain=_DOMAIN,
    source="P. R. Spalart, S. R. Allmaras, A one-equation turbulence model for aerodynamic flows, La Recherche "
    "Aerospatiale 1 (1994) 5-21, without the trip and f_t2 terms",
    sample=box((3.0, 30.0), (0.8, 1.2), (100.0, 300.0), (1.0, 2.0)),
)
def spalart_allmaras_source(xp: Any, nu_t: Any, nu: Any, vorticity: Any, distance: Any) -> Any:
    """Production and destruction of the Spalart-Allmaras turbulence model, and its eddy viscosity.

    χ = ν̃/ν, f_v1 = χ³/(χ³ + c_v1³), f_v2 = 1 − χ/(1 + χ f_v1), S̃ = S + ν̃ f_v2/(κ²d²), r = ν̃/(S̃κ²d²), g = r +
    c_w2 (r⁶ − r), f_w = g ((1 + c_w3⁶)/(g⁶ + c_w3⁶))^(1/6).

    Args:
        xp: Array namespace.
        nu_t: Working variable ν̃.
        nu: Kinematic viscosity ν.
        vorticity: Magnitude S of the vorticity.
        distance: Distance d to the wall.

    Returns:
        Eddy viscosity ν̃ f_v1, production c_b1 S̃ ν̃, destruction c_w1 f_w (ν̃/d)².
    """
    kappa2, c_b1, c_b2, sigma = 0.41**2, 0.1355, 0.622, 2.0 / 3.0
    c_w1 = c_b1 / kappa2 + (1.0 + c_b2) / sigma
    c_w2, c_w3_6, c_v1_3 = 0.3, 2.0**6, 7.1**3
    chi = nu_t / nu
    chi3 = chi * chi * chi
    f_v1 = chi3 / (chi3 + c_v1_3)
    f_v2 = 1.0 - chi / (1.0 + chi * f_v1)
    scale = kappa2 * distance * distance
    shear = vorticity + nu_t / scale * f_v2
    r = nu_t / (shear * scale)
    g = r + c_w2 * (r**6 - r)
    f_w = g * ((1.0 + c_w3_6) / (g**6 + c_w3_6)) ** (1.0 / 6.0)
    ratio = nu_t / distance
    return nu_t * f_v1, c_b1 * shear * nu_t, c_w1 * f_w * ratio * ratio
