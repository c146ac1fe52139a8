"""Electronic circuits as differential equations."""

from __future__ import annotations

from math import pi
from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "circuits"
_HAIRER = "E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), "
_TEST_SET = "F. Mazzia, C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008), "


@catalogued(
    "VanDerPol",
    domain=_DOMAIN,
    source="B. van der Pol, On relaxation-oscillations, Phil. Mag. 2 (1926) 978-992; scaled as in "
    + _HAIRER
    + "section IV.10",
    sample=box((-2, 2), (-1, 1)),
)
def van_der_pol(xp: Any, y1: Any, y2: Any) -> Any:
    """Van der Pol's oscillator, ẏ₁ = y₂, ẏ₂ = ((1 − y₁²) y₂ − y₁)/ε with ε = 10⁻⁶.

    Args:
        xp: Array namespace.
        y1: Voltage, scaled.
        y2: Its rate.

    Returns:
        Two rates.
    """
    return y2, 1e6 * ((1.0 - y1 * y1) * y2 - y1)


@catalogued(
    "Chua",
    domain=_DOMAIN,
    source="T. Matsumoto, A chaotic attractor from Chua's circuit, IEEE Trans. Circuits and Systems 31 (1984) "
    "1055-1058; L. O. Chua, M. Komuro, T. Matsumoto, The double scroll family, same journal 33 (1986) 1072-1118",
    sample=box((-2.5, 2.5), (-0.4, 0.4), (-3.5, 3.5)),
)
def chua(xp: Any, x: Any, y: Any, z: Any) -> Any:
    """Chua's circuit in dimensionless form.

    ẋ = α (y − x − f(x)), ẏ = x − y + z, ż = −β y, f(x) = m₁ x + ½ (m₀ − m₁)(|x + 1| − |x − 1|).

    Args:
        xp: Array namespace.
        x: Voltage of the first capacitor.
        y: Voltage of the second.
        z: Current of the inductor.

    Returns:
        Three rates.
    """
    inner, outer = -8.0 / 7.0, -5.0 / 7.0
    diode = outer * x + 0.5 * (inner - outer) * (abs(x + 1.0) - abs(x - 1.0))
    return 9.0 * (y - x - diode), x - y + z, -100.0 / 7.0 * y


@catalogued(
    "DiodeClipper",
    domain=_DOMAIN,
    source="D. T. Yeh, J. Abel, J. O. Smith, Simulation of the diode limiter in guitar distortion circuits by "
    "numerical solution of ordinary differential equations, DAFx-07 (2007) 197-204",
    sample=box((-0.6, 0.6), (-4.0, 4.0)),
)
def diode_clipper(xp: Any, out: Any, source: Any) -> Any:
    """Voltage of a capacitor between two antiparallel diodes, fed through a resistor.

    dV_o/dt = (V_i − V_o)/(RC) − 2 (I_s/C) sinh(V_o/V_t).

    Args:
        xp: Array namespace.
        out: Output voltage (V).
        source: Input voltage (V).

    Returns:
        Rate of the output voltage (V/s).
    """
    resistance, capacitance, saturation, thermal = 2.2e3, 1e-8, 2.52e-9, 45.3e-3
    return (source - out) / (resistance * capacitance) - 2.0 * saturation / capacitance * xp.sinh(out / thermal)


@catalogued(
    "TransistorAmplifier",
    domain=_DOMAIN,
    source=_HAIRER + "sections VI.1 and VII.1 (transistor amplifier); " + _TEST_SET + "transistor amplifier",
    sample=box(
        (0.0, 0.2), (-0.1, 0.1), (2.9, 3.1), (2.85, 2.95), (3.0, 6.0), (2.9, 3.1), (2.85, 2.95), (3.0, 6.0), (-1.0, 1.0)
    ),
)
def transistor_amplifier(
    xp: Any, t: Any, y1: Any, y2: Any, y3: Any, y4: Any, y5: Any, y6: Any, y7: Any, y8: Any
) -> Any:
    """Right-hand side of the two-stage transistor amplifier, M ẏ = f(t, y).

    Kirchhoff's current law at eight nodes; each transistor passes g(U) = 10⁻⁶ (e^(U/0.026) − 1), of which 99 %
    reaches the collector.

    Args:
        xp: Array namespace.
        t: Time (s).
        y1: Node voltages (V), and so on to y8.

    Returns:
        Eight currents (A).
    """
    supply, first, other, gain = 6.0, 1000.0, 9000.0, 0.99
    signal = 0.1 * xp.sin(200.0 * pi * t)
    g1 = 1e-6 * (xp.exp((y2 - y3) / 0.026) - 1.0)
    g2 = 1e-6 * (xp.exp((y5 - y6) / 0.026) - 1.0)
    return (
        (y1 - signal) / first,
        (2.0 * y2 - supply) / other + (1.0 - gain) * g1,
        y3 / other - g1,
        (y4 - supply) / other + gain * g1,
        (2.0 * y5 - supply) / other + (1.0 - gain) * g2,
        y6 / other - g2,
        (y7 - supply) / other + gain * g2,
        y8 / other,
    )


@catalogued(
    "RingModulator",
    domain=_DOMAIN,
    source=_TEST_SET + "ring modulator; E.-H. Horneber, Analyse nichtlinearer RLCU-Netzwerke (1976)",
    sample=box((0.0, 5e-5), *[(-0.3, 0.3)] * 7, *[(-2e-4, 2e-4)] * 8),
)
def ring_modulator(xp: Any, t: Any, *y: Any) -> Any:
    """Rates of the ring modulator, which multiplies a low-frequency and a high-frequency signal.

    Seven voltages and eight currents; the four diodes pass q(U) = γ (e^(δU) − 1).

    Args:
        xp: Array namespace.
        t: Time (s).
        *y: Voltages y₁ to y₇ (V) and currents y₈ to y₁₅ (A).

    Returns:
        Fifteen rates.
    """
    y1, y2, y3, y4, y5, y6, y7, y8, y9, y10, y11, y12, y13, y14, y15 = y
    c, c_s, c_p, l_h, l_s1, l_s2, l_s3 = 1.6e-8, 2e-12, 1e-8, 4.45, 2e-3, 5e-4, 5e-4
    r, r_p, r_g1, r_g2, r_g3, r_i, r_c = 25000.0, 50.0, 36.3, 17.3, 17.3, 50.0, 600.0
    low, high = 0.5 * xp.sin(2000.0 * pi * t), 2.0 * xp.sin(20000.0 * pi * t)

    def diode(u: Any) -> Any:
        return 40.67286402e-9 * (xp.exp(17.7493332 * u) - 1.0)

    q1, q2 = diode(y3 - y5 - y7 - high), diode(y6 - y4 - y7 - high)
    q3, q4 = diode(y4 + y5 + y7 + high), diode(y7 - y3 - y6 + high)
    return (
        (y8 - 0.5 * y10 + 0.5 * y11 + y14 - y1 / r) / c,
        (y9 - 0.5 * y12 + 0.5 * y13 + y15 - y2 / r) / c,
        (y10 - q1 + q4) / c_s,
        (q2 - y11 - q3) / c_s,
        (y12 + q1 - q3) / c_s,
        (q4 - y13 - q2) / c_s,
        (q1 + q2 - q3 - q4 - y7 / r_p) / c_p,
        -y1 / l_h,
        -y2 / l_h,
        (0.5 * y1 - y3 - r_g2 * y10) / l_s2,
        (y4 - 0.5 * y1 - r_g3 * y11) / l_s3,
        (0.5 * y2 - y5 - r_g2 * y12) / l_s2,
        (y6 - 0.5 * y2 - r_g3 * y13) / l_s3,
        (low - y1 - (r_i + r_g1) * y14) / l_s1,
        (-y2 - (r_c + r_g1) * y15) / l_s1,
    )
