"""Whether cells pay."""

from __future__ import annotations

from .costs import (
    CALL_NANOSECONDS,
    KERNEL_SECONDS,
    OPERATION_SECONDS,
    WRITE_NANOSECONDS,
    framework_call,
    framework_first_call,
)
from .features import FIRST_CALL_RATIO, Features

CELL_NODE_SECONDS = 30e-6
"""To follow one operation of a class of outputs to its operands, for all members."""
CELL_OPERATION_NANOSECONDS = 0.3
"""One operation of a cell's program on one member: they run side by side in vectors."""
SPREAD_NANOSECONDS = 4.0
"""To put one entry into its place in a dense result."""
WALKED_EQUATIONS = 3_000
"""Equations, those of loops as often as they run, beyond which a function is not searched for cells unasked."""
_DENSE = 0.5
"""Share of entries from which a Jacobian counts as dense."""
_ONE_A_ROW = 1.2
"""Estimated entries in a row up to which a Jacobian counts as diagonal."""


def cells_may_pay(features: Features) -> bool:
    """Whether it is worth while to look for cells: before the walk, which costs some microseconds per equation."""
    steps = max(features.steps, 1.0)
    # Of a function on every entry alone the framework makes one loop that writes zeros and diagonal at once; to spread
    # values over zeros that were written before took up to five times as long.
    diagonal = 0 < features.entries <= _ONE_A_ROW * features.outputs
    many = min(features.inputs, features.outputs) > 1
    # Of matrix products between all and all the framework's are the best; sums over all entries are none of them.
    dense = features.entries > _DENSE * features.inputs * features.outputs
    product = dense and features.contractions >= features.entries
    short = features.equations * steps <= WALKED_EQUATIONS
    return features.modes.cells and short and many and not (diagonal or product)


def cells_nodes(features: Features) -> int:
    """Operations that may be followed until the first call by cells would take too long."""
    return int(max(_cells_seconds(features), 0.0) / CELL_NODE_SECONDS)


def cells_obstacle(features: Features, edges: int) -> str | None:
    """Why cells whose graphs have ``edges`` edges together take too long to compile, or ``None``."""
    if KERNEL_SECONDS + OPERATION_SECONDS * 2 * edges > _cells_seconds(features):
        return f"its cells of more than {edges:,} partials take longer to compile than the framework's own mode"
    return None


def cells_late_obstacle(features: Features, operations: int, entries: int, rank: int = 0) -> str | None:
    """Why a call by cells is no faster than the framework's, once their programs stand, or ``None``.

    Args:
        features: The function's.
        operations: Of all members of all cells.
        entries: Of the Jacobian, those that are not always zero.
        rank: Numbers whose derivatives are found by a sweep in reverse each, and multiplied out.
    """
    ours = (
        CALL_NANOSECONDS
        + features.modes.call
        + CELL_OPERATION_NANOSECONDS * operations
        + SPREAD_NANOSECONDS * entries
        + WRITE_NANOSECONDS * features.inputs * features.outputs
        + rank * (features.modes.array * features.active + features.modes.product * features.inputs * features.outputs)
    )
    theirs = min(framework_call(features, mode) for mode in ("forward", "reverse"))
    if ours > theirs:
        return f"a call by cells would take {ours / 1e3:.0f} µs, of the framework's own mode {theirs / 1e3:.0f} µs"
    return None


def _cells_seconds(features: Features) -> float:
    """What a first call by cells may take: the framework's run is part of its own."""
    run = min(framework_call(features, mode) for mode in ("forward", "reverse")) * 1e-9
    return FIRST_CALL_RATIO * (framework_first_call(features) + run) + features.modes.excess
