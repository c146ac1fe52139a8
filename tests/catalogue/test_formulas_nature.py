"""Populations, climate and solids: balances and energies; then network blocks and random programs."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest
from catalogue_helpers import call, example

from ccjac_zoo.functions.random_programs import OPERATIONS, F, G


def test_populations() -> None:
    assert call("SEIR", *example("SEIR")).sum() == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_allclose(call("LotkaVolterra", 0.6, 1.25, 1.0, 0.8, 1.5, 0.9), 0.0, atol=1e-15)
    np.testing.assert_allclose(call("GlucoseMinimalModel", 92.0, 0.0, 7.3, 0.0), 0.0, atol=1e-13)
    infection_free = call("ViralDynamics", 1000.0, 0.0, 0.0)
    np.testing.assert_allclose(infection_free, [0.0, 0.0, 0.0], atol=1e-12)


def test_climate() -> None:
    root = sqrt(8.0 / 3.0 * 27.0)
    np.testing.assert_allclose(call("Lorenz63", root, root, 27.0), 0.0, atol=1e-13)
    np.testing.assert_allclose(call("Lorenz96", np.full(8, 8.0)), 0.0)
    x = np.arange(8.0)
    expected = [(x[(i + 1) % 8] - x[i - 2]) * x[i - 1] - x[i] + 8.0 for i in range(8)]
    np.testing.assert_allclose(call("Lorenz96", x), expected)
    # Without daisies the planet is a grey body.
    assert call("Daisyworld", 0.0, 0.0, 1.0)[2] == pytest.approx((917.0 * 0.5 / 5.670374419e-8) ** 0.25)
    # Allen et al.: the slope of the vapour pressure curve is 0.145 and e_s 2.34 at 20 °C.
    still_humid = call("PenmanMonteith", 20.0, 10.0, 0.0, 1.0, 101.3)
    gamma = 0.665e-3 * 101.3
    assert still_humid == pytest.approx(0.408 * 0.145 * 10.0 / (0.145 + gamma), rel=3e-3)
    assert call("Photosynthesis", 42.75, 1000.0, 25.0, 60.0, 120.0)[0] == pytest.approx(-0.9, abs=0.05)


def test_elastic_stresses() -> None:
    identity = np.eye(3).ravel()
    np.testing.assert_allclose(call("NeoHookean", *identity), 0.0, atol=1e-15)
    np.testing.assert_allclose(call("MooneyRivlin", *identity), 0.0, atol=1e-14)
    f = np.array(example("MooneyRivlin", 1))
    h = 1e-6
    energy = [(call("MooneyRivlin", *(f + d))[0] - call("MooneyRivlin", *(f - d))[0]) / (2 * h) for d in h * np.eye(9)]
    np.testing.assert_allclose(call("MooneyRivlin", *f)[1:], energy, rtol=1e-6, atol=1e-8)
    for name in ("NeoHookean", "MooneyRivlin"):
        stress, deformation = call(name, *f)[-9:].reshape(3, 3), f.reshape(3, 3)
        torque = stress @ deformation.T
        np.testing.assert_allclose(torque, torque.T, atol=1e-13)
    np.testing.assert_allclose(call("OgdenMembrane", 1.0, 1.0), 0.0, atol=1e-15)
    first, second = call("OgdenMembrane", 1.3, 1.8)
    np.testing.assert_allclose(call("OgdenMembrane", 1.8, 1.3), [second, first])


def test_yield_stresses() -> None:
    uniaxial = call("VonMises", 250.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(uniaxial[:2], [250.0, 250.0 / 3.0])
    s = np.array(example("VonMises", 1))
    tensor = np.array([[s[0], s[3], s[5]], [s[3], s[1], s[4]], [s[5], s[4], s[2]]])
    deviator = tensor - np.trace(tensor) / 3 * np.eye(3)
    np.testing.assert_allclose(call("VonMises", *s)[[0, 2]], [sqrt(1.5 * np.sum(deviator**2)), np.linalg.det(deviator)])
    elastic = call("J2ReturnMapping", 1e-4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    np.testing.assert_allclose(elastic[:3], [16.4 + 2 * 8.0 * 2 / 3, 16.4 - 16.0 / 3, 16.4 - 16.0 / 3], rtol=1e-12)
    assert elastic[6] == 0.0
    strains = example("J2ReturnMapping", 3)
    *stress, hardening = call("J2ReturnMapping", *strains)
    # Past the yield surface the stress lies on the hardened one.
    assert hardening > strains[-1]
    equivalent = call("VonMises", *stress)[0]
    assert equivalent == pytest.approx(450.0 + 1200.0 * hardening)


def test_layer_norm_and_softmax() -> None:
    x, gain, bias = example("LayerNorm", 1)
    y = (call("LayerNorm", x, gain, bias) - bias) / gain
    assert y.mean() == pytest.approx(0.0, abs=1e-12)
    assert y.std() == pytest.approx(1.0, rel=1e-4)
    assert call("SoftmaxCrossEntropy", np.zeros(6), np.full(6, 1 / 6)) == pytest.approx(log(6))
    tokens, wq, _, wv = example("AttentionHead", 0)
    np.testing.assert_allclose(
        call("AttentionHead", tokens, wq, np.zeros((4, 2)), wv), np.tile((tokens @ wv).mean(0), (3, 1))
    )


def test_recurrent_cells_keep_their_state_where_the_gates_say_so() -> None:
    h, x, w_r, u_r, b_r, w_z, u_z, _, w_n, u_n, b_n = (*example("GRUCell", 0)[:7], None, *example("GRUCell", 0)[8:])
    closed = call("GRUCell", h, x, w_r, u_r, b_r, w_z, u_z, np.full(3, 40.0), w_n, u_n, b_n)
    np.testing.assert_allclose(closed, h, atol=1e-12)
    h, c, x, w, u, b = example("LSTMCell", 0)
    b = b.copy()
    b[0:3], b[3:6] = -40.0, 40.0
    np.testing.assert_allclose(call("LSTMCell", h, c, x, w, u, b)[1], c, atol=1e-12)


def test_random_programs_are_the_same_everywhere() -> None:
    """A changed generator would silently change what every stored result about them means."""
    assert G.instructions[:3] == (("cos", (10,)), ("add", (3, 7)), ("mul", (14, 4)))
    assert F.instructions[:3] == (("div", (3, 2)), ("rowsum", (0,)), ("dot", (6, 7)))
    for program, inputs in ((F, 6), (G, 15)):
        assert {op for op, _ in program.instructions} <= OPERATIONS.keys()
        assert all(a < inputs + k for k, (_, args) in enumerate(program.instructions) for a in args)
        assert len(set(program.outputs)) == len(program.outputs)
        assert all(a != b for a, b in pairwise(program.outputs))
