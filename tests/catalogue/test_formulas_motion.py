"""Arms, rotations, mechanisms and orbits: orthonormality, conservation laws, equilibria."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from catalogue_helpers import call, example

from ccjac_zoo.functions.kinematics_arms import PUMA, forward_kinematics
from ccjac_zoo.functions.kinematics_more import UR5


@pytest.mark.parametrize("seed", range(3))
def test_arm_in_closed_form_is_the_product_of_its_links(seed: int) -> None:
    angles = example("RobotArm_6DOF", seed)
    x, y, z, origin = forward_kinematics(np, angles, PUMA)
    roll, pitch = np.arctan2(x[1], x[0]), np.arctan2(-x[2], np.hypot(x[0], x[1]))
    expected = [*origin, roll, pitch, np.arctan2(y[2], z[2])]
    np.testing.assert_allclose(call("RobotArm_6DOF", *angles), expected, rtol=1e-11, atol=1e-13)


def test_links_are_denavit_hartenberg_transforms() -> None:
    angles = example("UR5Pose", 1)
    product = np.eye(4)
    for q, (d, a, twist) in zip(angles, UR5, strict=True):
        c, s, ca, sa = np.cos(q), np.sin(q), np.cos(twist * pi / 2), np.sin(twist * pi / 2)
        product = product @ [[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d], [0, 0, 0, 1]]
    pose = call("UR5Pose", *angles)
    np.testing.assert_allclose(pose[:3], product[:3, 3], atol=1e-14)
    np.testing.assert_allclose(pose[3:].reshape(3, 3).T, product[:3, :3], atol=1e-14)


@pytest.mark.parametrize("matrix", ["UR5Pose", "RodriguesRotation"])
def test_rotation_matrices_are_orthonormal(matrix: str) -> None:
    r = call(matrix, *example(matrix, 4))[-9:].reshape(3, 3)
    np.testing.assert_allclose(r @ r.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(r) == pytest.approx(1.0)


def test_quaternion_and_rotation_vector_agree() -> None:
    w, v = np.array([0.3, -0.5, 0.7]), np.array([1.0, 2.0, -1.5])
    angle = np.linalg.norm(w)
    by_matrix = call("RodriguesRotation", *w).reshape(3, 3) @ v
    # A quaternion of any length describes the rotation.
    quaternion = 1.7 * np.array([np.cos(angle / 2), *(np.sin(angle / 2) * w / angle)])
    np.testing.assert_allclose(call("QuaternionRotation", *quaternion, *v), by_matrix, rtol=1e-13)
    moved = call("PointToPlane", *w, 0.0, 0.0, 0.0, v, np.zeros(3), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(moved, [by_matrix[2], *by_matrix], rtol=1e-12)


def test_modified_rodrigues_parameters_follow_the_rotation() -> None:
    """Turning on about the same axis only lengthens σ = k tan(θ/4)."""
    axis, angle, speed = np.array([0.6, 0.0, 0.8]), 1.1, 0.37
    rates = call("MRPKinematics", *(axis * np.tan(angle / 4)), *(axis * speed))
    np.testing.assert_allclose(rates, axis * speed / (4.0 * np.cos(angle / 4) ** 2), rtol=1e-13)


def test_mechanisms_without_drive_keep_their_energy() -> None:
    a, b, v, w = 0.7, -1.1, 1.3, -0.4
    _, _, a_turn, b_turn = call("DoublePendulum", a, b, v, w)
    m1, m2, l1, l2, g = 1.0, 0.7, 1.0, 0.8, 9.81
    kinetic = (m1 + m2) * l1**2 * v * a_turn + m2 * l2**2 * w * b_turn
    kinetic += m2 * l1 * l2 * ((a_turn * w + v * b_turn) * np.cos(a - b) - v * w * np.sin(a - b) * (v - w))
    assert kinetic + (m1 + m2) * g * l1 * np.sin(a) * v + m2 * g * l2 * np.sin(b) * w == pytest.approx(0.0, abs=1e-12)
    rates = call("RigidBody", 0.5, 0.5, 0.5, 0.5, 1.0, -2.0, 0.7, 0.0, 0.0, 0.0)
    assert np.dot(rates[:4], [0.5] * 4) == pytest.approx(0.0, abs=1e-15)
    assert np.dot(rates[4:] * [1.0, 2.0, 2.5], [1.0, -2.0, 0.7]) == pytest.approx(0.0, abs=1e-14)


def test_hovering_and_resting() -> None:
    hover = 9.81 / 4
    np.testing.assert_allclose(call("Quadrotor", *[0.0] * 9, *[hover] * 4), 0.0, atol=1e-14)
    np.testing.assert_allclose(call("CartPole", 0.0, 0.0, 0.0, 0.0), 0.0)
    straight = call("BicycleModel", 0.0, 20.0, 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(straight, [20.0, 0.0, 0.0, 0.0, 0.0, 0.0], atol=1e-15)


def test_orbits() -> None:
    a, e, *rest = example("ElementsToState", 2)
    state = call("ElementsToState", a, e, *rest)
    r, v = state[:3], state[3:]
    mu = 398600.4418
    assert v @ v / 2 - mu / np.linalg.norm(r) == pytest.approx(-mu / (2 * a))
    assert np.linalg.norm(np.cross(r, v)) == pytest.approx(np.sqrt(mu * a * (1 - e * e)))
    eccentric, true = call("KeplerSolver", 1.2, 0.4)
    assert eccentric - 0.4 * np.sin(eccentric) == pytest.approx(1.2, abs=1e-14)
    assert np.cos(true) == pytest.approx((np.cos(eccentric) - 0.4) / (1 - 0.4 * np.cos(eccentric)))
    # The triangular point L4 is an equilibrium of the restricted three-body problem.
    l4 = (0.5 - 0.012150585, np.sqrt(3) / 2, 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(call("CR3BP", *l4), 0.0, atol=1e-15)
    # Unperturbed elements stand still, only the longitude moves.
    rates = call("EquinoctialRates", 8000.0, 0.1, -0.05, 0.02, 0.1, 0.7, 0.0, 0.0, 0.0)
    np.testing.assert_array_equal(rates[:5], 0.0)
    assert rates[5] == pytest.approx(
        np.sqrt(mu * 8000.0) * ((1 + 0.1 * np.cos(0.7) - 0.05 * np.sin(0.7)) / 8000.0) ** 2
    )
