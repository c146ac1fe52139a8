"""The air-pollution problem: twenty species, twenty-five reactions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import catalogued

REACTIONS: tuple[tuple[float, tuple[int, ...], dict[int, int]], ...] = (
    (0.35, (1,), {1: -1, 2: 1, 3: 1}),
    (26.6, (2, 4), {1: 1, 2: -1, 4: -1}),
    (1.23e4, (5, 2), {1: 1, 2: -1, 5: -1, 6: 1}),
    (8.6e-4, (7,), {5: 2, 7: -1, 8: 1}),
    (8.2e-4, (7,), {7: -1, 8: 1}),
    (1.5e4, (7, 6), {5: 1, 6: -1, 7: -1, 8: 1}),
    (1.3e-4, (9,), {5: 1, 8: 1, 9: -1, 10: 1}),
    (2.4e4, (9, 6), {6: -1, 9: -1, 11: 1}),
    (1.65e4, (11, 2), {1: 1, 2: -1, 10: 1, 11: -1, 12: 1}),
    (9.0e3, (11, 1), {1: -1, 11: -1, 13: 1}),
    (0.022, (13,), {1: 1, 11: 1, 13: -1}),
    (1.2e4, (10, 2), {1: 1, 2: -1, 10: -1, 14: 1}),
    (1.88, (14,), {5: 1, 7: 1, 14: -1}),
    (1.63e4, (1, 6), {1: -1, 6: -1, 15: 1}),
    (4.8e6, (3,), {3: -1, 4: 1}),
    (3.5e-4, (4,), {4: -1, 16: 1}),
    (0.0175, (4,), {3: 1, 4: -1}),
    (1.0e8, (16,), {6: 2, 16: -1}),
    (4.44e11, (16,), {3: 1, 16: -1}),
    (1240.0, (17, 6), {5: 1, 6: -1, 17: -1, 18: 1}),
    (2.1, (19,), {2: 1, 19: -1}),
    (5.78, (19,), {1: 1, 3: 1, 19: -1}),
    (0.0474, (1, 4), {1: -1, 4: -1, 19: 1}),
    (1780.0, (19, 1), {1: -1, 19: -1, 20: 1}),
    (3.12, (20,), {1: 1, 19: 1, 20: -1}),
)
"""Rate constant (ppm, minutes), reactants, and change of every species, one row per reaction."""


def _smog(rng: np.random.Generator) -> tuple[float, ...]:
    """Concentrations like those after an hour: radicals are scarce, so that no rate dwarfs the others by far."""
    typical = [0.05, 0.13, 4e-9, 3e-3, 2e-7, 2e-7, 0.08, 0.3, 7e-3, 2e-8, 1e-8, 3e-4, 2e-4, 1e-5, 0.01, 1e-18]
    typical += [5e-3, 2e-3, 1e-5, 3e-4]
    return tuple(c * rng.uniform(0.5, 1.5) for c in typical)


@catalogued(
    "POLLU",
    domain="chemistry",
    source="J. G. Verwer, Gauss-Seidel iteration for stiff ODEs from chemical kinetics, SIAM J. Sci. Comput. 15 "
    "(1994) 1243-1259; F. Mazzia, C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008), "
    "pollution problem",
    sample=_smog,
)
def pollu(xp: Any, *species: Any) -> Any:
    """Rates of the air-pollution model of the Dutch institute RIVM.

    Every reaction goes at a constant times the concentrations of its reactants; a species' rate is the sum over its
    reactions.

    Args:
        xp: Array namespace.
        *species: Concentrations (ppm) of NO₂, NO, O3P, O₃, HO₂, OH, HCHO, CO, ALD, MEO₂, C₂O₃, CO₂, PAN, CH₃O, HNO₃,
        O1D, SO₂, SO₄, NO₃,
            N₂O₅.

    Returns:
        Twenty rates (ppm/min).
    """
    rates: list[Any] = [None] * len(species)
    for constant, reactants, changes in REACTIONS:
        speed = constant * species[reactants[0] - 1]
        for other in reactants[1:]:
            speed = speed * species[other - 1]
        for index, count in changes.items():
            term = speed if abs(count) == 1 else abs(count) * speed
            known = rates[index - 1]
            if known is None:
                rates[index - 1] = term if count > 0 else -term
            else:
                rates[index - 1] = known + term if count > 0 else known - term
    return tuple(rates)
