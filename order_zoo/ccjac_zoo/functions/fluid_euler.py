"""Numerical fluxes of the one-dimensional Euler equations of an ideal gas, besides Roe's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..registry import catalogued
from .fluid_roe import GAMMA, two_states

_TORO = "E. F. Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, 3rd ed. (2009), "
_DOMAIN = "fluid_dynamics"


def _primitive(xp: Any, rho: Any, mom: Any, ene: Any) -> tuple[Any, Any, Any]:
    """Velocity, pressure and sound speed."""
    u = mom / rho
    p = (GAMMA - 1.0) * (ene - 0.5 * mom * u)
    return u, p, xp.sqrt(GAMMA * p / rho)


def _flux(mom: Any, ene: Any, u: Any, p: Any) -> tuple[Any, Any, Any]:
    """Physical flux (ρu, ρu² + p, u (E + p))."""
    return mom, mom * u + p, u * (ene + p)


def euler_flux(xp: Any, rho: Any, mom: Any, ene: Any) -> tuple[Any, Any, Any]:
    """Flux of mass, momentum and energy of one state."""
    u, p, _ = _primitive(xp, rho, mom, ene)
    return _flux(mom, ene, u, p)


def _one_dimensional(name: str, source: str) -> Callable[[Any], Any]:
    return catalogued(name, domain=_DOMAIN, source=source, sample=two_states(1))


@_one_dimensional(
    "RusanovFlux_1d", _TORO + "section 10.5.1; V. V. Rusanov, J. Comput. Math. Phys. USSR 1 (1961) 267-279"
)
def rusanov_flux_1d(xp: Any, rho_l: Any, mom_l: Any, ene_l: Any, rho_r: Any, mom_r: Any, ene_r: Any) -> Any:
    """Rusanov (local Lax-Friedrichs) flux of the Euler equations.

    F = ½ (F_l + F_r) − ½ s (U_r − U_l) with the largest speed s = max(|u_l| + c_l, |u_r| + c_r).

    Args:
        xp: Array namespace.
        rho_l: Left density; mom_l, ene_l: left momentum and total energy per volume.
        rho_r: Right density; mom_r, ene_r: right momentum and total energy per volume.

    Returns:
        Fluxes of mass, momentum and energy.
    """
    u_l, p_l, c_l = _primitive(xp, rho_l, mom_l, ene_l)
    u_r, p_r, c_r = _primitive(xp, rho_r, mom_r, ene_r)
    s = xp.maximum(abs(u_l) + c_l, abs(u_r) + c_r)
    left, right = _flux(mom_l, ene_l, u_l, p_l), _flux(mom_r, ene_r, u_r, p_r)
    jump = (rho_r - rho_l, mom_r - mom_l, ene_r - ene_l)
    return tuple(0.5 * (a + b - s * d) for a, b, d in zip(left, right, jump, strict=True))


@_one_dimensional("LaxFriedrichsFlux_1d", _TORO + "chapter 5; P. D. Lax, Comm. Pure Appl. Math. 7 (1954) 159-193")
def lax_friedrichs_flux_1d(xp: Any, rho_l: Any, mom_l: Any, ene_l: Any, rho_r: Any, mom_r: Any, ene_r: Any) -> Any:
    """Lax-Friedrichs flux of the Euler equations.

    F = ½ (F_l + F_r) − ½ (Δx/Δt) (U_r − U_l), here with Δx/Δt = 3.

    Args:
        xp: Array namespace.
        rho_l: Left density; mom_l, ene_l: left momentum and total energy per volume.
        rho_r: Right density; mom_r, ene_r: right momentum and total energy per volume.

    Returns:
        Fluxes of mass, momentum and energy.
    """
    left, right = euler_flux(xp, rho_l, mom_l, ene_l), euler_flux(xp, rho_r, mom_r, ene_r)
    jump = (rho_r - rho_l, mom_r - mom_l, ene_r - ene_l)
    return tuple(0.5 * (a + b) - 1.5 * d for a, b, d in zip(left, right, jump, strict=True))


@_one_dimensional("HLLCFlux_1d", _TORO + "section 10.4, wave speeds of section 10.5.1")
def hllc_flux_1d(xp: Any, rho_l: Any, mom_l: Any, ene_l: Any, rho_r: Any, mom_r: Any, ene_r: Any) -> Any:
    """HLLC flux of the Euler equations: two acoustic waves and the contact between them.

    S_* = (p_r − p_l + ρ_l u_l (S_l − u_l) − ρ_r u_r (S_r − u_r)) / (ρ_l (S_l − u_l) − ρ_r (S_r − u_r)), with S_l and
    S_r from the states and Roe's averages (Einfeldt).

    Args:
        xp: Array namespace.
        rho_l: Left density; mom_l, ene_l: left momentum and total energy per volume.
        rho_r: Right density; mom_r, ene_r: right momentum and total energy per volume.

    Returns:
        Fluxes of mass, momentum and energy.
    """
    u_l, p_l, c_l = _primitive(xp, rho_l, mom_l, ene_l)
    u_r, p_r, c_r = _primitive(xp, rho_r, mom_r, ene_r)
    w_l, w_r = xp.sqrt(rho_l), xp.sqrt(rho_r)
    u = (w_l * u_l + w_r * u_r) / (w_l + w_r)
    h = (w_l * (ene_l + p_l) / rho_l + w_r * (ene_r + p_r) / rho_r) / (w_l + w_r)
    c = xp.sqrt((GAMMA - 1.0) * (h - 0.5 * u * u))
    s_l, s_r = xp.minimum(u_l - c_l, u - c), xp.maximum(u_r + c_r, u + c)
    mass_l, mass_r = rho_l * (s_l - u_l), rho_r * (s_r - u_r)
    s = (p_r - p_l + u_l * mass_l - u_r * mass_r) / (mass_l - mass_r)

    def star(rho: Any, mom: Any, ene: Any, u: Any, p: Any, speed: Any, mass: Any) -> tuple[Any, Any, Any]:
        """Flux on one side of the contact: F + S (U_* − U)."""
        rho_s = mass / (speed - s)
        ene_s = rho_s * (ene / rho + (s - u) * (s + p / mass))
        flux = _flux(mom, ene, u, p)
        return (
            flux[0] + speed * (rho_s - rho),
            flux[1] + speed * (rho_s * s - mom),
            flux[2] + speed * (ene_s - ene),
        )

    left, right = _flux(mom_l, ene_l, u_l, p_l), _flux(mom_r, ene_r, u_r, p_r)
    star_l, star_r = star(rho_l, mom_l, ene_l, u_l, p_l, s_l, mass_l), star(rho_r, mom_r, ene_r, u_r, p_r, s_r, mass_r)
    return tuple(
        xp.where(s_l >= 0.0, f_l, xp.where(s >= 0.0, f_sl, xp.where(s_r >= 0.0, f_sr, f_r)))
        for f_l, f_sl, f_sr, f_r in zip(left, star_l, star_r, right, strict=True)
    )


@_one_dimensional(
    "VanLeerFlux_1d",
    "B. van Leer, Flux-vector splitting for the Euler equations, Lecture Notes in Physics 170 (1982) 507-512; "
    + _TORO
    + "chapter 8",
)
def van_leer_flux_1d(xp: Any, rho_l: Any, mom_l: Any, ene_l: Any, rho_r: Any, mom_r: Any, ene_r: Any) -> Any:
    """Van Leer's flux-vector splitting for the Euler equations, F⁺(U_l) + F⁻(U_r).

    For |M| < 1: mass flux f = ±¼ ρ c (M ± 1)², momentum f (2c/γ) (½(γ−1) M ± 1), energy f (2c²/(γ²−1)) (½(γ−1) M ± 1)².

    Args:
        xp: Array namespace.
        rho_l: Left density; mom_l, ene_l: left momentum and total energy per volume.
        rho_r: Right density; mom_r, ene_r: right momentum and total energy per volume.

    Returns:
        Fluxes of mass, momentum and energy.
    """

    def split(rho: Any, mom: Any, ene: Any, sign: float) -> tuple[Any, ...]:
        u, p, c = _primitive(xp, rho, mom, ene)
        mach = sign * u / c
        mass = sign * 0.25 * rho * c * (mach + 1.0) ** 2
        b = 0.5 * (GAMMA - 1.0) * mach + 1.0
        subsonic = (
            mass,
            mass * sign * (2.0 / GAMMA) * c * b,
            mass * (2.0 / (GAMMA * GAMMA - 1.0)) * c * c * b * b,
        )
        return tuple(
            xp.where(mach >= 1.0, full, xp.where(mach <= -1.0, 0.0 * full, part))
            for full, part in zip(_flux(mom, ene, u, p), subsonic, strict=True)
        )

    left, right = split(rho_l, mom_l, ene_l, 1.0), split(rho_r, mom_r, ene_r, -1.0)
    return tuple(a + b for a, b in zip(left, right, strict=True))


@_one_dimensional(
    "AUSMPlusFlux_1d",
    "M.-S. Liou, A sequel to AUSM: AUSM+, J. Comput. Phys. 129 (1996) 364-382, with α = 3/16 and β = 1/8",
)
def ausm_plus_flux_1d(xp: Any, rho_l: Any, mom_l: Any, ene_l: Any, rho_r: Any, mom_r: Any, ene_r: Any) -> Any:
    """AUSM+ flux of the Euler equations: advection by a split Mach number, pressure split on its own.

    m = M⁺(M_l) + M⁻(M_r), p = P⁺(M_l) p_l + P⁻(M_r) p_r, F = c m (ρ, ρu, ρh) of the upwind side + (0, p, 0).

    Args:
        xp: Array namespace.
        rho_l: Left density; mom_l, ene_l: left momentum and total energy per volume.
        rho_r: Right density; mom_r, ene_r: right momentum and total energy per volume.

    Returns:
        Fluxes of mass, momentum and energy.
    """
    u_l, p_l, _ = _primitive(xp, rho_l, mom_l, ene_l)
    u_r, p_r, _ = _primitive(xp, rho_r, mom_r, ene_r)
    h_l, h_r = ene_l + p_l, ene_r + p_r

    def critical(u: Any, enthalpy: Any) -> Any:
        """Speed a*² / max(a*, |u|), a*² = 2 (γ−1)/(γ+1) h, whose minimum is the sound speed at the face."""
        square = 2.0 * (GAMMA - 1.0) / (GAMMA + 1.0) * enthalpy
        return square / xp.maximum(xp.sqrt(square), abs(u))

    c = xp.minimum(critical(u_l, h_l / rho_l), critical(u_r, h_r / rho_r))

    def split(mach: Any, sign: float) -> tuple[Any, Any]:
        """Split Mach number of degree 4 and split pressure of degree 5."""
        forward = mach + sign
        bump = (mach * mach - 1.0) ** 2
        number = sign * (0.25 * forward * forward + 0.125 * bump)
        weight = 0.25 * forward * forward * (2.0 - sign * mach) + sign * 0.1875 * mach * bump
        supersonic = abs(mach) >= 1.0
        return (
            xp.where(supersonic, 0.5 * (mach + sign * abs(mach)), number),
            xp.where(supersonic, 0.5 * (1.0 + sign * xp.sign(mach)), weight),
        )

    number_l, weight_l = split(u_l / c, 1.0)
    number_r, weight_r = split(u_r / c, -1.0)
    speed = c * (number_l + number_r)
    p = weight_l * p_l + weight_r * p_r
    right_going, left_going = 0.5 * (speed + abs(speed)), 0.5 * (speed - abs(speed))
    return (
        right_going * rho_l + left_going * rho_r,
        right_going * mom_l + left_going * mom_r + p,
        right_going * h_l + left_going * h_r,
    )
