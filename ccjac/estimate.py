"""Whether a straight-line program pays: an estimate from the traced function, made before anything is expanded.

A backend walks its trace once and counts (:class:`Features`); nothing is built, so that refusing costs a fraction of
what the framework's own first call costs.  Seconds are those of one core of 2024; only their ratios decide.
"""

from __future__ import annotations

from dataclasses import dataclass

from .limits import MANY_CARRIED
from .loops.chain import Stage
from .loops.joined import LoopedProgram
from .loops.tape import Segment, Tape
from .program.accumulate import JacobianProgram
from .program.operations import is_function
from .settings import limits

OPERATION_SECONDS = 60e-6
"""To expand, differentiate, order, accumulate and compile one scalar operation: 3,000 to 13,000 operations took 50 to
70 µs each."""
FOLDED_SECONDS = 12e-6
"""To compute a product or a sum of constants."""
COMPILATION_SECONDS = 15e-6
"""To compile one operation of a program that stands."""
GOOD_RATIO = 0.33
"""What a good order takes of the products and sums of forward accumulation: 0.25 to 0.8."""
ENTRY_SECONDS = 0.15e-6
"""To lay out one entry of the Jacobian, zero or not."""
KERNEL_SECONDS = 0.03
"""To compile a program of no operations."""

CONSTANT_WORK = 300
"""Operations on constants beyond which the framework's matrix products are quicker than folding them one by one."""

FIRST_CALL_RATIO, FIRST_CALL_SECONDS = 1.5, 0.1
"""How much longer than the framework's a first call may take: a ratio, and seconds on top."""
EAGER_FIRST_CALL_SECONDS = 1.0
"""The same where the framework compiles nothing: what a hundred calls of its modes take that save 10 ms each."""

SURROUNDINGS = 24
"""Operations of scalar programs around regions below which a function is left to the framework."""

SCALAR_NANOSECONDS = 0.7
"""One operation of a straight-line program on one sample."""
FUNCTION_NANOSECONDS = 4.0
"""One exponential, sine or the like on one sample; the framework computes them vector by vector."""
CALL_NANOSECONDS = 3_000.0
"""A kernel's call."""
CELL_NODE_SECONDS = 30e-6
"""To follow one operation of a class of outputs to its operands, for all members."""
CELL_OPERATION_NANOSECONDS = 0.3
"""One operation of a cell's program on one member: they run side by side in vectors."""
SPREAD_NANOSECONDS = 4.0
"""To put one entry into its place in a dense result."""
WALKED_EQUATIONS = 3_000
"""Equations, those of loops as often as they run, beyond which a function is not searched for cells unasked."""
WRITE_NANOSECONDS = 0.06
"""One entry of a result."""
SHORT_STEP_NANOSECONDS, LONG_STEP_NANOSECONDS = 0.2, 0.6
"""One operation of a loop's kernel on one sample, if few or many numbers are carried: 0.1 to 0.2, 0.4 to 0.6."""
LOOP_STEP_NANOSECONDS = 50.0
"""One step of a loop in the framework."""
FORWARD_EQUATION_NANOSECONDS, REVERSE_EQUATION_NANOSECONDS = 4.0, 100.0
"""What one equation of its body costs besides: forward they are fused, in reverse 60 to 160 ns."""
LOOP_ARRAY_NANOSECONDS = 0.2
"""One operation on one entry of an array in a loop of the framework, times directions."""
LOOP_OPERATION_SECONDS = 80e-6
"""To find an order for and compile one operation of a loop."""
LOOP_SECONDS = 0.1
"""To compile a loop in the framework."""
UNKNOWN_STEPS = 20
"""Steps of a loop whose length depends on the arguments."""


@dataclass(frozen=True)
class Modes:
    """What a framework's own modes cost; the defaults are those of a framework that compiles.

    Attributes:
        first_call: Seconds to compile an empty function.
        equation_first_call: Seconds to trace, lower and compile one equation's tangents; 1 to 8 ms.
        excess: Seconds by which a first call may take longer than the framework's.
        call: Nanoseconds of a call.
        forward_equation, reverse_equation: What an equation costs besides its numbers.
        array: One operation on one entry of an array.
        array_function: One exponential, sine or the like on one entry.
        product: One multiply-add of a matrix product.
        forward_convolved, reverse_convolved: One multiply-add of a convolution.
        loop: A loop, per step.
        cells: Whether functions can be divided into cells.
    """

    first_call: float = 0.035
    equation_first_call: float = 3.5e-3
    excess: float = FIRST_CALL_SECONDS
    call: float = 10_000.0
    forward_equation: float = 0.0
    reverse_equation: float = 0.0
    array: float = 0.05
    array_function: float = 1.2
    product: float = 0.02
    forward_convolved: float = 0.0
    reverse_convolved: float = 0.0
    loop: float = 1_000.0
    cells: bool = True


COMPILED = Modes()
EAGER = Modes(
    first_call=0.0,
    equation_first_call=0.0,
    excess=EAGER_FIRST_CALL_SECONDS,
    call=230_000.0,
    forward_equation=40_000.0,
    reverse_equation=11_000.0,
    array=0.17,
    forward_convolved=7.0,
    reverse_convolved=18.0,
    loop=0.0,
    cells=False,
)
"""torch's, on tensors as they come: forward mode took 8 to 140 µs for an operation, reverse mode 11."""


@dataclass
class Features:
    """What is counted in a traced function.

    Attributes:
        inputs: Differentiated input scalars.
        outputs: Differentiated output scalars.
        operations: Scalar operations of the value that depend on an argument.
        functions: Those of them that are exponentials, sines and the like.
        active: Operations that depend on a differentiated argument, matrix products apart.
        contractions: Multiply-adds of matrix products and additions of running sums that do.
        partials: Local partials that are not constants.
        edges: All local partials.
        forward: Products and sums when derivatives are accumulated from the inputs, zeros left out.
        folded: Products and sums of constants, which are done once.
        entries: Entries of the Jacobian that are not always zero.
        equations: Of the traced function; the body of a loop counts once.
        steps: Of loops.
        affine: Whether the Jacobian does not depend on any argument.
        convolved: Multiply-adds of convolutions, where they cost more than those of matrix products.
        obstacle: Why the function cannot be expanded, or an empty string.
        modes: What the framework's own modes cost.
    """

    inputs: int = 0
    outputs: int = 0
    operations: float = 0.0
    functions: float = 0.0
    active: float = 0.0
    contractions: float = 0.0
    partials: float = 0.0
    edges: float = 0.0
    forward: float = 0.0
    folded: float = 0.0
    entries: float = 0.0
    equations: int = 0
    steps: float = 0.0
    affine: bool = False
    convolved: float = 0.0
    obstacle: str = ""
    modes: Modes = COMPILED

    @property
    def accumulated(self) -> float:
        """Products and sums of a good order: no more than from the inputs, or from the outputs one by one.

        Good orders save more than half of forward accumulation, but every entry takes a product and a sum or so.
        """
        good = max(min(2 * self.entries, self.forward), GOOD_RATIO * self.forward)
        return min(good, 2 * self.edges * self.outputs)

    @property
    def program(self) -> float:
        """Operations of the Jacobian's program."""
        # The values of linear functions are not needed.
        return 0.0 if self.affine else self.operations + self.partials + self.accumulated


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


_ONE_A_ROW = 1.2
"""Estimated entries in a row up to which a Jacobian counts as diagonal."""


def regions_obstacle(jacobian: JacobianProgram) -> str | None:
    """Why a function is not worth being divided into scalar programs and regions, or ``None``."""
    surroundings = sum(stage.program.program.operations for stage in jacobian.stages) + jacobian.program.operations
    if surroundings < SURROUNDINGS:
        return f"around what the framework computes there are only {surroundings:,} operations"
    return None


def cells_may_pay(features: Features) -> bool:
    """Whether it is worth while to look for cells: before the walk, which costs some microseconds per equation."""
    steps = max(features.steps, 1.0)
    # Of a function on every entry alone the framework makes one loop that writes zeros and diagonal at once; to spread
    # values over zeros that were written before took up to five times as long.
    diagonal = 0 < features.entries <= _ONE_A_ROW * features.outputs
    many = min(features.inputs, features.outputs) > 1
    return features.modes.cells and features.equations * steps <= WALKED_EQUATIONS and many and not diagonal


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


def loops_obstacle(tape: Tape, looped: LoopedProgram) -> str | None:
    """Why a program with loops is no faster than the framework on one sample or many, or ``None``."""
    ours = sum(_stage_call(stage) for stage in looped.chain.stages)
    loops = [segment for segment in tape.segments if segment.label]
    theirs = sum(_framework_loop(segment, tape.n_inputs, tape.n_outputs) for segment in loops)
    if ours > theirs:
        return f"a call with loops would take {ours / 1e3:,.0f} µs, of the framework's own mode {theirs / 1e3:,.0f} µs"
    operations = looped.chain.operations
    ours = KERNEL_SECONDS + LOOP_OPERATION_SECONDS * operations
    equations = sum(segment.equations for segment in loops)
    theirs = COMPILED.first_call + LOOP_SECONDS * len(loops) + COMPILED.equation_first_call * equations
    if ours > FIRST_CALL_RATIO * theirs + FIRST_CALL_SECONDS:
        return (
            f"loops of {operations:,} operations would take {ours:.1f} s to compile, "
            f"the framework's own mode {theirs:.1f} s"
        )
    return None


def _stage_call(stage: Stage) -> float:
    """Nanoseconds of a stage on one sample."""
    names = [node.op for node in stage.program.nodes if node.op not in ("input", "const")]
    functions = sum(map(is_function, names))
    carried = len(stage.carried)
    each = SHORT_STEP_NANOSECONDS if carried <= MANY_CARRIED else LONG_STEP_NANOSECONDS
    steps = UNKNOWN_STEPS if stage.steps is None else stage.steps
    return steps * (each * (len(names) - functions) + FUNCTION_NANOSECONDS * functions)


def _framework_loop(segment: Segment, n_inputs: int, n_outputs: int) -> float:
    """Nanoseconds of a loop in the framework's better mode, on one sample."""
    value = segment.linearization.values
    operations = segment.linearization.builder.finish(value, segment.linearization.n_scalars).operations
    steps = UNKNOWN_STEPS if segment.steps is None else segment.steps
    forward = FORWARD_EQUATION_NANOSECONDS * segment.equations + LOOP_ARRAY_NANOSECONDS * operations * (1 + n_inputs)
    if segment.steps is None:
        return steps * (LOOP_STEP_NANOSECONDS + forward)
    reverse = REVERSE_EQUATION_NANOSECONDS * segment.equations
    reverse += LOOP_ARRAY_NANOSECONDS * operations * (1 + 2 * n_outputs)
    return steps * (LOOP_STEP_NANOSECONDS + min(forward, reverse))


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
