"""Semiconductor devices."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "circuits"
THERMAL = 0.025852
"""Thermal voltage kT/q at 300 K (V)."""
_SEDRA = "A. S. Sedra, K. C. Smith, Microelectronic Circuits, 7th ed. (2014), "


@catalogued(
    "EbersMoll",
    domain=_DOMAIN,
    source="J. J. Ebers, J. L. Moll, Large-signal behavior of junction transistors, Proc. IRE 42 (1954) 1761-1772; "
    "transport form with the Early effect as in P. Antognetti, G. Massobrio, Semiconductor Device Modeling with SPICE "
    "(1988), chapter 2",
    sample=box((0.55, 0.7), (-3.0, 0.4)),
)
def ebers_moll(xp: Any, v_be: Any, v_bc: Any) -> Any:
    """Currents of a bipolar transistor, transport form of the Ebers-Moll model.

    I_C = I_S (e^(V_BE/V_T) − e^(V_BC/V_T)) (1 − V_BC/V_A) − I_BC, I_B = I_BE + I_BC, I_BE = (I_S/β_F)(e^(V_BE/V_T) −
    1), I_BC likewise.

    Args:
        xp: Array namespace.
        v_be: Base-emitter voltage (V).
        v_bc: Base-collector voltage (V).

    Returns:
        Collector, base and emitter currents (A), all into the device.
    """
    saturation, forward, backward, early = 1e-14, 100.0, 2.0, 75.0
    e_be, e_bc = xp.exp(v_be / THERMAL), xp.exp(v_bc / THERMAL)
    i_be = saturation / forward * (e_be - 1.0)
    i_bc = saturation / backward * (e_bc - 1.0)
    collector = saturation * (e_be - e_bc) * (1.0 - v_bc / early) - i_bc
    base = i_be + i_bc
    return collector, base, -collector - base


@catalogued(
    "SolarCell",
    domain=_DOMAIN,
    source="W. De Soto, S. A. Klein, W. A. Beckman, Improvement and validation of a model for photovoltaic array "
    "performance, Solar Energy 80 (2006) 78-88, eq. 1",
    sample=box((0.3, 0.6), (2.0, 5.0), (5.0, 7.0), (0.5e-9, 5e-9), (1.0, 1.4), (0.005, 0.02), (10.0, 100.0)),
)
def solar_cell(
    xp: Any, volt: Any, current: Any, photo: Any, saturation: Any, ideality: Any, series: Any, shunt: Any
) -> Any:
    """Residual of the single-diode equation of a photovoltaic cell.

    I_L − I_0 (e^((V + I R_s)/(n V_T)) − 1) − (V + I R_s)/R_sh − I = 0.

    Args:
        xp: Array namespace.
        volt: Voltage V (V).
        current: Current I (A).
        photo: Light current I_L (A).
        saturation: Diode saturation current I_0 (A).
        ideality: n.
        series: R_s (Ω).
        shunt: R_sh (Ω).

    Returns:
        Residual (A) and delivered power (W).
    """
    junction = volt + current * series
    diode = saturation * (xp.exp(junction / (ideality * THERMAL)) - 1.0)
    return photo - diode - junction / shunt - current, volt * current


@catalogued(
    "MOSFET_EKV",
    domain=_DOMAIN,
    source="C. C. Enz, F. Krummenacher, E. A. Vittoz, An analytical MOS transistor model valid in all regions of "
    "operation, Analog Integrated Circuits and Signal Processing 8 (1995) 83-114",
    sample=box((0.3, 1.5), (0.1, 1.5), (0.0, 0.2)),
)
def mosfet_ekv(xp: Any, gate: Any, drain: Any, source: Any) -> Any:
    """Drain current of a MOS transistor from weak to strong inversion.

    I_D = 2nβV_T² (F((V_P − V_S)/V_T) − F((V_P − V_D)/V_T)), F(v) = ln²(1 + e^(v/2)), V_P = V_G' − φ − γ (√(V_G' +
    (γ/2)²) − γ/2), V_G' = V_G − V_T0 + φ + γ√φ, n = 1 + γ/(2√(V_P + φ)); all voltages against the bulk.

    Args:
        xp: Array namespace.
        gate: Gate voltage (V).
        drain: Drain voltage (V).
        source: Source voltage (V).

    Returns:
        Drain current (A).
    """
    threshold, gamma, phi, beta = 0.5, 0.7, 0.5, 2e-4
    effective = gate - threshold + phi + gamma * phi**0.5
    pinch = effective - phi - gamma * (xp.sqrt(effective + 0.25 * gamma * gamma) - 0.5 * gamma)
    slope = 1.0 + 0.5 * gamma / xp.sqrt(pinch + phi)

    def interpolation(v: Any) -> Any:
        soft = xp.log1p(xp.exp(v / (2.0 * THERMAL)))
        return soft * soft

    return 2.0 * beta * THERMAL * THERMAL * slope * (interpolation(pinch - source) - interpolation(pinch - drain))


@catalogued(
    "MOSFET_SquareLaw",
    domain=_DOMAIN,
    source="H. Shichman, D. A. Hodges, IEEE J. Solid-State Circuits 3 (1968) 285-289; " + _SEDRA + "chapter 5",
    sample=box((0.8, 2.0), (0.1, 2.0), (0.0, 1.0)),
)
def mosfet_square_law(xp: Any, v_gs: Any, v_ds: Any, v_sb: Any) -> Any:
    """Drain current of a MOS transistor by the square law, with body effect and channel-length modulation.

    I_D = β (V_ov − V_DS/2) V_DS (1 + λV_DS) below V_ov = V_GS − V_T, else ½ β V_ov² (1 + λV_DS), V_T = V_T0 + γ (√(φ
    + V_SB) − √φ).

    Args:
        xp: Array namespace.
        v_gs: Gate-source voltage (V).
        v_ds: Drain-source voltage (V).
        v_sb: Source-bulk voltage (V).

    Returns:
        Drain current (A) and threshold voltage (V).
    """
    threshold = 0.5 + 0.4 * (xp.sqrt(0.7 + v_sb) - 0.7**0.5)
    over = v_gs - threshold
    # Below the threshold nothing flows; above saturation the channel sees the overdrive alone.
    over = xp.where(over > 0.0, over, 0.0 * over)
    channel = xp.minimum(v_ds, over)
    return 2e-4 * (over - 0.5 * channel) * channel * (1.0 + 0.05 * v_ds), threshold
