"""All structured functions."""

from __future__ import annotations

from functools import cache

from .definition import Structured


@cache
def structured() -> dict[str, Structured]:
    """Functions with sparse Jacobians, by name."""
    from . import discrete, grids

    line, square, cube = (1_000, 10_000, 1_000_000), (32, 100, 1_000), (8, 22, 100)
    found = [
        Structured("heat", grids.heat, line, "finite volumes"),
        Structured("burgers", grids.burgers, line, "finite differences"),
        Structured("kuramoto_sivashinsky", grids.kuramoto_sivashinsky, line, "finite differences"),
        Structured("advection_limited", grids.advection_limited, line, "van Leer 1974"),
        Structured("rollout", grids.rollout, (1_000, 10_000, 100_000), "explicit Euler"),
        Structured("euler_roe", grids.euler_roe, (333, 3_333, 100_000), "Roe 1981"),
        Structured("allen_cahn", grids.allen_cahn, square, "finite differences"),
        Structured("porous_medium", grids.porous_medium, square, "finite volumes"),
        Structured("minimal_surface", grids.minimal_surface, square, "finite volumes"),
        Structured("biharmonic", grids.biharmonic, square, "finite differences"),
        Structured("brusselator", grids.brusselator, (22, 70, 700), "Hairer & Wanner 1996"),
        Structured("gray_scott", grids.gray_scott, (22, 70, 700), "Pearson 1993"),
        Structured("shallow_water", grids.shallow_water, (18, 57, 300), "finite volumes"),
        Structured("heat_3d", grids.heat_3d, cube, "finite volumes"),
        Structured("cart_pole", discrete.cart_pole, (200, 2_000, 20_000), "trapezoidal collocation"),
        Structured("hermite_simpson", discrete.hermite_simpson, (333, 3_333, 100_000), "Betts 2010"),
        Structured("lennard_jones", discrete.lennard_jones, (300, 3_000, 30_000), "pair forces"),
        Structured("bundle", discrete.bundle, (1_000, 10_000, 100_000), "Agarwal et al. 2010"),
        Structured("power_flow", discrete.power_flow, (500, 5_000, 100_000), "power balances"),
        Structured("layer_on_grid", discrete.layer_on_grid, (300, 3_000, 100_000), "pointwise network"),
        Structured("neurons", discrete.neurons, (500, 5_000, 200_000), "FitzHugh 1961, Nagumo 1962"),
    ]
    return {s.name: s for s in found}


@cache
def energies() -> dict[str, Structured]:
    """Scalar functions with sparse Hessians, by name."""
    from . import energy_functions as e

    line, square = (300, 1_000, 100_000), (16, 32, 300)
    found = [
        Structured("rosenbrock", e.rosenbrock, line, "Rosenbrock 1960"),
        Structured("surface_area", e.surface_area, square, "finite differences"),
        Structured("springs", e.springs, (150, 500, 30_000), "Hooke's law"),
        Structured("rod", e.rod, (150, 500, 30_000), "discrete elastic rod"),
        Structured("phi_four", e.phi_four, square, "lattice field theory"),
        Structured("robust_smoothing", e.robust_smoothing, line, "pseudo-Huber penalty"),
    ]
    return {s.name: s for s in found}
