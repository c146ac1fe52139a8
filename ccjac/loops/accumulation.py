"""What forward and reverse accumulation through loops share: the chain that is made, and the values that it reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from .chain import Arrays, Port, Stage
from .joined import Part, Planner
from .tape import Segment, Tape


@dataclass(eq=False)
class Accumulation:
    """A chain on its way.

    Attributes:
        tape: The function.
        plan: Finds a segment's order.
        with_values: Whether values are wanted beside the Jacobian.
        arrays: All that the chain has.
        stages: Those that are made, in order.
        parts: Segments with derivatives.
        values: Where the values of the function's arrays are, by their numbers.
        wanted: The results among them.
        read: The numbers of the arrays that some segment reads.
    """

    tape: Tape
    plan: Planner
    with_values: bool
    arrays: Arrays = field(default_factory=Arrays)
    stages: list[Stage] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        tape, arrays = self.tape, self.arrays
        self.values = {k: arrays.of(tape.arrays[k], "operand") for k in (*range(tape.n_operands), *tape.known)}
        wanted = (*tape.outputs, *tape.auxiliary) if self.with_values else ()
        self.wanted = {k: arrays.of(tape.arrays[k], "result") for k in wanted}
        self.read = {i.array for s in tape.segments for i in s.inputs}

    def value_port(self, segment: Segment, k: int, used: Collection[int]) -> Port | None:
        """What a program that uses these input scalars reads of a segment's input ``k``, if anything."""
        entering, start = segment.inputs[k], segment.starts()[k]
        offsets = tuple(t for t in range(entering.size) if start + t in used)
        if not offsets:
            return None
        stride = entering.size if entering.role == "sequence" else 0
        return Port(self.values[entering.array], offsets, tuple(start + t for t in offsets), stride)
