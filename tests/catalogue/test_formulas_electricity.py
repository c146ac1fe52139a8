"""Power systems, circuits and neurons at their published operating points."""

from __future__ import annotations

from math import exp, pi

import numpy as np
import pytest
from catalogue_helpers import call


def test_power_flow_at_the_published_solution() -> None:
    degrees = pi / 180.0
    solution = (-0.976 * degrees, -1.872 * degrees, 1.523 * degrees, 0.98242, 0.96900)
    np.testing.assert_allclose(call("ACPowerFlow_4bus", *solution), 0.0, atol=2e-3)


def test_line_without_transformer_is_symmetric_and_lossy() -> None:
    p_f, q_f, p_t, q_t = call("BranchFlow", 1.02, 0.98, 0.1, 0.0, 1.0, 0.0)
    assert 0.0 < p_f + p_t < 0.05
    np.testing.assert_allclose(call("BranchFlow", 0.98, 1.02, 0.0, 0.1, 1.0, 0.0), [p_t, q_t, p_f, q_f], rtol=1e-13)
    series, half = 1.0 / complex(0.01, 0.08), 0.02j
    v_f, v_t = 1.02 * np.exp(0.1j), 0.98
    s = v_f * np.conj((v_f - v_t) * series + half * v_f)
    np.testing.assert_allclose([p_f, q_f], [s.real, s.imag], rtol=1e-13)


def test_generators_at_their_published_operating_point() -> None:
    degrees, speed = pi / 180.0, 120.0 * pi
    rates = call("SwingEquation", 2.2717 * degrees, 19.7315 * degrees, 13.1752 * degrees, speed, speed, speed)
    np.testing.assert_array_equal(rates[:3], 0.0)
    np.testing.assert_allclose(rates[3:] * 2.0 * np.array([23.64, 6.4, 3.01]) / speed, 0.0, atol=0.01)
    # Sauer and Pai, example 7.1, machine 2.
    machine = call("SynchronousMachine", 61.1 * degrees, speed, 0.788, 0.622, 1.789, 1.63, 1.025, 9.3 * degrees)
    np.testing.assert_allclose(machine, [0.0, 0.0, 0.0, 0.0, 1.63, 0.067], atol=0.1)


def test_devices() -> None:
    assert sum(call("EbersMoll", 0.62, -1.0)) == pytest.approx(0.0, abs=1e-18)
    np.testing.assert_allclose(call("EbersMoll", 0.0, 0.0), 0.0)
    assert call("MOSFET_EKV", 1.0, 0.3, 0.3) == 0.0
    assert call("MOSFET_EKV", 1.0, 0.4, 0.1) == pytest.approx(-call("MOSFET_EKV", 1.0, 0.1, 0.4))
    assert call("MOSFET_SquareLaw", 0.3, 1.0, 0.0)[0] == 0.0
    edge, knee = call("MOSFET_SquareLaw", 1.5, 1.0, 0.0), call("MOSFET_SquareLaw", 1.5, 1.0 - 1e-9, 0.0)
    assert edge[0] == pytest.approx(knee[0])
    np.testing.assert_allclose(call("Chua", 1.5, 0.0, -1.5), 0.0, atol=1e-14)
    np.testing.assert_allclose(call("RingModulator", *[0.0] * 16), 0.0)
    # The published initial values of the transistor amplifier are consistent: no current flows at the inner nodes.
    start = (0.0, 0.0, 3.0, 3.0, 6.0, 3.0, 3.0, 6.0, 0.0)
    amplifier = call("TransistorAmplifier", *start)
    np.testing.assert_allclose(amplifier[[0, 1, 3, 4, 6, 7]], 0.0, atol=1e-15)


def test_neurons_rest() -> None:
    """Hodgkin and Huxley set the resting potential to zero; the gates stand at their own equilibria."""
    gates = []
    for a, b in ((2.5 / (exp(2.5) - 1), 4.0), (0.07, 1 / (exp(3) + 1)), (0.1 / (exp(1) - 1), 0.125)):
        gates.append(a / (a + b))
    rates = call("HodgkinHuxley", 0.0, *gates, 0.0)
    # The published leak potential balances the currents to its third digit.
    np.testing.assert_allclose(rates, 0.0, atol=5e-3)
    np.testing.assert_allclose(call("IzhikevichStep", -70.0, -14.0, 0.0), [-70.0, -14.0], atol=1e-12)
    np.testing.assert_allclose(call("IzhikevichStep", 31.0, -5.0, 0.0), [-65.0, 3.0])
    np.testing.assert_allclose(call("WilsonCowan", 0.0, 0.0, 0.0, 0.0), 0.0, atol=1e-12)
    np.testing.assert_allclose(call("AdEx", -70.6, 0.0, 0.0), 0.0, atol=1e-4)
