"""Samplers: how a catalogue function's arguments are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from .definition import Sampler


def box(*bounds: tuple[Any, ...]) -> Sampler:
    """Independent uniform draws, one argument per entry.

    Args:
        *bounds: ``(low, high)`` for a scalar argument, ``(low, high, shape)`` for an array.

    Example:
        ``box((0.0, 1.0), (-1.0, 1.0, (4, 4)))`` draws a scalar and a 4×4 matrix.
    """

    def draw(rng: np.random.Generator) -> tuple[Any, ...]:
        return tuple(rng.uniform(low, high, *shape) for low, high, *shape in bounds)

    return draw


def around(point: tuple[float, ...], relative: float = 0.1, absolute: float = 0.0) -> Sampler:
    """Scalar arguments near a point: each ``p (1 + r) + a`` with r uniform in ±relative and a in ±absolute."""

    def draw(rng: np.random.Generator) -> tuple[Any, ...]:
        return tuple(p * (1.0 + rng.uniform(-relative, relative)) + rng.uniform(-absolute, absolute) for p in point)

    return draw
