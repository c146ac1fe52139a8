"""Right-hand sides of partial differential equations on grids of one, two and three dimensions."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .definition import Made, sample


def heat(n: int) -> Made:
    """Conduction with k(u) = 1 + u²/10 between cold ends; fluxes on cell faces."""

    def fun(u: Any) -> Any:
        padded = jnp.pad(u, 1)
        k = 1 + 0.1 * padded**2
        flux = (k[1:] + k[:-1]) / 2 * (padded[1:] - padded[:-1])
        return (flux[1:] - flux[:-1]) * (n + 1)

    return fun, sample((n,))


def burgers(n: int) -> Made:
    """Viscous Burgers' equation, central differences, u = 0 outside."""

    def fun(u: Any) -> Any:
        padded = jnp.concatenate([jnp.zeros(1, u.dtype), u, jnp.zeros(1, u.dtype)])
        square = padded**2 / 2
        return -(square[2:] - square[:-2]) * (n / 2) + 0.01 * n * (padded[2:] - 2 * u + padded[:-2])

    return fun, sample((n,))


def kuramoto_sivashinsky(n: int) -> Made:
    """u_t = -u_xx - u_xxxx - (u²)_x / 2 on a ring."""

    def second(u: Any) -> Any:
        return jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1)

    def fun(u: Any) -> Any:
        curvature = second(u)
        return -curvature - second(curvature) - (jnp.roll(u, -1) ** 2 - jnp.roll(u, 1) ** 2) / 4

    return fun, sample((n,))


def advection_limited(n: int) -> Made:
    """Upwind advection of second order with van Leer's limiter on a ring (J. Comput. Phys. 14, 1974)."""

    def fun(u: Any) -> Any:
        before, after = u - jnp.roll(u, 1), jnp.roll(u, -1) - u
        product = before * after
        slope = jnp.where(product > 0, 2 * product / jnp.where(product > 0, before + after, 1.0), 0.0)
        face = u + slope / 2
        return -(face - jnp.roll(face, 1)) * n

    return fun, sample((n,))


def allen_cahn(m: int) -> Made:
    """u_t = Δu / 100 + u - u³ on a square with insulated borders."""

    def fun(u: Any) -> Any:
        p = jnp.pad(u, 1, mode="edge")
        laplacian = p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * u
        return 0.01 * m * laplacian + u - u**3

    return fun, sample((m, m))


def porous_medium(m: int) -> Made:
    """Conduction with k(u) = 1 + u²/10 on a square with insulated borders, harmonic means of k on faces."""

    def fun(u: Any) -> Any:
        k = 1 + 0.1 * u**2
        up, kp = (jnp.pad(a, 1, mode="edge") for a in (u, k))

        def flux(a: Any, b: Any, ka: Any, kb: Any) -> Any:
            return 2 * ka * kb / (ka + kb) * (b - a)

        across = flux(up[:-1, 1:-1], up[1:, 1:-1], kp[:-1, 1:-1], kp[1:, 1:-1])
        along = flux(up[1:-1, :-1], up[1:-1, 1:], kp[1:-1, :-1], kp[1:-1, 1:])
        return across[1:] - across[:-1] + along[:, 1:] - along[:, :-1]

    return fun, sample((m, m))


def minimal_surface(m: int) -> Made:
    """div(∇u / √(1 + |∇u|²)) with u = 0 on the border, fluxes on faces."""

    def fun(u: Any) -> Any:
        p = jnp.pad(u, 1)
        dx, dy = p[1:] - p[:-1], p[:, 1:] - p[:, :-1]
        dy_there = (dy[1:, 1:] + dy[:-1, 1:] + dy[1:, :-1] + dy[:-1, :-1]) / 4
        dx_there = (dx[1:, 1:] + dx[:-1, 1:] + dx[1:, :-1] + dx[:-1, :-1]) / 4
        across = dx[:, 1:-1] / jnp.sqrt(1 + dx[:, 1:-1] ** 2 + dy_there**2)
        along = dy[1:-1] / jnp.sqrt(1 + dy[1:-1] ** 2 + dx_there**2)
        return across[1:] - across[:-1] + along[:, 1:] - along[:, :-1]

    return fun, sample((m, m))


def brusselator(m: int) -> Made:
    """Two reacting, diffusing species on a periodic square, concentrations ``[2, m, m]`` (Hairer & Wanner, IV.10)."""

    def spread(a: Any) -> Any:
        return jnp.roll(a, 1, 0) + jnp.roll(a, -1, 0) + jnp.roll(a, 1, 1) + jnp.roll(a, -1, 1) - 4 * a

    def fun(y: Any) -> Any:
        u, v = y[0], y[1]
        return jnp.stack([1 + u**2 * v - 4.4 * u + 10 * spread(u), 3.4 * u - u**2 * v + 10 * spread(v)])

    return fun, sample((2, m, m))


def gray_scott(m: int) -> Made:
    """Two species on a periodic square, concentrations ``[m, m, 2]`` (Pearson, Science 261, 1993)."""

    def spread(a: Any) -> Any:
        return jnp.roll(a, 1, 0) + jnp.roll(a, -1, 0) + jnp.roll(a, 1, 1) + jnp.roll(a, -1, 1) - 4 * a

    def fun(y: Any) -> Any:
        u, v = y[..., 0], y[..., 1]
        reaction = u * v * v
        return jnp.stack([0.16 * spread(u) - reaction + 0.06 * (1 - u), 0.08 * spread(v) + reaction - 0.122 * v], -1)

    return fun, sample((m, m, 2))


def euler_roe(n: int) -> Made:
    """One-dimensional Euler equations ``[n, 3]``, Roe's fluxes between copies of the end states (JCP 43, 1981)."""
    g = 1.4

    def primitive(state: Any) -> Any:
        density, momentum, energy = state[:, 0], state[:, 1], state[:, 2]
        speed = momentum / density
        pressure = (g - 1) * (energy - momentum * speed / 2)
        return density, speed, pressure, (energy + pressure) / density

    def flux(left: Any, right: Any) -> Any:
        rl, ul, pl, hl = primitive(left)
        rr, ur, pr, hr = primitive(right)
        wl, wr = jnp.sqrt(rl), jnp.sqrt(rr)
        u, h = (wl * ul + wr * ur) / (wl + wr), (wl * hl + wr * hr) / (wl + wr)
        c = jnp.sqrt((g - 1) * (h - u * u / 2))
        density = wl * wr
        dp, du, dr = pr - pl, ur - ul, rr - rl
        back = jnp.abs(u - c) * (dp - density * c * du) / (2 * c * c)
        still = jnp.abs(u) * (dr - dp / (c * c))
        forth = jnp.abs(u + c) * (dp + density * c * du) / (2 * c * c)
        jumps = [
            back + still + forth,
            back * (u - c) + still * u + forth * (u + c),
            back * (h - u * c) + still * u * u / 2 + forth * (h + u * c),
        ]
        momentum = rl * ul * ul + pl + rr * ur * ur + pr
        means = [rl * ul + rr * ur, momentum, ul * (left[:, 2] + pl) + ur * (right[:, 2] + pr)]
        return jnp.stack([(mean - jump) / 2 for mean, jump in zip(means, jumps, strict=True)], 1)

    def fun(states: Any) -> Any:
        padded = jnp.concatenate([states[:1], states, states[-1:]])
        fluxes = flux(padded[:-1], padded[1:])
        return -(fluxes[1:] - fluxes[:-1]) * n

    density, speed, pressure = sample((n,), seed=1), sample((n,), -0.3, 0.3, 2), sample((n,), seed=3)
    energy = pressure / (g - 1) + density * speed**2 / 2
    return fun, np.stack([density, density * speed, energy], 1)


def shallow_water(m: int) -> Made:
    """Depth and momenta ``[3, m, m]`` on a periodic square, Lax-Friedrichs fluxes."""

    def fun(q: Any) -> Any:
        h, hu, hv = q[0], q[1], q[2]
        pressure = 9.81 * h * h / 2
        across = jnp.stack([hu, hu * hu / h + pressure, hu * hv / h])
        along = jnp.stack([hv, hu * hv / h, hv * hv / h + pressure])

        def outflow(flux: Any, axis: int) -> Any:
            face = (flux + jnp.roll(flux, -1, axis)) / 2 - 4.0 * (jnp.roll(q, -1, axis) - q)
            return face - jnp.roll(face, 1, axis)

        return -m * (outflow(across, 1) + outflow(along, 2))

    return fun, np.concatenate([sample((1, m, m)), sample((2, m, m), -0.2, 0.2, 1)])


def heat_3d(m: int) -> Made:
    """Conduction with k(u) = 1 + u²/10 in a cube, cold outside."""

    def fun(u: Any) -> Any:
        p, k = jnp.pad(u, 1), jnp.pad(1 + 0.1 * u**2, 1, constant_values=1.0)
        inner = (slice(1, -1),) * 3
        total = jnp.zeros_like(u)
        for axis in range(3):
            far = tuple(slice(2, None) if a == axis else slice(1, -1) for a in range(3))
            near = tuple(slice(0, -2) if a == axis else slice(1, -1) for a in range(3))
            total = total + (k[far] + k[inner]) / 2 * (p[far] - p[inner])
            total = total - (k[inner] + k[near]) / 2 * (p[inner] - p[near])
        return total

    return fun, sample((m, m, m))


def biharmonic(m: int) -> Made:
    """Δ(u Δu) + u³ on a square, u = 0 outside: a stencil of radius two."""

    def laplacian(a: Any) -> Any:
        p = jnp.pad(a, 1)
        return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * a

    return lambda u: laplacian(laplacian(u) * u) + u**3, sample((m, m))


def rollout(n: int) -> Made:
    """Five explicit steps of Fisher's equation on a ring, as a loop."""
    import jax

    def step(u: Any, _: None) -> tuple[Any, None]:
        return u + 0.1 * (jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1) + u * (1 - u)), None

    return lambda u: jax.lax.scan(step, u, None, length=5)[0], sample((n,))
