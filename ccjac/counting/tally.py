"""The running counts of a walk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import UnsupportedError
from ..estimate import Features
from ..settings import limits
from .values import Enough, Value

_WORD = 64


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


def inputs(tally: Tally, shapes: Sequence[tuple[int, ...]], n_differentiated: int) -> list[Value]:
    """The operands of a function, the differentiated ones first; sets the tally's scale."""
    n_inputs = tally.counted.inputs
    words = np.zeros(n_inputs, np.uint64)
    # Irregular steps, so that no period of the function's structure is mistaken for the whole.
    drawn = np.sort(np.random.default_rng(0).permutation(n_inputs)[:_WORD])
    words[drawn] = np.uint64(1) << np.arange(len(drawn), dtype=np.uint64)
    tally.scale = max(n_inputs / _WORD, 1.0)
    operands: list[Value] = []
    start = 0
    for k, shape in enumerate(shapes):
        size = math.prod(shape)
        masks = words[start : start + size].reshape(shape) if k < n_differentiated else None
        operands.append(Value(shape, masks=masks, unit=True))
        start += size
    return operands


def finished(tally: Tally, walk: Callable[[], Sequence[Value]]) -> Features:
    """The counts, after ``walk`` has given the function's differentiated results, or found out enough."""
    counted = tally.counted
    try:
        outputs = walk()
    except Enough:
        return counted
    except UnsupportedError as error:
        counted.obstacle = str(error)
        return counted
    counted.entries = sum(tally.width(v.masks) for v in outputs)
    counted.affine = all(v.masks is None or v.affine for v in outputs)
    return counted
