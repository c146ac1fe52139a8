"""Whether loops pay."""

from __future__ import annotations

from ..limits import MANY_CARRIED
from ..loops.chain import Stage
from ..loops.joined import LoopedProgram
from ..loops.tape import Segment, Tape
from ..program.operations import is_function
from .costs import FUNCTION_NANOSECONDS, KERNEL_SECONDS
from .features import COMPILED, FIRST_CALL_RATIO, FIRST_CALL_SECONDS

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
