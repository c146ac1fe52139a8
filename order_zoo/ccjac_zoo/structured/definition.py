"""What a structured function is: a rule that makes it for any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Made = tuple[Callable[..., Any], np.ndarray]
"""A function of one array, and an argument for it."""


@dataclass(frozen=True)
class Structured:
    """A family of functions.

    Attributes:
        name: Unique.
        make: From a size to a function of one array and an argument, float64.
        sizes: A small, a medium and a large size.
        source: Where its formulas come from.
    """

    name: str
    make: Callable[[int], Made]
    sizes: tuple[int, int, int]
    source: str


def sample(shape: tuple[int, ...], low: float = 0.5, high: float = 1.5, seed: int = 0) -> np.ndarray:
    """Reproducible numbers."""
    return np.random.default_rng(seed).uniform(low, high, shape)
