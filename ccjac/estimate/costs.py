"""Times: of a straight-line program and of the framework's own modes, first calls and later ones."""

from __future__ import annotations

from .features import Features

OPERATION_SECONDS = 60e-6
"""To expand, differentiate, order, accumulate and compile one scalar operation: 3,000 to 13,000 operations took 50 to
70 µs each."""
FOLDED_SECONDS = 12e-6
"""To compute a product or a sum of constants."""
ENTRY_SECONDS = 0.15e-6
"""To lay out one entry of the Jacobian, zero or not."""
KERNEL_SECONDS = 0.03
"""To compile a program of no operations."""
SCALAR_NANOSECONDS = 0.7
"""One operation of a straight-line program on one sample."""
FUNCTION_NANOSECONDS = 4.0
"""One exponential, sine or the like on one sample; the framework computes them vector by vector."""
CALL_NANOSECONDS = 3_000.0
"""A kernel's call."""
WRITE_NANOSECONDS = 0.06
"""One entry of a result."""


def first_call(features: Features) -> float:
    """Seconds of the first call of a straight-line program."""
    entries = features.inputs * features.outputs
    computed = OPERATION_SECONDS * features.program + FOLDED_SECONDS * features.folded
    return KERNEL_SECONDS + computed + ENTRY_SECONDS * entries


def framework_first_call(features: Features) -> float:
    """Seconds of the first call in the framework's better mode."""
    return features.modes.first_call + features.modes.equation_first_call * features.equations


def call(features: Features) -> float:
    """Nanoseconds of a call of a straight-line program on one sample."""
    simple = features.program - features.functions
    return (
        CALL_NANOSECONDS
        + SCALAR_NANOSECONDS * simple
        + FUNCTION_NANOSECONDS * features.functions
        + WRITE_NANOSECONDS * features.inputs * features.outputs
    )


def framework_call(features: Features, mode: str) -> float:
    """Nanoseconds of a call of ``"forward"`` or ``"reverse"`` mode in the framework."""
    sweeps = features.inputs if mode == "forward" else features.outputs
    modes, simple = features.modes, features.operations - features.functions
    forward = mode == "forward"
    return (
        modes.call
        + (modes.forward_equation if forward else modes.reverse_equation) * features.equations
        + modes.array * (simple + sweeps * features.active)
        + modes.array_function * features.functions
        + modes.product * sweeps * features.contractions
        + (modes.forward_convolved if forward else modes.reverse_convolved) * sweeps * features.convolved
        + WRITE_NANOSECONDS * features.inputs * features.outputs
        + modes.loop * features.steps
    )


def better_mode(features: Features) -> str:
    """``"forward"`` or ``"reverse"``, whichever sweeps less often through the function.

    Where every operation has its price whatever its size, that decides.  Else, where both sweep as often, matrix
    products and running sums took 5 to 40 % less time in reverse, operations on single entries a half to a fortieth of
    it in forward mode.
    """
    if features.modes.forward_equation:
        return min(("reverse", "forward"), key=lambda mode: framework_call(features, mode))
    if features.inputs != features.outputs:
        return "forward" if features.inputs < features.outputs else "reverse"
    return "reverse" if features.contractions else "forward"
