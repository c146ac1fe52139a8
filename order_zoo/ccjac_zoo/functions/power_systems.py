"""Power flow and the dynamics of generators."""

from __future__ import annotations

from math import pi
from typing import Any

from ..registry import catalogued
from ..sampling import around, box

_DOMAIN = "power_systems"
_LINES = (
    (0, 1, 0.01008, 0.05040, 0.05125),
    (0, 2, 0.00744, 0.03720, 0.03875),
    (1, 3, 0.00744, 0.03720, 0.03875),
    (2, 3, 0.01272, 0.06360, 0.06375),
)
"""From bus, to bus, resistance, reactance, half of the line charging (per unit)."""
_INJECTION = {1: (-1.70, -1.0535), 2: (-2.00, -1.2394), 3: (2.38, 0.0)}
"""Scheduled active and reactive power of the load buses; of the generator bus the active one."""


def _admittance() -> list[list[complex]]:
    y = [[0j] * 4 for _ in range(4)]
    for i, j, r, x, charging in _LINES:
        series = 1.0 / complex(r, x)
        y[i][i] += series + 1j * charging
        y[j][j] += series + 1j * charging
        y[i][j] -= series
        y[j][i] -= series
    return y


_Y = _admittance()


@catalogued(
    "ACPowerFlow_4bus",
    domain=_DOMAIN,
    source="J. J. Grainger, W. D. Stevenson, Power System Analysis (1994), section 9.3 and example 9.2 (four-bus "
    "system)",
    sample=around((-0.017, -0.033, 0.027, 0.982, 0.969), 0.1, 0.01),
)
def ac_power_flow_4bus(xp: Any, a2: Any, a3: Any, a4: Any, v2: Any, v3: Any) -> Any:
    """Power-flow mismatches of a four-bus system in polar form.

    P_i = V_i Σ_k V_k (G_ik cos θ_ik + B_ik sin θ_ik), Q_i = V_i Σ_k V_k (G_ik sin θ_ik − B_ik cos θ_ik), minus what
    is scheduled; bus 1 is the slack at 1∠0, bus 4 holds 1.02.

    Args:
        xp: Array namespace.
        a2: Voltage angles (rad) of buses 2 to 4: a2, a3, a4.
        v2: Voltage magnitudes (per unit) of buses 2 and 3: v2, v3.

    Returns:
        Mismatches of P at buses 2, 3, 4 and of Q at buses 2, 3.
    """
    angles: tuple[Any, ...] = (None, a2, a3, a4)
    volts = (1.0, v2, v3, 1.02)
    # One sine and one cosine per line; both ends use them.
    trig = {}
    for i, j, *_ in _LINES:
        difference = angles[j] if i == 0 else angles[j] - angles[i]
        s, c = xp.sin(difference), xp.cos(difference)
        trig[i, j], trig[j, i] = (c, -s), (c, s)
    active, reactive = {}, {}
    for i in (1, 2, 3):
        y = _Y[i][i]
        square = volts[i] * volts[i]
        p, q = y.real * square - _INJECTION[i][0], -y.imag * square - _INJECTION[i][1]
        for k in range(4):
            if (i, k) in trig:
                c, s = trig[i, k]
                g, b = _Y[i][k].real, _Y[i][k].imag
                product = volts[i] * volts[k]
                p = p + product * (g * c + b * s)
                q = q + product * (g * s - b * c)
        active[i], reactive[i] = p, q
    return active[1], active[2], active[3], reactive[1], reactive[2]


@catalogued(
    "BranchFlow",
    domain=_DOMAIN,
    source="R. D. Zimmerman, C. E. Murillo-Sanchez, MATPOWER User's Manual, version 7.1 (2020), section 3.2 (branch "
    "model)",
    sample=box((0.95, 1.05), (0.95, 1.05), (-0.3, 0.3), (-0.3, 0.3), (0.95, 1.05), (-0.1, 0.1)),
)
def branch_flow(xp: Any, v_f: Any, v_t: Any, a_f: Any, a_t: Any, tap: Any, shift: Any) -> Any:
    """Power into both ends of a line with a transformer that regulates ratio and phase.

    With the π model's series admittance g + jb, charging b_c and u = v_f/τ, δ = θ_f − θ_t − φ:
    P_f = g u² − u v_t (g cos δ + b sin δ), Q_f = −(b + b_c/2) u² − u v_t (g sin δ − b cos δ), and mirrored.

    Args:
        xp: Array namespace.
        v_f: Voltage at the from end (per unit).
        v_t: Voltage at the to end.
        a_f: Angle at the from end (rad).
        a_t: Angle at the to end.
        tap: Ratio τ.
        shift: Phase shift φ (rad).

    Returns:
        P_f, Q_f, P_t, Q_t (per unit).
    """
    series = 1.0 / complex(0.01, 0.08)
    g, b, half = series.real, series.imag, 0.02
    u = v_f / tap
    angle = a_f - a_t - shift
    s, c = xp.sin(angle), xp.cos(angle)
    product = u * v_t
    return (
        g * u * u - product * (g * c + b * s),
        -(b + half) * u * u - product * (g * s - b * c),
        g * v_t * v_t - product * (g * c - b * s),
        -(b + half) * v_t * v_t + product * (g * s + b * c),
    )


_INTERNAL = (1.0566, 1.0502, 1.0170)
_INERTIA = (23.64, 6.40, 3.01)
_MECHANICAL = (0.716, 1.63, 0.85)
_REDUCED = {
    (0, 0): (0.846, -2.988),
    (1, 1): (0.420, -2.724),
    (2, 2): (0.277, -2.368),
    (0, 1): (0.287, 1.513),
    (0, 2): (0.210, 1.226),
    (1, 2): (0.213, 1.088),
}
"""Conductance and susceptance of the network reduced to the generators, before the fault."""


@catalogued(
    "SwingEquation",
    domain=_DOMAIN,
    source="P. M. Anderson, A. A. Fouad, Power System Control and Stability, 2nd ed. (2003), sections 2.9 and 2.10, "
    "example 2.6 (nine-bus system)",
    sample=box((0.0, 0.2), (0.2, 0.8), (0.1, 0.6), (376.0, 378.0), (376.0, 378.0), (376.0, 378.0)),
)
def swing_equation(xp: Any, d1: Any, d2: Any, d3: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Swing equations of three generators in the classical model.

    (2H_i/ω_s) ω̇_i = P_m,i − E_i² G_ii − Σ_j E_i E_j (G_ij cos δ_ij + B_ij sin δ_ij), δ̇_i = ω_i − ω_s.

    Args:
        xp: Array namespace.
        d1: Rotor angles (rad); d2, d3 likewise.
        w1: Rotor speeds (rad/s); w2, w3 likewise.

    Returns:
        Rates of the angles, then of the speeds.
    """
    synchronous = 120.0 * pi
    angles = (d1, d2, d3)
    power: list[Any] = [_MECHANICAL[i] - _INTERNAL[i] ** 2 * _REDUCED[i, i][0] for i in range(3)]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        g, b = _REDUCED[i, j]
        scale = _INTERNAL[i] * _INTERNAL[j]
        s, c = xp.sin(angles[i] - angles[j]), xp.cos(angles[i] - angles[j])
        shared, exchanged = scale * g * c, scale * b * s
        power[i] = power[i] - shared - exchanged
        power[j] = power[j] - shared + exchanged
    rates = [p * (synchronous / (2.0 * h)) for p, h in zip(power, _INERTIA, strict=True)]
    return (w1 - synchronous, w2 - synchronous, w3 - synchronous, *rates)


@catalogued(
    "SynchronousMachine",
    domain=_DOMAIN,
    source="P. W. Sauer, M. A. Pai, Power System Dynamics and Stability (1998), section 5.4 (two-axis model); data of "
    "machine 2 of the nine-bus system",
    sample=box((0.6, 1.3), (370.0, 384.0), (0.6, 1.0), (0.3, 0.8), (1.0, 2.5), (1.0, 2.0), (0.95, 1.05), (0.0, 0.3)),
)
def synchronous_machine(
    xp: Any, delta: Any, speed: Any, e_q: Any, e_d: Any, field: Any, torque: Any, volt: Any, angle: Any
) -> Any:
    """Two-axis model of a synchronous generator at a bus of given voltage, stator resistance neglected.

    I_d = (E'_q − V cos(δ−θ))/X'_d, I_q = (V sin(δ−θ) − E'_d)/X'_q, T'_d0 Ė'_q = −E'_q − (X_d − X'_d) I_d + E_fd,
    T'_q0 Ė'_d = −E'_d + (X_q − X'_q) I_q, (2H/ω_s) ω̇ = T_M − E'_d I_d − E'_q I_q − (X'_q − X'_d) I_d I_q.

    Args:
        xp: Array namespace.
        delta: Rotor angle δ (rad).
        speed: Rotor speed ω (rad/s).
        e_q: Transient voltage E'_q (per unit).
        e_d: Transient voltage E'_d.
        field: Field voltage E_fd.
        torque: Mechanical torque T_M.
        volt: Bus voltage V.
        angle: Bus angle θ (rad).

    Returns:
        Rates of δ, ω, E'_q, E'_d, and the active and reactive power delivered.
    """
    x_d, x_q, xt_d, xt_q, t_d, t_q, inertia = 0.8958, 0.8645, 0.1198, 0.1969, 6.0, 0.535, 6.4
    synchronous = 120.0 * pi
    v_d, v_q = volt * xp.sin(delta - angle), volt * xp.cos(delta - angle)
    i_d, i_q = (e_q - v_q) / xt_d, (v_d - e_d) / xt_q
    electric = e_d * i_d + e_q * i_q + (xt_q - xt_d) * i_d * i_q
    return (
        speed - synchronous,
        (torque - electric) * (synchronous / (2.0 * inertia)),
        (field - e_q - (x_d - xt_d) * i_d) / t_d,
        ((x_q - xt_q) * i_q - e_d) / t_q,
        v_d * i_d + v_q * i_q,
        v_q * i_d - v_d * i_q,
    )
