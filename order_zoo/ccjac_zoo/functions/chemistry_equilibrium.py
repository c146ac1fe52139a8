"""Chemical equilibria as systems of nonlinear equations."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

PRESSURE = 40.0
"""Pressure p, atmospheres."""
AIR_RATIO = 10.0
"""Relative amount R of air to fuel."""
EQUILIBRIUM = {5: 1.930e-1, 6: 2.597e-3, 7: 3.448e-3, 8: 1.799e-5, 9: 2.155e-4, 10: 3.846e-5}
"""Equilibrium constants K_5 to K_10."""


@catalogued(
    "PropaneCombustion",
    domain="chemistry",
    source="K. Meintjes, A. P. Morgan, Chemical equilibrium systems as numerical test problems, ACM TOMS 16 (1990) "
    "143-151; B. M. Averick, R. G. Carter, J. J. More, G.-L. Xue, The MINPACK-2 test problem collection, "
    "ANL/MCS-TM-150 (1992), combustion of propane, full formulation",
    sample=box(
        (0.5, 5.0),
        (0.5, 5.0),
        (1.0, 25.0),
        (0.05, 2.0),
        (0.005, 0.1),
        (1e-3, 0.1),
        (0.01, 0.5),
        (1e-3, 0.1),
        (0.01, 0.5),
        (0.01, 0.5),
        (20.0, 60.0),
    ),
)
def propane_combustion(
    xp: Any,
    x1: Any,
    x2: Any,
    x3: Any,
    x4: Any,
    x5: Any,
    x6: Any,
    x7: Any,
    x8: Any,
    x9: Any,
    x10: Any,
    x11: Any,
) -> Any:
    """Residual of the equilibrium of propane burning in air, full formulation.

    One balance for each of the atoms C, O, H, N, six equilibria between the species, and the definition of the
    total.

    Args:
        xp: Array namespace.
        x1: Moles of product i per mole of propane, for x1 to x10, positive: CO2, H2O, N2, CO, H2, H, OH, O, NO, O2.
        x11: Total number of moles.

    Returns:
        Eleven residuals, all zero at equilibrium.
    """
    k = EQUILIBRIUM
    share = PRESSURE / x11
    root = xp.sqrt(share)
    return (
        x1 + x4 - 3.0,
        2.0 * x1 + x2 + x4 + x7 + x8 + x9 + 2.0 * x10 - AIR_RATIO,
        2.0 * x2 + 2.0 * x5 + x6 + x7 - 8.0,
        2.0 * x3 + x9 - 4.0 * AIR_RATIO,
        k[5] * x2 * x4 - x1 * x5,
        k[6] * xp.sqrt(x2 * x4) - xp.sqrt(x1) * x6 * root,
        k[7] * xp.sqrt(x1 * x2) - xp.sqrt(x4) * x7 * root,
        k[8] * x1 - x4 * x8 * share,
        k[9] * x1 * xp.sqrt(x3) - x4 * x9 * root,
        k[10] * x1 * x1 - x4 * x4 * x10 * share,
        x11 - (x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10),
    )
