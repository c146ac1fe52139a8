"""Whether a straight-line program pays."""

from __future__ import annotations

from collections.abc import Sequence

from ..program.accumulate import JacobianProgram
from ..regions.region import Region
from ..settings import limits
from .costs import KERNEL_SECONDS, call, first_call, framework_call, framework_first_call
from .features import FIRST_CALL_RATIO, Features

COMPILATION_SECONDS = 15e-6
"""To compile one operation of a program that stands."""
CONSTANT_WORK = 300
"""Operations on constants beyond which the framework's matrix products are quicker than folding them one by one."""
SURROUNDINGS = 24
"""Operations of scalar programs around regions below which a function is left to the framework."""
PARTIALS_SHARE = 2.25
"""Operations around regions that pay for one partial derivative that a region hands over: with 2.2 of them a call took
1.06 times the framework's time, with 2.3 less than that."""

ARRAY_OPERATIONS = 1_000
"""Operations per equation beyond which arrays are large enough for the framework's own loops."""


def fusion_obstacle(features: Features) -> str | None:
    """Why a function itself had better not be one straight-line program of each sample, or ``None``.

    How many samples there will be is not known here: what only a few are too little for is found out when the call is
    lowered.  Nor is the first call's time held against it, which whoever fuses a function pays on purpose.
    """
    if features.obstacle:
        return features.obstacle
    if features.operations > limits().program_operations:
        return f"the function expands to about {features.operations:,.0f} scalar operations, too many for one program"
    # Each step of a loop calls the framework's operations anew.
    equations = max(features.equations * max(features.steps, 1.0), 1.0)
    if features.operations > ARRAY_OPERATIONS * equations:
        return (
            f"it works on large arrays (about {features.operations / equations:,.0f} entries an operation), "
            "in which the framework finds loops enough"
        )
    return None


def is_constant(features: Features) -> bool:
    """Whether a Jacobian had better be computed once and kept; if there is little to compute, a program is as good."""
    entries = features.inputs * features.outputs
    return features.affine and features.folded > CONSTANT_WORK and entries <= limits().jacobian_entries


def obstacle(features: Features) -> str | None:
    """Why a function had better be left to the framework, or ``None`` if its straight-line program pays."""
    if features.obstacle:
        return features.obstacle
    most = limits()
    if features.operations > most.program_values:
        return f"the function expands to more than {most.program_values:,} scalar operations"
    if features.inputs * features.outputs > most.jacobian_entries:
        return f"the Jacobian has {features.outputs:,} x {features.inputs:,} entries"
    if features.program > 2 * most.program_operations:
        return f"its straight-line program has about {features.program:,.0f} operations"
    ours, theirs = first_call(features), framework_first_call(features)
    if ours > FIRST_CALL_RATIO * theirs + features.modes.excess:
        return (
            f"its straight-line program of about {features.program:,.0f} operations would take {ours:.1f} s to "
            f"compile, the framework's own mode {theirs:.1f} s"
        )
    ours, theirs = call(features), min(framework_call(features, mode) for mode in ("forward", "reverse"))
    if ours > theirs:
        return (
            f"a call of its straight-line program would take {ours / 1e3:.0f} µs, "
            f"of the framework's own mode {theirs / 1e3:.0f} µs"
        )
    return None


def late_obstacle(features: Features, operations: int) -> str | None:
    """The same once the program of ``operations`` operations stands, and only remains to be compiled."""
    ours = KERNEL_SECONDS + COMPILATION_SECONDS * operations
    theirs = framework_first_call(features)
    if ours > FIRST_CALL_RATIO * theirs + features.modes.excess:
        return (
            f"its straight-line program of {operations:,} operations would take {ours:.1f} s to compile, "
            f"the framework's own mode {theirs:.1f} s"
        )
    return None


def regions_obstacle(regions: Sequence[Region]) -> str | None:
    """Why a function with these regions had better be left to the framework, or ``None``."""
    if regions and all(region.operation.fused for region in regions):
        return "what is no scalar operation acts on every entry alone, in the framework's own loops"
    if singular := next((region.operation for region in regions if region.operation.singular), None):
        return f"partials of `{singular.label}` are infinite where the numbers that it finds coincide"
    return None


def regions_late_obstacle(jacobian: JacobianProgram) -> str | None:
    """The same once the program stands.

    Partials that a region hands over are written and read once more than in the framework's own mode: Fourier
    transforms of 16 numbers with little around them took 1.1 times its time.
    """
    surroundings = sum(stage.program.program.operations for stage in jacobian.stages) + jacobian.program.operations
    if surroundings < SURROUNDINGS:
        return f"around what the framework computes there are only {surroundings:,} operations"
    partials = sum(map(_partials, jacobian.regions))
    if PARTIALS_SHARE * partials > surroundings:
        return (
            f"what the framework computes has {partials:,} partials, too many for the {surroundings:,} operations "
            "around it"
        )
    return None


def _partials(region: Region) -> int:
    """Partials that a region hands over."""
    count = 0
    for result in region.results:
        count += result.spec.size * sum(region.operands[k].spec.size for k in result.blocks)
        count += 0 if result.pushed is None else result.spec.size * len(region.inputs)
    return count
