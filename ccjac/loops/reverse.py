"""Reverse accumulation through loops: a first run stores what is carried, a second one goes backwards with cotangents.

A step's graph has an edge from every output to every direction, with the cotangent that comes from later steps;
eliminating it gives the cotangents of what the step reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import UnsupportedError
from ..limits import LOOP_PROGRAM_LIMIT, STORED_NUMBERS
from ..program import Builder, Program
from ..program.accumulate import STRUCTURAL_ZERO, accumulate, converted
from . import patterns
from .accumulation import Accumulation
from .chain import Chain, Port, Stage
from .joined import LoopedProgram, Planner
from .seeds import Results, check_step, used_inputs, weighted
from .tape import Segment, Tape


@dataclass(frozen=True, eq=False)
class _Cotangents:
    """The derivatives by an array, or a share of them.

    Attributes:
        pattern: ``[entries, directions]``.
        array: Holds those that are not always zero, row by row; ``None`` for those of a result by itself, ones.
    """

    pattern: np.ndarray
    array: int | None = None


Places = dict[tuple[int, int], int]
"""(entry, direction) -> input scalar of a program that is the cotangent."""


def reverse(tape: Tape, plan: Planner, *, with_values: bool) -> LoopedProgram:
    """Accumulate from the outputs.

    Args:
        tape: The function.
        plan: Finds a segment's order.
        with_values: Whether values are wanted beside the Jacobian.

    Raises:
        UnsupportedError: A step's program would be too large, there is too much to store, or a loop's length depends
            on the arguments.
    """
    made = _Reverse(tape, plan, with_values)
    for segment in reversed(tape.segments):
        made.backwards(segment)
    made.unread()
    for segment in tape.segments:
        made.forwards(segment)
    chain = Chain(tuple(made.arrays.found), (*made.first, *made.stages))
    return LoopedProgram(chain, tuple(tape.known.values()), tuple(made.parts[::-1]), "reverse")


@dataclass(eq=False)
class _Reverse(Accumulation):
    first: list[Stage] = field(default_factory=list)
    shares: dict[int, list[_Cotangents]] = field(default_factory=dict)
    stored: dict[int, list[tuple[int, tuple[int, ...]]]] = field(default_factory=dict)
    delivered: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__post_init__()
        tape, arrays = self.tape, self.arrays
        arguments = tape.arrays[: tape.n_differentiated]
        self.blocks = [
            [arrays.add(tape.arrays[k].size * a.size, tape.arrays[k].dtype, "result") for a in arguments]
            for k in tape.outputs
        ]
        self.bounds = np.cumsum([0, *(tape.arrays[k].size for k in tape.outputs)]).tolist()
        eye = np.eye(self.bounds[-1], dtype=bool)
        for k, first, last in zip(tape.outputs, self.bounds, self.bounds[1:], strict=False):
            self.shares.setdefault(k, []).append(_Cotangents(eye[first:last]))
        read = [i.array for s in tape.segments for i in s.inputs]
        self.once = {k for k in range(tape.n_differentiated) if read.count(k) == 1 and self._one_type(k)}
        for s in tape.segments:
            for o in s.outputs:
                if o.array in self.read:
                    self.values[o.array] = arrays.of(tape.arrays[o.array], "internal")

    def _one_type(self, k: int) -> bool:
        """Whether the blocks of an operand have its own type."""
        return all(self.tape.arrays[out].dtype == self.tape.arrays[k].dtype for out in self.tape.outputs)

    # -- the way back -------------------------------------------------------------------------------------------------

    def backwards(self, segment: Segment) -> None:
        """The stage that takes the cotangents of the outputs to those of the inputs."""
        if not any(o.array in self.shares for o in segment.outputs) or not segment.n_active:
            return
        if segment.steps is None:
            raise UnsupportedError("a loop whose length depends on the arguments has no reverse accumulation")
        given = [self._gathered(segment, k) for k in range(len(segment.outputs))]
        reach = patterns.local(segment.linearization.graph)
        loop = bool(segment.label)
        active, back = patterns.backward(segment, reach, [c.pattern for c in given])
        rows = segment.rows()
        directions = np.flatnonzero(np.concatenate(active).any(0))
        number = {int(d): n for n, d in enumerate(directions)}
        builder = segment.linearization.builder.copy()
        n_scalars = segment.linearization.n_scalars
        weights: dict[tuple[int, int], int] = {}
        places: list[Places] = []
        for k, (output, pattern) in enumerate(zip(segment.outputs, active, strict=True)):
            here: Places = {}
            places.append(here)
            for t, d in patterns.entries(pattern):
                if given[k].array is None and not loop:
                    weights[number[d], rows[k] + t] = builder.const(1.0, output.dtype)
                else:
                    here[t, d] = n_scalars
                    weights[number[d], rows[k] + t] = builder.input(n_scalars, output.dtype)
                    n_scalars += 1
        if not weights or not back.any():
            return
        check_step(segment, np.full(len(segment.linearization.graph.edges), len(directions)))
        whole = weighted(segment.linearization, builder, weights, n_scalars)
        plan = self.plan(whole)
        kinds = [self.tape.arrays[i.array].dtype for i in segment.inputs[: segment.n_active] for _ in range(i.size)]
        table = np.array(kinds, dtype=object).reshape(1, -1)
        jacobian = accumulate(whole, plan.order, with_values=False, dtypes=table, limit=LOOP_PROGRAM_LIMIT)
        entries = zip(jacobian.rows, jacobian.columns, jacobian.places, strict=True)
        found = {(int(c), int(directions[r])): int(p) for r, c, p in entries}
        self.parts.append((segment.steps, segment.label, plan))
        results = Results(jacobian.program)
        carried, presets = self._carried(segment, given, places, found, results)
        sums = self._accumulated(segment, found, results) if loop else {}
        carried += tuple((scalar, result) for scalar, result in sums.values())
        writes, finals = self._written(segment, found, places, sums)
        program = results.finish()
        used = used_inputs([program]) | {target for target, _ in carried}
        reads = self._reads(segment, given, places, used)
        self.stages.append(Stage(program, segment.steps, carried, presets, reads, writes, finals, not segment.backward))

    def _gathered(self, segment: Segment, k: int) -> _Cotangents:
        """All shares of an output's cotangents together: of what is stacked, with one pattern for all rows."""
        output = segment.outputs[k]
        n_rows = 1 if output.carries is not None else max(segment.steps or 1, 1)
        shares = self.shares.get(output.array, [])
        size = self.tape.arrays[output.array].size
        if not size or not shares:
            return _Cotangents(np.zeros((output.size, self.bounds[-1]), bool))
        pattern = np.zeros((size, self.bounds[-1]), bool)
        for share in shares:
            pattern |= share.pattern
        row = patterns.of_any_row(pattern, n_rows)
        even = np.tile(row, (n_rows, 1))
        # Ones of a result that is stacked up would have to be read row by row.
        readable = shares[0].array is not None or output.carries is not None or not segment.label
        if len(shares) == 1 and readable and (shares[0].pattern == even).all():
            return _Cotangents(row, shares[0].array)
        return _Cotangents(row, self._together(shares, even, output.dtype))

    def _together(self, shares: Sequence[_Cotangents], pattern: np.ndarray, dtype: str) -> int:
        """A stage that adds shares up."""
        entries = patterns.entries(pattern)
        if len(entries) > LOOP_PROGRAM_LIMIT:
            raise UnsupportedError(f"{len(entries):,} cotangents would be put together one by one")
        array = self.arrays.add(len(entries), dtype)
        program, reads = _sums(shares, entries, dtype)
        everything = tuple(range(len(entries)))
        self.stages.append(Stage(program, reads=reads, writes=(Port(array, everything, everything),)))
        return array

    def _carried(
        self,
        segment: Segment,
        given: Sequence[_Cotangents],
        places: Sequence[Places],
        found: Mapping[tuple[int, int], int],
        results: Results,
    ) -> tuple[tuple[tuple[int, int], ...], dict[int, float]]:
        pairs: list[tuple[int, int]] = []
        presets: dict[int, float] = {}
        starts, zeros = segment.starts(), {}
        for k, output in enumerate(segment.outputs):
            place = output.carries
            if place is None:
                continue
            for (t, d), scalar in places[k].items():
                result = found.get((starts[place] + t, d)) if place < segment.n_active else None
                if result is None:
                    if output.dtype not in zeros:
                        zeros[output.dtype] = results.zero(output.dtype)
                    result = zeros[output.dtype]
                pairs.append((scalar, result))
                if given[k].array is None and given[k].pattern[t, d]:
                    presets[scalar] = 1.0
        return tuple(pairs), presets

    def _accumulated(
        self, segment: Segment, found: Mapping[tuple[int, int], int], results: Results
    ) -> dict[tuple[int, int], tuple[int, int]]:
        """What a loop adds up over its steps: (scalar, direction) -> the sum so far, and the one after this step."""
        sums: dict[tuple[int, int], tuple[int, int]] = {}
        starts = segment.starts()
        constant = [k for k, i in enumerate(segment.inputs[: segment.n_active]) if i.role == "constant"]
        for k in constant:
            dtype = self.tape.arrays[segment.inputs[k].array].dtype
            for (scalar, d), place in found.items():
                if starts[k] <= scalar < starts[k + 1]:
                    so_far = results.n_inputs
                    results.n_inputs += 1
                    before = results.builder.input(so_far, dtype)
                    after = results.builder.emit("add", (before, results.values[place]), dtype)
                    sums[scalar, d] = so_far, results.add(after)
        return sums

    def _reads(
        self, segment: Segment, given: Sequence[_Cotangents], places: Sequence[Places], used: set[int]
    ) -> tuple[Port, ...]:
        ports: list[Port] = []
        starts = segment.starts()
        kept: list[int] = []
        for k, entering in enumerate(segment.inputs):
            if entering.role == "carried":
                kept += (starts[k] + t for t in range(entering.size) if starts[k] + t in used)
            elif (port := self.value_port(segment, k, used)) is not None:
                ports.append(port)
        by_type: dict[str, list[int]] = {}
        for scalar in kept:
            k = int(np.searchsorted(starts, scalar, side="right")) - 1
            by_type.setdefault(self.tape.arrays[segment.inputs[k].array].dtype, []).append(scalar)
        for dtype, stored in by_type.items():
            size = len(stored) * (segment.steps or 0)
            if size > STORED_NUMBERS:
                raise UnsupportedError(f"reverse accumulation would store {size:,} numbers for each sample")
            place = self.arrays.add(size, dtype)
            self.stored.setdefault(id(segment), []).append((place, tuple(stored)))
            ports.append(Port(place, tuple(range(len(stored))), tuple(stored), len(stored)))
        for k, output in enumerate(segment.outputs):
            array = given[k].array
            if array is None:
                continue
            order = {(t, d): n for n, (t, d) in enumerate(patterns.entries(given[k].pattern))}
            wanted = [(order[key], s) for key, s in places[k].items() if key in order and s in used]
            if wanted:
                at, inputs = zip(*wanted, strict=True)
                ports.append(Port(array, at, inputs, len(order) if output.carries is None else 0))
        return tuple(ports)

    def _written(
        self,
        segment: Segment,
        found: Mapping[tuple[int, int], int],
        places: Sequence[Places],
        sums: Mapping[tuple[int, int], tuple[int, int]],
    ) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        """Where the cotangents of the inputs go: to the segments before, or to the caller."""
        writes: list[Port] = []
        finals: list[Port] = []
        starts = segment.starts()
        of_carry = {o.carries: k for k, o in enumerate(segment.outputs) if o.carries is not None}
        for k, entering in enumerate(segment.inputs[: segment.n_active]):
            here: dict[tuple[int, int], int] = {}
            if entering.role == "carried":
                here, ports = dict(places[of_carry[k]]), finals
            elif segment.label and entering.role == "constant":
                here = {(s - starts[k], d): v for (s, d), (v, _) in sums.items() if starts[k] <= s < starts[k + 1]}
                ports = finals
            else:
                here = {(s - starts[k], d): p for (s, d), p in found.items() if starts[k] <= s < starts[k + 1]}
                ports = writes
            self._share(entering.array, entering.size, here, ports)
        return tuple(writes), tuple(finals)

    def _share(self, number: int, size: int, places: Mapping[tuple[int, int], int], ports: list[Port]) -> None:
        spec = self.tape.arrays[number]
        rows = spec.size // max(size, 1)
        if number in self.once:
            self._deliver(number, size, places, ports)
            return
        pattern = np.zeros((size, self.bounds[-1]), bool)
        for t, d in places:
            pattern[t, d] = True
        kept = patterns.entries(pattern)
        if not kept:
            return
        array = self.arrays.add(len(kept) * rows, spec.dtype)
        self.shares.setdefault(number, []).append(_Cotangents(np.tile(pattern, (rows, 1)), array))
        scalars = tuple(places[t, d] for t, d in kept)
        ports.append(Port(array, tuple(range(len(kept))), scalars, len(kept) if rows > 1 else 0))

    def _deliver(self, number: int, size: int, places: Mapping[tuple[int, int], int], ports: list[Port]) -> None:
        """The blocks of a differentiated operand that one segment reads."""
        whole = self.tape.arrays[number].size
        for row, (first, last) in enumerate(zip(self.bounds, self.bounds[1:], strict=False)):
            keys = [(t, d) for d in range(first, last) for t in range(size)]
            at = tuple((d - first) * whole + t for t, d in keys)
            scalars = tuple(places.get(key, STRUCTURAL_ZERO) for key in keys)
            ports.append(Port(self.blocks[row][number], at, scalars, size if whole > size else 0))
        self.delivered.add(number)

    def unread(self) -> None:
        """The blocks of differentiated operands that several segments read, or none."""
        for number in range(self.tape.n_differentiated):
            if number in self.delivered:
                continue
            spec, shares = self.tape.arrays[number], self.shares.get(number, [])
            pattern = np.zeros((spec.size, self.bounds[-1]), bool)
            for share in shares:
                pattern |= share.pattern
            if pattern.size > LOOP_PROGRAM_LIMIT:
                raise UnsupportedError(f"{pattern.size:,} entries of a Jacobian would be put together one by one")
            entries = patterns.entries(pattern)
            place = {(t, d): n for n, (t, d) in enumerate(entries)}
            program, reads = _sums(shares, entries, spec.dtype)
            for row, (first, last) in enumerate(zip(self.bounds, self.bounds[1:], strict=False)):
                keys = [(t, d) for d in range(first, last) for t in range(spec.size)]
                kind = self.tape.arrays[self.tape.outputs[row]].dtype
                results = Results(program)
                for n, value in enumerate(results.values):
                    results.values[n] = converted(results.builder, value, kind)
                scalars = tuple(place.get(key, STRUCTURAL_ZERO) for key in keys)
                port = Port(self.blocks[row][number], tuple(range(len(keys))), scalars)
                self.stages.append(Stage(results.finish(), reads=reads, writes=(port,)))

    # -- the first run ------------------------------------------------------------------------------------------------

    def forwards(self, segment: Segment) -> None:
        """The stage of the values, which stores what the way back reads."""
        lin = segment.linearization
        builder, n_values = lin.builder.copy(), len(lin.values)
        values, starts, rows = list(lin.values), segment.starts(), segment.rows()
        writes: list[Port] = []
        finals: list[Port] = []
        kinds = [self.tape.arrays[i.array].dtype for i in segment.inputs for _ in range(i.size)]
        for array, scalars in self.stored.get(id(segment), ()):
            at = tuple(range(len(values), len(values) + len(scalars)))
            values += [builder.input(scalar, kinds[scalar]) for scalar in scalars]
            writes.append(Port(array, tuple(range(len(scalars))), at, len(scalars)))
        carried: list[tuple[int, int]] = []
        for k, output in enumerate(segment.outputs):
            if output.carries is not None:
                carried += [(starts[output.carries] + t, rows[k] + t) for t in range(output.size)]
            first = rows[k] if output.carries is None else starts[output.carries]
            scalars = tuple(range(first, first + output.size))
            ports, stride = (writes, output.size) if output.carries is None else (finals, 0)
            for targets in (self.values if output.array in self.read else {}, self.wanted):
                if output.array in targets:
                    ports.append(Port(targets[output.array], tuple(range(output.size)), scalars, stride))
        if not (writes or finals):
            return
        program = builder.finish(values, lin.n_scalars)
        used = used_inputs([program]) | {target for target, _ in carried}
        reads = [self.value_port(segment, k, used) for k in range(len(segment.inputs))]
        self.first.append(
            Stage(
                program,
                segment.steps,
                tuple(carried),
                {},
                tuple(port for port in reads if port is not None),
                tuple(writes),
                tuple(finals),
                segment.backward,
                n_values - 1 if segment.steps is None else None,
            )
        )


def _sums(
    shares: Sequence[_Cotangents], entries: Sequence[tuple[int, int]], dtype: str
) -> tuple[Program, tuple[Port, ...]]:
    """The sums of shares, entry by entry."""
    builder, reads, n_inputs = Builder(), [], 0
    terms: dict[tuple[int, int], int] = {}
    for share in shares:
        kept = patterns.entries(share.pattern)
        for n, (t, d) in enumerate(kept):
            value = builder.const(1.0, dtype) if share.array is None else builder.input(n_inputs + n, dtype)
            old = terms.get((t, d))
            terms[t, d] = value if old is None else builder.emit("add", (old, value), dtype)
        if share.array is not None:
            everything = range(n_inputs, n_inputs + len(kept))
            reads.append(Port(share.array, tuple(range(len(kept))), tuple(everything)))
            n_inputs += len(kept)
    zero = builder.const(0.0, dtype)
    return builder.finish([terms.get((t, d), zero) for t, d in entries], n_inputs), tuple(reads)
