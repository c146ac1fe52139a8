"""Forward accumulation through loops: the tangents by all inputs are carried from step to step.

A step's graph has an edge from every direction to every number that comes from outside; eliminating it multiplies the
local Jacobian and the carried tangents in whatever order is cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import UnsupportedError
from ..limits import LOOP_PROGRAM_LIMIT, MOVING_DIRECTIONS
from ..program.accumulate import STRUCTURAL_ZERO, accumulate
from . import patterns
from .accumulation import Accumulation
from .chain import Chain, Port, Stage
from .joined import LoopedProgram, Planner
from .seeds import Results, check_step, seeded, used_inputs
from .tape import Segment, Tape


@dataclass(frozen=True, eq=False)
class _Tangents:
    """The derivatives of an array: which are not always zero, and the array that holds these, row by row.

    Attributes:
        pattern: ``[entries, inputs]``.
        array: ``None`` for a differentiated operand itself, whose derivatives are ones.
    """

    pattern: np.ndarray
    array: int | None = None


def forward(tape: Tape, plan: Planner, *, with_values: bool) -> LoopedProgram:
    """Accumulate from the inputs.

    Args:
        tape: The function.
        plan: Finds a segment's order.
        with_values: Whether values are wanted beside the Jacobian.

    Raises:
        UnsupportedError: A step's program would be too large.
    """
    made = _Forward(tape, plan, with_values)
    for segment in tape.segments:
        made.segment(segment)
    chain = Chain(tuple(made.arrays.found), tuple(made.stages))
    return LoopedProgram(chain, tuple(made.known), tuple(made.parts), "forward")


@dataclass(eq=False)
class _Forward(Accumulation):
    moving: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        tape, arrays = self.tape, self.arrays
        self.known = list(tape.known.values())
        arguments = tape.arrays[: tape.n_differentiated]
        self.blocks = {
            k: [arrays.add(tape.arrays[k].size * a.size, tape.arrays[k].dtype, "result") for a in arguments]
            for k in tape.outputs
        }
        self.columns = np.cumsum([0, *(a.size for a in arguments)]).tolist()
        self.rowwise = {
            i.array: s.steps for s in tape.segments for i in s.inputs if i.role == "sequence" and s.steps is not None
        }
        eye = np.eye(self.columns[-1], dtype=bool)
        self.tangents: dict[int, _Tangents] = {
            k: _Tangents(eye[first:last])
            for k, (first, last) in enumerate(zip(self.columns, self.columns[1:], strict=False))
        }

    # -- one segment --------------------------------------------------------------------------------------------------

    def segment(self, segment: Segment) -> None:
        """Its stage."""
        given = [self._given(segment, k) for k in range(segment.n_active)]
        reach = patterns.local(segment.linearization.graph)
        active, out = patterns.forward(segment, reach, given)
        builder = segment.linearization.builder.copy()
        starts, rows = segment.starts(), segment.rows()
        directions = np.flatnonzero(np.concatenate(active).any(0)) if active else np.zeros(0, np.int64)
        number = {int(d): n for n, d in enumerate(directions)}
        weights: dict[tuple[int, int], int] = {}
        places: list[dict[tuple[int, int], int]] = []
        n_scalars = segment.linearization.n_scalars
        for k, pattern in enumerate(active):
            here: dict[tuple[int, int], int] = {}
            places.append(here)
            entering, dtype = segment.inputs[k], self.tape.arrays[segment.inputs[k].array].dtype
            for t, d in patterns.entries(pattern):
                if entering.role == "constant" and self.tangents[entering.array].array is None:
                    weights[number[d], starts[k] + t] = builder.const(1.0, dtype)
                else:
                    here[t, d] = n_scalars
                    weights[number[d], starts[k] + t] = builder.input(n_scalars, dtype)
                    n_scalars += 1
        found: dict[tuple[int, int], int] = {}
        if weights and out.any():
            check_step(segment, patterns.widths(segment.linearization.graph, np.concatenate(active)))
            whole = seeded(segment.linearization, builder, weights, n_scalars)
            plan = self.plan(whole)
            kinds = np.array([o.dtype for o in segment.outputs for _ in range(o.size)], dtype=object).reshape(-1, 1)
            jacobian = accumulate(whole, plan.order, with_values=True, dtypes=kinds, limit=LOOP_PROGRAM_LIMIT)
            entries = zip(jacobian.rows, jacobian.columns, jacobian.places, strict=True)
            found = {(int(r), int(directions[c])): int(p) for r, c, p in entries}
            results = Results(jacobian.program)
            self.parts.append((segment.steps, segment.label, plan))
        else:
            results = Results(builder.finish(segment.linearization.values, n_scalars))
        carried, presets = self._carried(segment, places, found, results)
        after = self._pattern(segment, active, found, out.shape)
        writes, finals = self._written(segment, after, found, places)
        program = results.finish()
        used = used_inputs([program]) | {target for target, _ in carried}
        self.stages.append(
            Stage(
                program,
                segment.steps,
                carried,
                presets,
                self._reads(segment, places, used),
                writes,
                finals,
                segment.backward,
                rows[-1] if segment.steps is None else None,
            )
        )

    def _given(self, segment: Segment, k: int) -> np.ndarray:
        """The pattern of an active input: of what is carried before the first step, of a sequence in any step."""
        entering = segment.inputs[k]
        tangents = self.tangents.get(entering.array)
        if tangents is None:
            return np.zeros((entering.size, self.columns[-1]), bool)
        if entering.role != "sequence":
            return tangents.pattern
        return patterns.of_any_row(tangents.pattern, segment.steps or 0)

    def _reads(
        self, segment: Segment, places: Sequence[Mapping[tuple[int, int], int]], used: set[int]
    ) -> tuple[Port, ...]:
        ports: list[Port] = []
        for k, entering in enumerate(segment.inputs):
            stepped = entering.role == "sequence"
            if (port := self.value_port(segment, k, used)) is not None:
                ports.append(port)
            if k >= len(places) or not places[k]:
                continue
            tangents = self.tangents.get(entering.array)
            if tangents is None or (tangents.array is None and not stepped):
                continue
            array, pattern = tangents.array, tangents.pattern
            if array is None:
                array, pattern = self._moving(entering.array, segment.steps or 0), self._given(segment, k)
            elif stepped:
                pattern = self._given(segment, k)
            order = {(t, d): n for n, (t, d) in enumerate(patterns.entries(pattern))}
            kept = [(order[key], place) for key, place in places[k].items() if key in order and place in used]
            if kept:
                at, scalars = zip(*kept, strict=True)
                ports.append(Port(array, at, scalars, len(order) if stepped else 0))
        return tuple(ports)

    def _moving(self, k: int, steps: int) -> int:
        """The ones of a differentiated operand that is a sequence, as known numbers: in every step other ones."""
        spec = self.tape.arrays[k]
        width = spec.size // max(steps, 1)
        if spec.size * steps > MOVING_DIRECTIONS:
            raise UnsupportedError(f"a sequence of {spec.size:,} differentiated numbers has as many directions")
        ones = np.zeros((steps, width, steps), spec.dtype)
        for step in range(steps):
            ones[step, :, step] = 1
        if k not in self.moving:
            self.moving[k] = self.arrays.add(ones.size, spec.dtype, "operand")
            self.known.append(ones.ravel())
        return self.moving[k]

    def _carried(
        self,
        segment: Segment,
        places: Sequence[Mapping[tuple[int, int], int]],
        found: Mapping[tuple[int, int], int],
        results: Results,
    ) -> tuple[tuple[tuple[int, int], ...], dict[int, float]]:
        """What is carried, and the ones that differentiated operands begin with."""
        pairs: list[tuple[int, int]] = []
        presets: dict[int, float] = {}
        starts, rows = segment.starts(), segment.rows()
        zeros: dict[str, int] = {}
        for k, output in enumerate(segment.outputs):
            place = output.carries
            if place is None:
                continue
            pairs += [(starts[place] + t, rows[k] + t) for t in range(output.size)]
            if place >= len(places):
                continue
            tangents = self.tangents.get(segment.inputs[place].array)
            for (t, d), scalar in places[place].items():
                result = found.get((rows[k] + t, d))
                if result is None:
                    if output.dtype not in zeros:
                        zeros[output.dtype] = results.zero(output.dtype)
                    result = zeros[output.dtype]
                pairs.append((scalar, result))
                if tangents is not None and tangents.array is None and tangents.pattern[t, d]:
                    presets[scalar] = 1.0
        return tuple(pairs), presets

    @staticmethod
    def _pattern(
        segment: Segment, active: Sequence[np.ndarray], found: Mapping[tuple[int, int], int], shape: tuple[int, ...]
    ) -> list[np.ndarray]:
        """The pattern of every output after a step; of what is carried, after any number of them."""
        exact = np.zeros(shape, bool)
        for row, d in found:
            exact[row, d] = True
        rows = segment.rows()
        return [
            exact[rows[k] : rows[k + 1]] if o.carries is None or o.carries >= len(active) else active[o.carries]
            for k, o in enumerate(segment.outputs)
        ]

    def _written(
        self,
        segment: Segment,
        out: Sequence[np.ndarray],
        found: Mapping[tuple[int, int], int],
        places: Sequence[Mapping[tuple[int, int], int]],
    ) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        """Where the results go, for later segments and for the caller."""
        writes: list[Port] = []
        finals: list[Port] = []
        starts, rows = segment.starts(), segment.rows()
        for k, (output, pattern) in enumerate(zip(segment.outputs, out, strict=True)):
            spec, size = self.tape.arrays[output.array], output.size
            ports = writes if output.carries is None else finals
            first = rows[k] if output.carries is None else starts[output.carries]
            values = tuple(range(first, first + size))
            stride = size if output.carries is None else 0
            if output.array in self.read:
                self.values[output.array] = self.arrays.of(spec, "internal")
                ports.append(Port(self.values[output.array], tuple(range(size)), values, stride))
            if output.array in self.wanted:
                ports.append(Port(self.wanted[output.array], tuple(range(size)), values, stride))

            def place(t: int, d: int, k: int = k, output_carries: int | None = output.carries) -> int:
                """The derivative of an entry, to the port."""
                if output_carries is None:
                    return found.get((rows[k] + t, d), STRUCTURAL_ZERO)
                return places[output_carries].get((t, d), STRUCTURAL_ZERO) if output_carries < len(places) else -1

            if output.array in self.read and pattern.any():
                self._keep(segment, output.array, size, pattern, ports, place)
            for first, last, block in zip(
                self.columns, self.columns[1:], self.blocks.get(output.array, ()), strict=False
            ):
                entries = tuple(place(t, d) for t in range(size) for d in range(first, last))
                ports.append(Port(block, tuple(range(len(entries))), entries, len(entries) if stride else 0))
        return tuple(writes), tuple(finals)

    def _keep(
        self,
        segment: Segment,
        number: int,
        size: int,
        pattern: np.ndarray,
        ports: list[Port],
        place: Callable[[int, int], int],
    ) -> None:
        """The tangents of an array that is read later; one that becomes a sequence has the same pattern in all rows."""
        steps = self.rowwise.get(number)
        whole = pattern
        stacked = segment.steps is not None and self.tape.arrays[number].size != size
        if stacked:
            whole = np.tile(pattern, (self.tape.arrays[number].size // max(size, 1), 1))
        elif steps:
            row = patterns.of_any_row(pattern, steps)
            whole = pattern = np.tile(row, (steps, 1))
        kept = patterns.entries(pattern)
        array = self.arrays.add(int(whole.sum()), self.tape.arrays[number].dtype)
        self.tangents[number] = _Tangents(whole, array)
        ports.append(
            Port(array, tuple(range(len(kept))), tuple(place(t, d) for t, d in kept), len(kept) if stacked else 0)
        )
