"""Cameras, densities and filters against linear algebra."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from catalogue_helpers import call, example


def test_cameras() -> None:
    np.testing.assert_allclose(
        call("PinholeBrownConrady", 1.0, 2.0, 4.0, 500, 600, 320, 240, 0, 0, 0, 0, 0), [445.0, 540.0]
    )
    identity = (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)
    np.testing.assert_allclose(call("Homography", *identity, 3.0, -4.0), [3.0, -4.0])
    # Without distortion the fish-eye's radius is f θ.
    image = call("FisheyeCamera", 1.0, 0.0, 1.0, 300.0, 300.0, 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(image, [300.0 * pi / 4, 0.0])
    r = call("RodriguesRotation", 0.2, -0.3, 0.5).reshape(3, 3)
    p = r @ [0.4, -0.6, -5.0] + [0.1, 0.2, -0.3]
    image = call("BundleAdjustment", 0.2, -0.3, 0.5, 0.1, 0.2, -0.3, 700.0, 0.0, 0.0, 0.4, -0.6, -5.0)
    np.testing.assert_allclose(image, -700.0 * p[:2] / p[2], rtol=1e-12)


def test_epipolar_points_have_no_sampson_error() -> None:
    rng = np.random.default_rng(1)
    f = rng.normal(size=(3, 3))
    x1, y1, x2 = 0.3, -0.8, 1.2
    line = f @ [x1, y1, 1.0]
    y2 = -(line[0] * x2 + line[2]) / line[1]
    assert call("SampsonError", f, x1, y1, x2, y2) == pytest.approx(0.0, abs=1e-14)


def test_densities_against_linear_algebra() -> None:
    args = np.array(example("GaussianLogLikelihood", 2))
    m, s, (l21, l31, l32), x = args[:3], args[3:6], args[6:9], args[9:]
    factor = np.diag(np.exp(s)) + np.array([[0, 0, 0], [l21, 0, 0], [l31, l32, 0]])
    covariance = factor @ factor.T
    expected = -0.5 * (x - m) @ np.linalg.solve(covariance, x - m) - 0.5 * np.log(np.linalg.det(2 * pi * covariance))
    assert call("GaussianLogLikelihood", *args) == pytest.approx(expected)
    points, y, logs = (np.array(example("GaussianProcessEvidence", 1))[i : i + 3] for i in (0, 3, 6))
    gaps = points[:, None] - points
    kernel = np.exp(2 * logs[1] - 0.5 * gaps**2 * np.exp(-2 * logs[0])) + np.exp(2 * logs[2]) * np.eye(3)
    expected = -0.5 * y @ np.linalg.solve(kernel, y) - 0.5 * np.log(np.linalg.det(2 * pi * kernel))
    assert call("GaussianProcessEvidence", *points, *y, *logs) == pytest.approx(expected)
    assert call("GaussianMixture", *example("GaussianMixture"))[1:].sum() == pytest.approx(1.0)


def test_kalman_step_against_matrices() -> None:
    x, v, p11, p12, p22, z, dt, q, r = example("KalmanStep", 1)
    f, p = np.array([[1, dt], [0, 1]]), np.array([[p11, p12], [p12, p22]])
    p = f @ p @ f.T + q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    state, gain, spread = f @ [x, v], p[:, 0] / (p[0, 0] + r), p[0, 0] + r
    after = state + gain * (z - state[0])
    p_after = p - np.outer(gain, p[0])
    likelihood = -0.5 * ((z - state[0]) ** 2 / spread + np.log(2 * pi * spread))
    expected = [*after, p_after[0, 0], p_after[0, 1], p_after[1, 1], likelihood]
    np.testing.assert_allclose(call("KalmanStep", x, v, p11, p12, p22, z, dt, q, r), expected, rtol=1e-12)
