"""A chain of straight-line programs between arrays, some of them run once for every step of a loop.

The chain belongs to one sample.  Whoever runs it for a batch keeps the arrays between the stages to itself: a vector of
samples goes through all stages before the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from ..program.operations import price
from ..program.program import Program
from ..spec import Spec

Kind = Literal["operand", "result", "internal"]


class Array(NamedTuple):
    """An array of a chain.

    Attributes:
        size: Entries.
        dtype: Name of their type.
        kind: ``"operand"`` and ``"result"`` are the caller's, ``"internal"`` is for later stages.
    """

    size: int
    dtype: str
    kind: Kind


class Port(NamedTuple):
    """Entries of an array that a stage reads or writes.

    Attributes:
        array: Which of the chain's.
        offsets: Positions in the array, in step 0.
        scalars: What they are to the program: inputs that are read, results that are written; ``-1`` writes a zero.
        stride: How far the positions move with every step; 0 to read once before the first step.
    """

    array: int
    offsets: tuple[int, ...]
    scalars: tuple[int, ...]
    stride: int = 0


@dataclass(frozen=True)
class Stage:
    """A program that runs once, or once in every step.

    Attributes:
        program: One step.
        steps: How many; ``None`` as long as ``going`` says.
        carried: Pairs of an input and the result that it becomes for the next step.
        presets: Numbers that carried inputs begin with, where no port reads them; 0 where neither does.
        reads: Before the first step, or in every step.
        writes: In every step.
        finals: After the last step: ``scalars`` are carried inputs.
        backward: Whether the steps run from the last to the first.
        going: The result that says, of what is carried into a step, whether there is this step; only without ``steps``.
    """

    program: Program
    steps: int | None = 1
    carried: tuple[tuple[int, int], ...] = ()
    presets: Mapping[int, float] = field(default_factory=dict)
    reads: tuple[Port, ...] = ()
    writes: tuple[Port, ...] = ()
    finals: tuple[Port, ...] = ()
    backward: bool = False
    going: int | None = None

    @property
    def work(self) -> float:
        """Price of all steps; those of a loop of unknown length count as a hundred."""
        return (100 if self.steps is None else self.steps) * sum(price(node.op) for node in self.program.nodes)


@dataclass(frozen=True)
class Chain:
    """Stages in the order in which they run, and their arrays."""

    arrays: tuple[Array, ...]
    stages: tuple[Stage, ...]

    def numbered(self, kind: Kind) -> tuple[int, ...]:
        """The arrays of one kind; operands and results are passed in this order."""
        return tuple(k for k, array in enumerate(self.arrays) if array.kind == kind)

    def without(self, filled: Sequence[int]) -> Chain:
        """The chain with those of its results that ``filled`` numbers, for others have no entries."""
        results = self.numbered("result")
        kept = {results[k] for k in filled}
        arrays = [k for k, array in enumerate(self.arrays) if array.kind != "result" or k in kept]
        number = {k: n for n, k in enumerate(arrays)}

        def moved(ports: Sequence[Port]) -> tuple[Port, ...]:
            return tuple(port._replace(array=number[port.array]) for port in ports if port.array in number)

        stages = tuple(
            replace(s, reads=moved(s.reads), writes=moved(s.writes), finals=moved(s.finals)) for s in self.stages
        )
        return Chain(tuple(self.arrays[k] for k in arrays), stages)

    @property
    def operations(self) -> int:
        """Size of the code."""
        return sum(stage.program.operations for stage in self.stages)

    @property
    def work(self) -> float:
        """Price of a run."""
        return sum(stage.work for stage in self.stages)


@dataclass(frozen=True)
class Arrays:
    """A growing list of arrays."""

    found: list[Array] = field(default_factory=list)

    def add(self, size: int, dtype: str, kind: Kind = "internal") -> int:
        """A new array's number."""
        self.found.append(Array(size, dtype, kind))
        return len(self.found) - 1

    def of(self, spec: Spec, kind: Kind) -> int:
        """The same for an array of this shape and type."""
        return self.add(spec.size, spec.dtype, kind)
