"""Models of single neurons."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "neuroscience"


@catalogued(
    "HodgkinHuxley",
    domain=_DOMAIN,
    source="A. L. Hodgkin, A. F. Huxley, A quantitative description of membrane current, J. Physiology 117 (1952) "
    "500-544, eqs. 7, 12, 13, 15, 16, 20, 21, 23, 24 and 26 (potentials counted positive inwards)",
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
    "3637-3642",
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
