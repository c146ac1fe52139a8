"""Fluxes of flow equations: consistency, symmetry, upwinding, limits."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue_helpers import call, example

from ccjac_zoo.functions.fluid_euler import euler_flux

FLUXES = ["RoeFlux_1d", "RusanovFlux_1d", "LaxFriedrichsFlux_1d", "HLLCFlux_1d", "VanLeerFlux_1d", "AUSMPlusFlux_1d"]


@pytest.mark.parametrize("name", FLUXES)
@pytest.mark.parametrize("seed", range(4))
def test_flux_of_equal_states_is_the_euler_flux(name: str, seed: int) -> None:
    state = example(name, seed)[:3]
    np.testing.assert_allclose(call(name, *state, *state), euler_flux(np, *state), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", FLUXES)
def test_flux_is_mirror_symmetric(name: str) -> None:
    """Seen in a mirror the states change sides and the momentum its sign; so do the fluxes of mass and energy."""
    rho_l, mom_l, ene_l, rho_r, mom_r, ene_r = example(name, 5)
    flux = call(name, rho_l, mom_l, ene_l, rho_r, mom_r, ene_r)
    mirrored = call(name, rho_r, -mom_r, ene_r, rho_l, -mom_l, ene_l)
    np.testing.assert_allclose(mirrored, flux * [-1.0, 1.0, -1.0], rtol=1e-12)


@pytest.mark.parametrize("name", ["RoeFlux_1d", "HLLCFlux_1d", "VanLeerFlux_1d", "AUSMPlusFlux_1d"])
def test_supersonic_flux_is_upwind(name: str) -> None:
    left, right = (1.0, 3.0, 2.5 + 4.5), (0.8, 2.6, 2.0 + 4.225)
    np.testing.assert_allclose(call(name, *left, *right), euler_flux(np, *left), rtol=1e-12)


@pytest.mark.parametrize("name", ["RoeFlux_1d", "HLLCFlux_1d", "AUSMPlusFlux_1d"])
def test_steady_contact_is_kept(name: str) -> None:
    """No mass crosses a resting density jump; that is what separates these solvers from Rusanov's."""
    np.testing.assert_allclose(call(name, 1.0, 0.0, 2.5, 0.125, 0.0, 2.5), [0.0, 1.0, 0.0], atol=1e-14)
    assert call("RusanovFlux_1d", 1.0, 0.0, 2.5, 0.125, 0.0, 2.5)[0] > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_three_dimensional_fluxes_contain_the_one_dimensional_ones(seed: int) -> None:
    rho_l, mom_l, ene_l, rho_r, mom_r, ene_r = example("RoeFlux_1d", seed)
    flat = call("RoeFlux_3d", rho_l, mom_l, 0.0, 0.0, ene_l, rho_r, mom_r, 0.0, 0.0, ene_r)
    np.testing.assert_allclose(
        flat[[0, 1, 4]], call("RoeFlux_1d", rho_l, mom_l, ene_l, rho_r, mom_r, ene_r), rtol=1e-13
    )
    np.testing.assert_array_equal(flat[2:4], 0.0)
    state = example("RoeFlux_3d", seed)[:5]
    np.testing.assert_allclose(call("RoeFlux_3d", *state, *state), call("EulerFlux_3d", *state)[:5], rtol=1e-12)


def test_roe_flux_turns_with_the_frame() -> None:
    """Rotating the tangential velocities rotates the tangential momentum fluxes and nothing else."""
    args = np.array(example("RoeFlux_3d", 2))
    c, s = np.cos(0.7), np.sin(0.7)
    turned = args.copy()
    for k in (2, 7):
        turned[k], turned[k + 1] = c * args[k] - s * args[k + 1], s * args[k] + c * args[k + 1]
    flux, rotated = call("RoeFlux_3d", *args), call("RoeFlux_3d", *turned)
    np.testing.assert_allclose(rotated[[0, 1, 4]], flux[[0, 1, 4]], rtol=1e-12)
    np.testing.assert_allclose(rotated[2:4], [c * flux[2] - s * flux[3], s * flux[2] + c * flux[3]], rtol=1e-12)


def test_shallow_water_and_magnetohydrodynamics_reduce_to_their_limits() -> None:
    h, hu, hv = 1.3, 0.4, -0.2
    flux = call("ShallowWaterRoeFlux_2d", h, hu, hv, h, hu, hv)
    np.testing.assert_allclose(flux, [hu, hu * hu / h + 0.5 * 9.81 * h * h, hu * hv / h], rtol=1e-13)
    rho, mx, ene = 1.1, 0.5, 2.0
    p = (2.0 / 3.0) * (ene - 0.5 * mx * mx / rho)
    gas = call("MHDFlux_1d", rho, mx, 0.0, 0.0, 0.0, 0.0, 0.0, ene)
    np.testing.assert_allclose(gas, [mx, mx * mx / rho + p, 0.0, 0.0, 0.0, 0.0, mx / rho * (ene + p)], rtol=1e-13)


def test_viscous_flux_vanishes_in_rigid_rotation() -> None:
    stress = call("NavierStokesViscousFlux_2d", 0.3, 0.2, 1.0, 0.0, -1.5, 1.5, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(stress, 0.0, atol=1e-16)
