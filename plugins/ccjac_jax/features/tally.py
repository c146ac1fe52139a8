"""The running counts of a walk."""

from __future__ import annotations

import numpy as np

from ccjac.estimate import Features
from ccjac.settings import limits

from .values import Enough


class Tally:
    """What has been counted.

    Attributes:
        counted: The counts.
        weight: How often the present equations run.
        scale: How many inputs a bit stands for.
        linear: Whether all derivatives so far are constants.
    """

    def __init__(self, counted: Features) -> None:
        self.counted = counted
        self.weight = 1.0
        self.scale = 1.0
        self.linear = True

    def width(self, masks: np.ndarray | None) -> float:
        """Dependences of all entries together."""
        return 0.0 if masks is None else float(np.bitwise_count(masks).sum(dtype=np.int64)) * self.scale

    def count(
        self,
        size: float,
        *,
        active: bool,
        partials: float = 0.0,
        edges: float = 0.0,
        forward: float = 0.0,
        folded: bool = False,
    ) -> None:
        """Add an equation of ``size`` scalar operations; ``folded``: its products and sums are of constants."""
        counted, weight = self.counted, self.weight
        counted.operations += weight * size
        if active:
            counted.active += weight * size
            counted.partials += weight * partials
            counted.edges += weight * edges
            if folded:
                counted.folded += weight * (forward + size)
            else:
                counted.forward += weight * forward
                self.linear = self.linear and not (forward or partials)
        if counted.operations > limits().program_values and not self.linear:
            # A linear function of any size may be worth its matrix.
            raise Enough

    # -- kinds of equations ---------------------------------------------------------------------------------------
