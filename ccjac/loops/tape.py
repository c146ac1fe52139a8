"""What a backend hands over: a function as a sequence of segments that read and write numbered arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from ..program.linearization import Linearization
from ..spec import Spec

Role = Literal["constant", "carried", "sequence"]


class Input(NamedTuple):
    """An operand of a segment.

    Attributes:
        array: Where it comes from; of what is carried, the array that it is before the first step.
        size: Its entries in one step.
        role: ``"constant"``: the same in all steps, ``"carried"`` from step to step, or one row of a ``"sequence"`` in
            each.
    """

    array: int
    size: int
    role: Role


class Output(NamedTuple):
    """A result of a segment.

    Attributes:
        array: Where it goes.
        size: Its entries in one step.
        dtype: Name of their type.
        carries: The input that it is in the next step, ``None`` for one that is stacked up: a row in every step.
    """

    array: int
    size: int
    dtype: str
    carries: int | None = None


@dataclass(frozen=True, eq=False)
class Segment:
    """Straight code, or a loop.

    Attributes:
        linearization: One step.  Its scalars are those of ``inputs`` in turn, of which the first ``n_active`` inputs
            are the graph's; its values and the graph's outputs those of ``outputs``, and of a loop of unknown length
            one more value: whether what is carried into a step makes it a step.
        inputs: The operands, active ones first.
        outputs: The results.
        n_active: Of the inputs.
        steps: 1 for straight code, ``None`` for a loop that ends by itself.
        backward: Whether it goes through sequences from behind.
        label: Of a loop: what it is, and where.
        equations: The framework's operations in one step.
    """

    linearization: Linearization
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    n_active: int
    steps: int | None = 1
    backward: bool = False
    label: str = ""
    equations: int = 0

    def starts(self) -> list[int]:
        """The first scalar of every input, and the number of all."""
        return [0, *np.cumsum([i.size for i in self.inputs]).tolist()]

    def rows(self) -> list[int]:
        """The first scalar of every output, and the number of all."""
        return [0, *np.cumsum([o.size for o in self.outputs]).tolist()]


@dataclass(frozen=True, eq=False)
class Tape:
    """A function.

    Attributes:
        arrays: Shape and type of every array; the first ones are the function's operands.
        n_operands: How many.
        n_differentiated: How many of them are differentiated, the first ones.
        known: The numbers of arrays that are the same in every call.
        segments: In the order of evaluation.
        outputs: The differentiated results.
        auxiliary: Other results.  All results are distinct arrays that segments write.
    """

    arrays: tuple[Spec, ...]
    n_operands: int
    n_differentiated: int
    known: dict[int, np.ndarray]
    segments: tuple[Segment, ...]
    outputs: tuple[int, ...]
    auxiliary: tuple[int, ...]

    @property
    def n_inputs(self) -> int:
        """Differentiated scalars."""
        return sum(spec.size for spec in self.arrays[: self.n_differentiated])

    @property
    def n_outputs(self) -> int:
        """Scalars of the differentiated results."""
        return sum(self.arrays[k].size for k in self.outputs)
