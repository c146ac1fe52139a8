"""Neuron models and steps of spiking networks."""

from __future__ import annotations

from typing import Any

from ..namespace import sigmoid
from ..registry import catalogued
from ..sampling import box

_DOMAIN = "neuroscience"
_GERSTNER = "W. Gerstner, W. M. Kistler, R. Naud, L. Paninski, Neuronal Dynamics (2014), "


@catalogued(
    "HodgkinHuxley",
    domain=_DOMAIN,
    source="A. L. Hodgkin, A. F. Huxley, A quantitative description of membrane current, J. Physiology 117 (1952) "
    "500-544, eqs. 7, 12 to 15, 20, 21, 23, 24 and 26 (potentials counted positive inwards)",
    sample=box((-5.0, 90.0), (0.1, 0.9), (0.1, 0.6), (0.3, 0.8), (0.0, 20.0)),
)
def hodgkin_huxley(xp: Any, v: Any, m: Any, h: Any, n: Any, current: Any) -> Any:
    """Membrane of the squid giant axon.

    C V̇ = I − 120 m³h (V − 115) − 36 n⁴ (V + 12) − 0.3 (V − 10.613), ẋ = α_x (1 − x) − β_x x for x = m, h, n.

    Args:
        xp: Array namespace.
        v: Depolarisation (mV).
        m: Activation of sodium.
        h: Inactivation of sodium.
        n: Activation of potassium.
        current: Applied current (µA/cm²).

    Returns:
        Rates of V (mV/ms), m, h and n (1/ms).
    """
    a_m = 0.1 * (25.0 - v) / (xp.exp((25.0 - v) / 10.0) - 1.0)
    b_m = 4.0 * xp.exp(-v / 18.0)
    a_h = 0.07 * xp.exp(-v / 20.0)
    b_h = 1.0 / (xp.exp((30.0 - v) / 10.0) + 1.0)
    a_n = 0.01 * (10.0 - v) / (xp.exp((10.0 - v) / 10.0) - 1.0)
    b_n = 0.125 * xp.exp(-v / 80.0)
    n2 = n * n
    ions = 120.0 * m * m * m * h * (v - 115.0) + 36.0 * n2 * n2 * (v + 12.0) + 0.3 * (v - 10.613)
    return (
        current - ions,
        a_m * (1.0 - m) - b_m * m,
        a_h * (1.0 - h) - b_h * h,
        a_n * (1.0 - n) - b_n * n,
    )


@catalogued(
    "FitzHughNagumo",
    domain=_DOMAIN,
    source="R. FitzHugh, Biophysical Journal 1 (1961) 445-466; J. Nagumo, S. Arimoto, S. Yoshizawa, Proc. IRE 50 "
    "(1962) 2061-2070",
    sample=box((-2, 2), (-1, 2), (0.0, 1.0)),
)
def fitzhugh_nagumo(xp: Any, v: Any, w: Any, current: Any) -> Any:
    """FitzHugh-Nagumo neuron, v̇ = v − v³/3 − w + I, ẇ = 0.08 (v + 0.7 − 0.8 w).

    Args:
        xp: Array namespace.
        v: Membrane potential, scaled.
        w: Recovery variable.
        current: Input I.

    Returns:
        Two rates.
    """
    return v - v * v * v / 3.0 - w + current, 0.08 * (v + 0.7 - 0.8 * w)


@catalogued(
    "MorrisLecar",
    domain=_DOMAIN,
    source="C. Morris, H. Lecar, Voltage oscillations in the barnacle giant muscle fiber, Biophysical Journal 35 "
    "(1981) 193-213; constants as in J. Rinzel, G. B. Ermentrout, Analysis of neural excitability and oscillations "
    "(1989)",
    sample=box((-60, 40), (0.0, 0.6), (0, 150)),
)
def morris_lecar(xp: Any, v: Any, w: Any, current: Any) -> Any:
    """Morris-Lecar neuron with calcium and potassium channels.

    20 V̇ = I − 2 (V + 60) − 4.4 m_∞ (V − 120) − 8 w (V + 84), ẇ = 0.04 (w_∞ − w) cosh((V − 2)/60).

    Args:
        xp: Array namespace.
        v: Membrane potential (mV).
        w: Fraction of open potassium channels.
        current: Applied current (µA/cm²).

    Returns:
        Two rates (mV/ms and 1/ms).
    """
    m_inf = 0.5 * (1.0 + xp.tanh((v + 1.2) / 18.0))
    u = (v - 2.0) / 30.0
    w_inf = 0.5 * (1.0 + xp.tanh(u))
    ions = 2.0 * (v + 60.0) + 4.4 * m_inf * (v - 120.0) + 8.0 * w * (v + 84.0)
    return (current - ions) / 20.0, 0.04 * (w_inf - w) * xp.cosh(0.5 * u)


@catalogued(
    "HindmarshRose",
    domain=_DOMAIN,
    source="J. L. Hindmarsh, R. M. Rose, A model of neuronal bursting using three coupled first order differential "
    "equations, Proc. R. Soc. London B 221 (1984) 87-102",
    sample=box((-1.5, 2), (-8, 1), (2, 4), (1, 4)),
)
def hindmarsh_rose(xp: Any, x: Any, y: Any, z: Any, current: Any) -> Any:
    """Hindmarsh-Rose bursting neuron, ẋ = y − x³ + 3x² − z + I, ẏ = 1 − 5x² − y, ż = 0.006 (4 (x + 1.6) − z).

    Args:
        xp: Array namespace.
        x: Membrane potential, scaled.
        y: Fast recovery.
        z: Slow adaptation.
        current: Input I.

    Returns:
        Three rates.
    """
    x2 = x * x
    return y + x2 * (3.0 - x) - z + current, 1.0 - 5.0 * x2 - y, 0.006 * (4.0 * (x + 1.6) - z)


@catalogued(
    "IzhikevichStep",
    domain=_DOMAIN,
    source="E. M. Izhikevich, Simple model of spiking neurons, IEEE Trans. Neural Networks 14 (2003) 1569-1572, eqs. "
    "1 to 3",
    sample=box((-75, 45), (-16, 0), (0, 15)),
)
def izhikevich_step(xp: Any, v: Any, u: Any, current: Any) -> Any:
    """One Euler step of half a millisecond of Izhikevich's neuron, reset included.

    v̇ = 0.04 v² + 5v + 140 − u + I, u̇ = a (b v − u); at v ≥ 30 mV: v ← c, u ← u + d; a, b, c, d = 0.02, 0.2, −65, 8.

    Args:
        xp: Array namespace.
        v: Membrane potential (mV).
        u: Recovery variable.
        current: Input I.

    Returns:
        v and u after the step.
    """
    v_next = v + 0.5 * ((0.04 * v + 5.0) * v + 140.0 - u + current)
    u_next = u + 0.5 * 0.02 * (0.2 * v - u)
    spike = v >= 30.0
    return xp.where(spike, 0.0 * v - 65.0, v_next), xp.where(spike, u + 8.0, u_next)


@catalogued(
    "AdEx",
    domain=_DOMAIN,
    source="R. Brette, W. Gerstner, Adaptive exponential integrate-and-fire model, J. Neurophysiology 94 (2005) "
    "3637-3642, eqs. 1 to 3",
    sample=box((-75, -46), (0, 200), (0, 800)),
)
def adex(xp: Any, v: Any, w: Any, current: Any) -> Any:
    """Adaptive exponential integrate-and-fire neuron between spikes.

    C V̇ = −g_L (V − E_L) + g_L Δ e^((V − V_T)/Δ) − w + I, τ ẇ = a (V − E_L) − w.

    Args:
        xp: Array namespace.
        v: Membrane potential (mV).
        w: Adaptation current (pA).
        current: Input current (pA).

    Returns:
        Two rates (mV/ms and pA/ms).
    """
    leak = v + 70.6
    spike = 30.0 * 2.0 * xp.exp((v + 50.4) / 2.0)
    return (spike - 30.0 * leak - w + current) / 281.0, (4.0 * leak - w) / 144.0


@catalogued(
    "LIFStep",
    domain=_DOMAIN,
    source="E. O. Neftci, H. Mostafa, F. Zenke, Surrogate gradient learning in spiking neural networks, IEEE Signal "
    "Processing Magazine 36 (2019) 51-63; " + _GERSTNER + "section 1.3",
    sample=box((-0.5, 1.5), (-0.5, 1.0), (0.0, 1.0), (-1.0, 1.0), (0.85, 0.99), (0.7, 0.95)),
)
def lif_step(xp: Any, v: Any, synapse: Any, spike: Any, weighted: Any, leak: Any, decay: Any) -> Any:
    """One step of a leaky integrate-and-fire neuron with current synapses and a smooth spike.

    I' = α I + x, V' = β V (1 − s) + (1 − β) I', s' = σ(10 (V' − 1)); the sigmoid stands in for the step, as surrogate
    gradients do.

    Args:
        xp: Array namespace.
        v: Membrane potential.
        synapse: Synaptic current I.
        spike: Spike s of the step before, which resets.
        weighted: Weighted input x.
        leak: β.
        decay: α.

    Returns:
        V', I' and s'.
    """
    synapse_next = decay * synapse + weighted
    v_next = leak * v * (1.0 - spike) + (1.0 - leak) * synapse_next
    return v_next, synapse_next, sigmoid(xp, 10.0 * (v_next - 1.0))


@catalogued(
    "ALIFNetworkStep",
    domain=_DOMAIN,
    source="G. Bellec, D. Salaj, A. Subramoney, R. Legenstein, W. Maass, Long short-term memory and learning-to-learn "
    "in networks of spiking neurons, NeurIPS (2018), arXiv 1803.09574; surrogate of F. Zenke, S. Ganguli, Neural "
    "Computation 30 (2018) 1514-1541",
    sample=box((-1, 1, (4,)), (0, 1, (4,)), (0, 1, (4,)), (0, 1, (3,)), (-1, 1, (4, 3)), (-1, 1, (4, 4))),
)
def alif_network_step(xp: Any, v: Any, adaptation: Any, spikes: Any, inputs: Any, w_in: Any, w_rec: Any) -> Any:
    """One step of a recurrent layer of four adaptive integrate-and-fire neurons, smooth spikes.

    V' = 0.9 V + W_in x + W_rec s − s θ, θ = 1 + 0.2 a, a' = 0.97 a + s, s' = ½ (1 + u/(1 + |u|)) with u = 5 (V' − θ').

    Args:
        xp: Array namespace.
        v: Membrane potentials ``[4]``.
        adaptation: Threshold adaptations a ``[4]``.
        spikes: Spikes s of the step before ``[4]``.
        inputs: Input spikes x ``[3]``.
        w_in: Input weights ``[4, 3]``.
        w_rec: Recurrent weights ``[4, 4]``.

    Returns:
        V', a' and s', each ``[4]``.
    """
    v_next = 0.9 * v + w_in @ inputs + w_rec @ spikes - spikes * (1.0 + 0.2 * adaptation)
    a_next = 0.97 * adaptation + spikes
    u = 5.0 * (v_next - 1.0 - 0.2 * a_next)
    return v_next, a_next, 0.5 + 0.5 * u / (1.0 + abs(u))


@catalogued(
    "WilsonCowan",
    domain=_DOMAIN,
    source="H. R. Wilson, J. D. Cowan, Excitatory and inhibitory interactions in localized populations of model "
    "neurons, Biophysical Journal 12 (1972) 1-24, eqs. 11 and 12",
    sample=box((0.0, 0.4), (0.0, 0.4), (0.0, 2.0), (0.0, 1.0)),
)
def wilson_cowan(xp: Any, e: Any, i: Any, drive_e: Any, drive_i: Any) -> Any:
    """Excitatory and inhibitory population.

    Ė = −E + (1 − E) S_e(16E − 12I + P), İ = −I + (1 − I) S_i(15E − 3I + Q), S(x) = 1/(1 + e^(−a(x−θ))) − 1/(1 +
    e^(aθ)).

    Args:
        xp: Array namespace.
        e: Active fraction of the excitatory cells.
        i: Active fraction of the inhibitory cells.
        drive_e: Input P.
        drive_i: Input Q.

    Returns:
        Two rates (per time constant).
    """
    rest_e, rest_i = 1.0 / (1.0 + 2.718281828459045**5.2), 1.0 / (1.0 + 2.718281828459045**7.4)
    s_e = sigmoid(xp, 1.3 * (16.0 * e - 12.0 * i + drive_e - 4.0)) - rest_e
    s_i = sigmoid(xp, 2.0 * (15.0 * e - 3.0 * i + drive_i - 3.7)) - rest_i
    return (1.0 - e) * s_e - e, (1.0 - i) * s_i - i


@catalogued(
    "TsodyksMarkram",
    domain=_DOMAIN,
    source="M. Tsodyks, K. Pawelzik, H. Markram, Neural networks with dynamic synapses, Neural Computation 10 (1998) "
    "821-835",
    sample=box((0.1, 0.9), (0.2, 0.9), (-1.0, 3.0)),
)
def tsodyks_markram(xp: Any, u: Any, x: Any, potential: Any) -> Any:
    """Mean-field synapse with short-term facilitation and depression, and the rate that it drives.

    u̇ = (U − u)/τ_f + U (1 − u) r, ẋ = (1 − x)/τ_d − u x r, τ ḣ = −h + J u x r + I, r = 5 ln(1 + e^h).

    Args:
        xp: Array namespace.
        u: Release probability.
        x: Available fraction of transmitter.
        potential: Input current h of the population.

    Returns:
        Three rates (1/s).
    """
    rate = 5.0 * xp.log1p(xp.exp(potential))
    release = u * x * rate
    return (
        (0.3 - u) / 1.5 + 0.3 * (1.0 - u) * rate,
        (1.0 - x) / 0.2 - release,
        (3.5 * release - potential - 0.5) / 0.013,
    )
