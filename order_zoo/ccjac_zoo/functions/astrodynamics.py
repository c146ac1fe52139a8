"""Orbits and attitudes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "astrodynamics"
_VALLADO = "D. A. Vallado, Fundamentals of Astrodynamics and Applications, 4th ed. (2013), "
EARTH_MU = 398600.4418
"""Gravitational parameter of the Earth (km³/s²)."""
EARTH_RADIUS = 6378.137
"""Equatorial radius of the Earth (km)."""
EARTH_J2 = 1.08262668e-3
"""Second zonal harmonic of the Earth."""
EARTH_RATE = 7.292115e-5
"""Rotation of the Earth (rad/s)."""
EARTH_MOON = 0.012150585
"""Mass of the Moon over that of Earth and Moon."""


def _low_orbit(rng: np.random.Generator) -> np.ndarray:
    direction = rng.normal(size=3)
    return rng.uniform(6700.0, 8000.0) * direction / np.linalg.norm(direction)


@catalogued(
    "J2Acceleration",
    domain=_DOMAIN,
    source=_VALLADO + "sections 8.6 and 9.3; O. Montenbruck, E. Gill, Satellite Orbits (2000), section 3.2",
    sample=lambda rng: tuple(_low_orbit(rng)),
)
def j2_acceleration(xp: Any, x: Any, y: Any, z: Any) -> Any:
    """Gravity of an oblate Earth.

    a = −μ r/|r|³ (1 + (3/2) J₂ (R/|r|)² (k − 5 z²/|r|²)), with k = 1 for x and y and k = 3 for z.

    Args:
        xp: Array namespace.
        x: Position in an Earth-centred inertial frame (km); y, z likewise.

    Returns:
        Acceleration (km/s²).
    """
    r2 = x * x + y * y + z * z
    central = -EARTH_MU / (r2 * xp.sqrt(r2))
    oblate = 1.5 * EARTH_J2 * EARTH_RADIUS * EARTH_RADIUS / r2
    height = 5.0 * z * z / r2
    plane = central * (1.0 + oblate * (1.0 - height))
    return plane * x, plane * y, central * (1.0 + oblate * (3.0 - height)) * z


@catalogued(
    "DragAcceleration",
    domain=_DOMAIN,
    source=_VALLADO + "section 8.6.2 (drag with a rotating exponential atmosphere, table 8-4)",
    sample=lambda rng: (*(_low_orbit(rng) * 0.98), *rng.uniform(-5.0, 5.0, 3), rng.uniform(0.005, 0.05)),
)
def drag_acceleration(xp: Any, x: Any, y: Any, z: Any, v_x: Any, v_y: Any, v_z: Any, ballistic: Any) -> Any:
    """Atmospheric drag on a satellite, exponential atmosphere turning with the Earth.

    a = −½ ρ B |v_rel| v_rel, ρ = ρ₀ exp(−(|r| − R − h₀)/H), v_rel = v − ω × r.

    Args:
        xp: Array namespace.
        x: Position (km); y, z likewise.
        v_x: Velocity (km/s); v_y, v_z likewise.
        ballistic: Drag coefficient times area over mass, B (m²/kg).

    Returns:
        Acceleration (km/s²).
    """
    base_density, base_height, scale = 2.418e-11, 300.0, 53.628
    r = xp.sqrt(x * x + y * y + z * z)
    density = base_density * xp.exp((EARTH_RADIUS + base_height - r) / scale)
    u_x, u_y = v_x + EARTH_RATE * y, v_y - EARTH_RATE * x
    speed = xp.sqrt(u_x * u_x + u_y * u_y + v_z * v_z)
    # kg/m³ · m²/kg · km²/s² is 1/m · km²/s², a thousand times km/s².
    factor = -500.0 * density * ballistic * speed
    return factor * u_x, factor * u_y, factor * v_z


@catalogued(
    "CR3BP",
    domain=_DOMAIN,
    source="V. Szebehely, Theory of Orbits: The Restricted Problem of Three Bodies (1967), chapter 1; W. S. Koon, M. "
    "W. Lo, J. E. Marsden, S. D. Ross, Dynamical Systems, the Three-Body Problem and Space Mission Design (2011), "
    "section 2.3",
    sample=box((0.3, 0.8), (-0.5, 0.5), (-0.3, 0.3), *[(-1, 1)] * 3),
)
def cr3bp(xp: Any, x: Any, y: Any, z: Any, v_x: Any, v_y: Any, v_z: Any) -> Any:
    """Circular restricted three-body problem, Earth and Moon, in the rotating frame.

    ẍ − 2ẏ = x − (1−μ)(x+μ)/r₁³ − μ(x−1+μ)/r₂³, ÿ + 2ẋ = y (1 − (1−μ)/r₁³ − μ/r₂³), z̈ = −z ((1−μ)/r₁³ + μ/r₂³).

    Args:
        xp: Array namespace.
        x: Position (Earth-Moon distances); y, z likewise.
        v_x: Velocity; v_y, v_z likewise.

    Returns:
        Rates of position and velocity.
    """
    mu = EARTH_MOON
    to_earth, to_moon = x + mu, x - 1.0 + mu
    yz = y * y + z * z
    r1, r2 = to_earth * to_earth + yz, to_moon * to_moon + yz
    g1, g2 = (1.0 - mu) / (r1 * xp.sqrt(r1)), mu / (r2 * xp.sqrt(r2))
    pull = g1 + g2
    return (
        v_x,
        v_y,
        v_z,
        x + 2.0 * v_y - g1 * to_earth - g2 * to_moon,
        y - 2.0 * v_x - pull * y,
        -pull * z,
    )


@catalogued(
    "EquinoctialRates",
    domain=_DOMAIN,
    source="M. J. H. Walker, B. Ireland, J. Owens, A set of modified equinoctial orbit elements, Celestial Mechanics "
    "36 (1985) 409-419 and errata 38 (1986) 391-392",
    sample=box((7000.0, 12000.0), *[(-0.2, 0.2)] * 4, (-3, 3), *[(-1e-3, 1e-3)] * 3),
)
def equinoctial_rates(
    xp: Any, p: Any, f: Any, g: Any, h: Any, k: Any, longitude: Any, a_r: Any, a_t: Any, a_n: Any
) -> Any:
    """Gauss's variational equations in modified equinoctial elements, without singularities.

    w = 1 + f cos L + g sin L, s² = 1 + h² + k², q = √(p/μ), u = (h sin L − k cos L) a_n / w; then ṗ = 2 p q a_t / w
    and so on.

    Args:
        xp: Array namespace.
        p: Semi-latus rectum (km).
        f: e cos(ω + Ω); g: e sin(ω + Ω).
        g: See f.
        h: tan(i/2) cos Ω; k: tan(i/2) sin Ω.
        k: See h.
        longitude: True longitude L (rad).
        a_r: Radial perturbing acceleration (km/s²).
        a_t: Transverse one.
        a_n: Normal one.

    Returns:
        Rates of the six elements.
    """
    s, c = xp.sin(longitude), xp.cos(longitude)
    w = 1.0 + f * c + g * s
    q = xp.sqrt(p / EARTH_MU)
    u = (h * s - k * c) * a_n / w
    tilt = 0.5 * q * (1.0 + h * h + k * k) * a_n / w
    a_w = a_t / w
    return (
        2.0 * p * q * a_w,
        q * (a_r * s + ((w + 1.0) * c + f) * a_w - g * u),
        q * (-a_r * c + ((w + 1.0) * s + g) * a_w + f * u),
        tilt * c,
        tilt * s,
        w * w / (p * q) + q * u,
    )


@catalogued(
    "MRPKinematics",
    domain=_DOMAIN,
    source="H. Schaub, J. L. Junkins, Analytical Mechanics of Space Systems, 2nd ed. (2009), chapter 3; S. R. "
    "Marandi, V. J. Modi, Acta Astronautica 15 (1987) 833-843",
    sample=box(*[(-0.6, 0.6)] * 3, *[(-1, 1)] * 3),
)
def mrp_kinematics(xp: Any, s1: Any, s2: Any, s3: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Rates of the modified Rodrigues parameters of an attitude.

    σ̇ = ¼ ((1 − σ·σ) ω + 2 σ × ω + 2 (σ·ω) σ).

    Args:
        xp: Array namespace.
        s1: Modified Rodrigues parameters σ; s2, s3 likewise.
        w1: Body rates ω (rad/s); w2, w3 likewise.

    Returns:
        The three rates.
    """
    a = 0.25 * (1.0 - s1 * s1 - s2 * s2 - s3 * s3)
    b = 0.5 * (s1 * w1 + s2 * w2 + s3 * w3)
    return (
        a * w1 + 0.5 * (s2 * w3 - s3 * w2) + b * s1,
        a * w2 + 0.5 * (s3 * w1 - s1 * w3) + b * s2,
        a * w3 + 0.5 * (s1 * w2 - s2 * w1) + b * s3,
    )


@catalogued(
    "ElementsToState",
    domain=_DOMAIN,
    source=_VALLADO + "algorithm 10 (COE2RV)",
    sample=box((7000.0, 20000.0), (0.05, 0.6), *[(0.1, 2.5)] * 4),
)
def elements_to_state(xp: Any, a: Any, e: Any, inclination: Any, node: Any, perigee: Any, anomaly: Any) -> Any:
    """Position and velocity from the classical orbital elements.

    In the orbital plane r = p (cos ν, sin ν)/(1 + e cos ν), v = √(μ/p) (−sin ν, e + cos ν); then Rot_z(Ω) Rot_x(i)
    Rot_z(ω).

    Args:
        xp: Array namespace.
        a: Semi-major axis (km).
        e: Eccentricity.
        inclination: i (rad).
        node: Right ascension of the ascending node Ω (rad).
        perigee: Argument of perigee ω (rad).
        anomaly: True anomaly ν (rad).

    Returns:
        Position (km) and velocity (km/s) in the inertial frame.
    """
    p = a * (1.0 - e * e)
    cv, sv = xp.cos(anomaly), xp.sin(anomaly)
    r, speed = p / (1.0 + e * cv), xp.sqrt(EARTH_MU / p)
    x, y, u, v = r * cv, r * sv, -speed * sv, speed * (e + cv)
    co, so, cw, sw = xp.cos(node), xp.sin(node), xp.cos(perigee), xp.sin(perigee)
    ci, si = xp.cos(inclination), xp.sin(inclination)
    first = (co * cw - so * sw * ci, so * cw + co * sw * ci, sw * si)
    second = (-co * sw - so * cw * ci, co * cw * ci - so * sw, cw * si)
    position = tuple(x * i + y * j for i, j in zip(first, second, strict=True))
    velocity = tuple(u * i + v * j for i, j in zip(first, second, strict=True))
    return (*position, *velocity)


@catalogued(
    "KeplerSolver",
    domain=_DOMAIN,
    source=_VALLADO + "algorithm 2 (Newton's iteration for Kepler's equation), section 2.2",
    sample=box((0.3, 2.8), (0.05, 0.6)),
)
def kepler_solver(xp: Any, mean: Any, e: Any) -> Any:
    """Eccentric and true anomaly by six Newton steps on Kepler's equation E − e sin E = M.

    tan(ν/2) = √((1+e)/(1−e)) tan(E/2).

    Args:
        xp: Array namespace.
        mean: Mean anomaly M (rad).
        e: Eccentricity.

    Returns:
        Eccentric anomaly, true anomaly (rad).
    """
    eccentric = mean + e * xp.sin(mean)
    for _ in range(6):
        eccentric = eccentric - (eccentric - e * xp.sin(eccentric) - mean) / (1.0 - e * xp.cos(eccentric))
    half = xp.sqrt((1.0 + e) / (1.0 - e)) * xp.tan(0.5 * eccentric)
    return eccentric, 2.0 * xp.arctan(half)
