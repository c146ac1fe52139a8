"""The dipole model of the human heart, a hard system of polynomial equations."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

MEASURED = (0.485, -0.0019, -0.0581, 0.015, 0.105, 0.0406, 0.167, -0.399)
"""Measured sums of moments of experiment 791129: Σ_Mx, Σ_My, Σ_A to Σ_F."""

START = (0.299, 0.186, -0.0273, 0.0254, -0.474, 0.474, -0.0892, 0.0892)
"""The standard starting point of that experiment."""


@catalogued(
    "HumanHeartDipole",
    domain="optimisation",
    source="J. E. Dennis, D. M. Gay, P. A. Vu, A new nonlinear equations test problem, Rice University technical "
    "report 83-16 (1983, revised 1985); B. M. Averick, R. G. Carter, J. J. More, G.-L. Xue, The MINPACK-2 test "
    "problem collection, ANL/MCS-TM-150 (1992), human heart dipole",
    sample=box(*[(-1.5, 1.5)] * 8),
)
def human_heart_dipole(xp: Any, a: Any, b: Any, c: Any, d: Any, t: Any, u: Any, v: Any, w: Any) -> Any:
    """Residual of the two-dipole model of the heart's electric field.

    With complex moments (a + ic), (b + id) and positions (t + iv), (u + iw), the k-th moment Σ moment · position^k, k
    = 0 to 3, must equal the measured one; real and imaginary parts give eight equations.

    Args:
        xp: Array namespace.
        a: First dipole moment, x.
        b: Second dipole moment, x.
        c: First dipole moment, y.
        d: Second dipole moment, y.
        t: First dipole location, x.
        u: Second dipole location, x.
        v: First dipole location, y.
        w: Second dipole location, y.

    Returns:
        Eight residuals.
    """
    m_x, m_y, s_a, s_b, s_c, s_d, s_e, s_f = MEASURED
    tt, vv, uu, ww = t * t, v * v, u * u, w * w
    square_t, square_u = tt - vv, uu - ww
    cross_t, cross_u = 2.0 * t * v, 2.0 * u * w
    real_t, real_u = t * (tt - 3.0 * vv), u * (uu - 3.0 * ww)
    imag_t, imag_u = v * (vv - 3.0 * tt), w * (ww - 3.0 * uu)
    return (
        a + b - m_x,
        c + d - m_y,
        t * a + u * b - v * c - w * d - s_a,
        v * a + w * b + t * c + u * d - s_b,
        a * square_t - c * cross_t + b * square_u - d * cross_u - s_c,
        c * square_t + a * cross_t + d * square_u + b * cross_u - s_d,
        a * real_t + c * imag_t + b * real_u + d * imag_u - s_e,
        c * real_t - a * imag_t + d * real_u - b * imag_u - s_f,
    )
