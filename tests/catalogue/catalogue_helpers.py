"""Shorthand for evaluating catalogue tasks on numpy."""

from __future__ import annotations

import numpy as np

import ccjac_zoo


def call(name: str, *args: object) -> np.ndarray:
    """A task's results as one array."""
    return np.array(ccjac_zoo.task(name).bind("numpy")(*args), np.float64)


def example(name: str, seed: int = 0) -> tuple[np.float64, ...]:
    """A task's random point."""
    return ccjac_zoo.task(name).example(seed)
