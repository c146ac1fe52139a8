"""The loop over the batch for a chain of stages: a vector of samples goes through all steps of all of them in turn.

What is carried from step to step stays in registers, or in the nearest cache; a batch reads and writes its own arrays
only.  The code does not grow with the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...limits import (
    BLOCK_COLUMNS,
    BLOCK_OPERATIONS,
    CARRIED_REGISTERS,
    LONG_EFFORT,
    MANY_CARRIED,
    PIECE_WORK,
    SHORT_EFFORT,
    SHORT_LOOP,
    SHORT_STEP,
    STACK_BYTES,
)
from ...loops.chain import Chain, Port, Stage
from ...program.operations import is_function
from ...program.program import Program
from ..context import Context
from ..layout import Layout
from ..writer import BYTES, memory_element
from .module import Module, assembled, context
from .straight import from_memory, input_nodes, load_pointers, spread, to_memory, write_nodes
from .target import Target
from .transpose import group_size, group_starts, load_columns, load_group, store_columns, store_group

_ALIGNMENT = 64
_STORING_VECTORS = 4
_LATENCY = 10
"""Operations that a function is as long as."""


def write_chain(
    chain: Chain,
    layout: Layout,
    target: Target,
    *,
    fastmath: bool = False,
    lanes: int | None = None,
    extra: Callable[[int], str] | None = None,
) -> Module:
    """Generate the code; see :func:`~ccjac.kernels.cpu.module.write_module`.

    Args:
        chain: The computation.
        layout: Its operands and results, which of them are batched.
        target: The machine.
        fastmath: Permit reassociation and the like.
        lanes: Samples per vector.
        extra: A framework's own entry.
    """
    lanes = lanes or _lanes(chain, target)
    ctx = context([stage.program for stage in chain.stages], target, lanes, fastmath=fastmath)
    return assembled(ctx, _Body(ctx, chain, layout).text(), layout, extra, effort=lambda _: _effort(chain))


def _effort(chain: Chain) -> int:
    """LLVM's level of code generation."""
    longest = max((stage.program.operations for stage in chain.stages), default=0)
    carried = max((len(stage.carried) for stage in chain.stages), default=0)
    return LONG_EFFORT if carried > MANY_CARRIED else SHORT_EFFORT if longest <= SHORT_STEP else 1


def _lanes(chain: Chain, target: Target) -> int:
    """Samples that go through the steps together: of short steps several vectors, for each waits for its own last
    result.
    """
    nodes = [node for stage in chain.stages for node in stage.program.nodes]
    one = target.vector_bytes // min((BYTES[n.dtype] for n in nodes if n.dtype.startswith("float")), default=4)
    loops = [stage.program for stage in chain.stages if stage.steps != 1]
    longest = max((sum(_LATENCY if is_function(n.op) else 1 for n in p.nodes) for p in loops), default=SHORT_LOOP)
    return one * (4 if 4 * longest <= SHORT_LOOP else 2 if 2 * longest <= SHORT_LOOP else 1)


def piece(chain: Chain, lanes: int) -> int:
    """Samples of a batch that a thread takes at a time: several vectors if memory is fetched for their loops, for its
    first touch takes as long as the steps themselves.
    """
    stored = sum(a.size * BYTES[a.dtype] for a in chain.arrays if a.kind == "internal") * lanes
    least = _STORING_VECTORS if stored > STACK_BYTES else 1
    return max(-(-PIECE_WORK // max(int(chain.work), 1) // lanes), least) * lanes


@dataclass(eq=False)
class _Body:
    """The function ``@range(in, out, begin, end)``."""

    ctx: Context
    chain: Chain
    layout: Layout
    pointers: dict[int, str] = field(default_factory=dict)
    scratch: dict[int, int] = field(default_factory=dict)

    def text(self) -> str:
        w, chain = self.ctx.writer, self.chain
        operands, results = chain.numbered("operand"), chain.numbered("result")
        self.batched = dict(zip(operands, (o.batched for o in self.layout.operands), strict=True))
        tables = load_pointers(w, "%in", range(len(operands)))
        self.pointers.update({k: tables[n] for n, k in enumerate(operands)})
        tables = load_pointers(w, "%out", range(len(results)))
        self.pointers.update({k: tables[n] for n, k in enumerate(results)})
        size = self._places()
        stack = size <= STACK_BYTES
        if stack:
            w.do(f"%scratch = alloca [{max(size, 1)} x i8], align {_ALIGNMENT}")
        else:
            w.do(f"%whole = call ptr @malloc(i64 {size + _ALIGNMENT})")
            w.do("%failed = icmp eq ptr %whole, null")
            w.do("br i1 %failed, label %full, label %go")
            w.label("full")
            w.do("ret i32 1")
            w.label("go")
            w.do("%address = ptrtoint ptr %whole to i64")
            w.do(f"%beyond = add i64 %address, {_ALIGNMENT}")
            w.do(f"%aligned = and i64 %beyond, {-_ALIGNMENT}")
            w.do("%scratch = inttoptr i64 %aligned to ptr")
        w.do(f"%last = sub i64 %end, {w.lanes}")
        before = w.here
        w.do("br label %samples")
        w.label("samples")
        w.do(f"%i = phi i64 [ %begin, %{before} ], [ %next, %again ]")
        for stage in chain.stages:
            self._stage(stage)
        w.do(f"%step = add i64 %i, {w.lanes}")
        w.do("%more = icmp slt i64 %step, %end")
        w.do("br i1 %more, label %again, label %done")
        w.label("again")
        w.do("%early = icmp slt i64 %last, %step")
        w.do("%next = select i1 %early, i64 %last, i64 %step")
        w.do("br label %samples")
        w.label("done")
        if not stack:
            w.do("call void @free(ptr %whole)")
        w.do("ret i32 0")
        body = "\n".join(w.lines)
        return f"define internal i32 @range(ptr %in, ptr %out, i64 %begin, i64 %end) #0 {{\nentry:\n{body}\n}}"

    def _places(self) -> int:
        """Where internal arrays, and what is carried in memory, lie in the scratch memory; its size."""
        size = 0
        for k, array in enumerate(self.chain.arrays):
            if array.kind == "internal":
                self.scratch[k] = size
                size += -(-array.size * BYTES[array.dtype] * self.ctx.writer.lanes // _ALIGNMENT) * _ALIGNMENT
        self.free = size
        slots = [len(stage.carried) for stage in self.chain.stages if not _in_registers(stage)]
        return size + max(slots, default=0) * 8 * self.ctx.writer.lanes

    # -- stages -------------------------------------------------------------------------------------------------------

    def _stage(self, stage: Stage) -> None:
        w, ctx, program = self.ctx.writer, self.ctx, stage.program
        inputs = input_nodes(program)
        types = {node.param: node.dtype for node in program.nodes if node.op == "input"}
        types |= {target: program.nodes[program.results[source]].dtype for target, source in stage.carried}
        if stage.steps == 1 and not stage.carried:
            self._straight(stage, inputs)
            return
        names: dict[int, str] = {}
        for port in stage.reads:
            if not port.stride:
                names.update(self._loaded(port, "0"))
        for target, _ in stage.carried:
            if target not in names:
                names[target] = w.constant(_number(stage.presets.get(target, 0), types[target]), types[target])
        if stage.steps == 0:
            self._write_ports(stage.finals, names, "0")
            return
        carried = [target for target, _ in stage.carried]
        stepped = {s for port in stage.reads if port.stride for s in port.scalars}
        moving = _moving(program, {*carried, *stepped})
        values = _Lazy({inputs[s]: n for s, n in names.items() if s in inputs and s not in carried})
        write_nodes(ctx, program, values, [k for k, moves in enumerate(moving) if not moves])
        self._loop(stage, program, inputs, types, names, values, moving)

    def _straight(self, stage: Stage, inputs: Mapping[int, int]) -> None:
        """A stage that runs once; what earlier stages left is read where it is needed."""
        w, lanes = self.ctx.writer, self.ctx.writer.lanes
        values = _Lazy({})
        for port in stage.reads:
            array = self.chain.arrays[port.array]
            if array.kind != "internal":
                values.update({inputs[s]: n for s, n in self._loaded(port, "0").items() if s in inputs})
                continue
            for offset, scalar in zip(port.offsets, port.scalars, strict=True):
                if scalar in inputs:
                    place = self.scratch[port.array] + offset * BYTES[array.dtype] * lanes
                    values.later[inputs[scalar]] = self._getter(place, array.dtype)
        for node in range(len(stage.program.nodes)):
            if node and node % BLOCK_OPERATIONS == 0:
                w.block()
            write_nodes(self.ctx, stage.program, values, [node])
        results = _Lazy({})
        results.later = {n: lambda r=r: values[r] for n, r in enumerate(stage.program.results)}  # type: ignore[misc]
        self._write_ports(stage.writes, results, "0")

    def _loop(
        self,
        stage: Stage,
        program: Program,
        inputs: Mapping[int, int],
        types: Mapping[int, str],
        initial: Mapping[int, str],
        before: Mapping[int, str],
        moving: Sequence[bool],
    ) -> None:
        w, ctx = self.ctx.writer, self.ctx
        head, done = w.new_label("steps"), w.new_label("over")
        registers = _in_registers(stage)
        slots: dict[int, int] = {}
        if not registers:
            slots = {target: self.free + n * 8 * w.lanes for n, (target, _) in enumerate(stage.carried)}
            for n, (target, place) in enumerate(slots.items()):
                if n and n % BLOCK_OPERATIONS == 0:
                    w.block()
                self._put(place, initial[target], types[target])
        entry = w.here
        w.do(f"br label %{head}")
        w.label(head)
        counter = w.let("phi")
        at_counter = len(w.lines) - 1
        phis: dict[int, tuple[str, int]] = {}
        if registers:
            for target, _ in stage.carried:
                phis[target] = w.let("phi"), len(w.lines) - 1
        mask = ("", 0)
        if stage.going is not None:
            mask = w.let("phi"), len(w.lines) - 1
        k = counter
        if stage.backward:
            k = w.let(f"sub i64 {(stage.steps or 1) - 1}, {counter}")
        values = _Lazy(before)
        for target in (target for target, _ in stage.carried):
            if target in inputs:
                if registers:
                    values[inputs[target]] = phis[target][0]
                else:
                    values.later[inputs[target]] = self._getter(slots[target], types[target])
        for port in stage.reads:
            if port.stride:
                for scalar, name in self._loaded(port, k).items():
                    if scalar in inputs:
                        values[inputs[scalar]] = name
        sums = {} if registers or stage.going is not None else _sums(stage)
        inside = [n for n, moves in enumerate(moving) if moves and n not in sums]
        adding = self._adding(stage, sums, slots, types)
        for n, node in enumerate(inside):
            if n and n % BLOCK_OPERATIONS == 0:
                w.block()
            write_nodes(ctx, program, values, [node])
            for add in adding.pop(node, ()):
                add(values[node])
        for node, rest in adding.items():
            for add in rest:
                add(values[node])
        results = ["" if r in sums else values[r] for r in program.results]
        now = {t: phis[t][0] for t in phis}
        after = dict.fromkeys(now, "")
        on = ""
        if stage.going is not None:
            on = w.let(f"and <{w.lanes} x i1> {mask[0]}, {results[stage.going]}")
            bits = w.let(f"bitcast <{w.lanes} x i1> {on} to i{w.lanes}")
            some = w.let(f"icmp ne i{w.lanes} {bits}, 0")
            body = w.new_label("body")
            w.do(f"br i1 {some}, label %{body}, label %{done}")
            w.label(body)
        self._write_ports(stage.writes, results, k)
        if on and not registers:
            now = {t: self._get(slots[t], types[t]) for t, _ in stage.carried}
        for target, source in stage.carried:
            after[target] = w.select(types[target], on, results[source], now[target]) if on else results[source]
        for target, source in stage.carried:
            if target in slots and program.results[source] not in sums:
                self._put(slots[target], after[target], types[target])
        following = w.let(f"add i64 {counter}, 1")
        latch = w.here
        w.lines[at_counter] = f"  {counter} = phi i64 [ 0, %{entry} ], [ {following}, %{latch} ]"
        for target, (name, line) in phis.items():
            vector = w.vector(types[target])
            w.lines[line] = f"  {name} = phi {vector} [ {initial[target]}, %{entry} ], [ {after[target]}, %{latch} ]"
        if on:
            w.lines[mask[1]] = f"  {mask[0]} = phi <{w.lanes} x i1> [ splat (i1 true), %{entry} ], [ {on}, %{latch} ]"
            w.do(f"br label %{head}")
        else:
            more = w.let(f"icmp slt i64 {following}, {stage.steps}")
            w.do(f"br i1 {more}, label %{head}, label %{done}")
        w.label(done)
        final = _Lazy(now if on else after)
        if not registers:
            final = _Lazy({})
            final.later = {t: self._getter(place, types[t]) for t, place in slots.items()}
        self._write_ports(stage.finals, final, "0")

    def _adding(
        self, stage: Stage, sums: Mapping[int, int], slots: Mapping[int, int], types: Mapping[int, str]
    ) -> dict[int, list[Callable[[str], None]]]:
        """By term, what adds it to its sums in memory: as soon as it is known, so that it need not be kept."""
        w = self.ctx.writer
        found: dict[int, list[Callable[[str], None]]] = {}

        def adding(target: int) -> Callable[[str], None]:
            def add(term: str) -> None:
                before = self._get(slots[target], types[target])
                total = w.let(f"fadd {self.ctx.flags} {w.vector(types[target])} {before}, {term}")
                self._put(slots[target], total, types[target])

            return add

        for target, source in stage.carried:
            place = stage.program.results[source]
            if place in sums:
                found.setdefault(sums[place], []).append(adding(target))
        return found

    def _put(self, place: int, name: str, dtype: str) -> None:
        w = self.ctx.writer
        w.do(f"store <{w.lanes} x {memory_element(dtype)}> {to_memory(w, name, dtype)}, ptr {w.at('%scratch', place)}")

    def _get(self, place: int, dtype: str) -> str:
        w = self.ctx.writer
        return from_memory(
            w, w.let(f"load <{w.lanes} x {memory_element(dtype)}>, ptr {w.at('%scratch', place)}"), dtype
        )

    def _getter(self, place: int, dtype: str) -> Callable[[], str]:
        return lambda: self._get(place, dtype)

    # -- arrays -------------------------------------------------------------------------------------------------------

    def _rows(self, port: Port, k: str) -> tuple[str, int]:
        """Where the port's entries begin in step ``k``, for the current samples; and the length of a sample's row."""
        w, array = self.ctx.writer, self.chain.arrays[port.array]
        size = BYTES[array.dtype]
        if array.kind == "internal":
            base = w.at("%scratch", self.scratch[port.array])
            return self._moved(base, k, port.stride * size * w.lanes), array.size
        base = self.pointers[port.array]
        if self.batched.get(port.array, True):
            base = w.at(base, w.let(f"mul i64 %i, {array.size * size}"))
        return self._moved(base, k, port.stride * size), array.size

    def _moved(self, base: str, k: str, stride: int) -> str:
        w = self.ctx.writer
        return base if not stride or k == "0" else w.at(base, w.let(f"mul i64 {k}, {stride}"))

    def _loaded(self, port: Port, k: str) -> dict[int, str]:
        """The vectors of a port's scalars."""
        w, array = self.ctx.writer, self.chain.arrays[port.array]
        element, size = memory_element(array.dtype), BYTES[array.dtype]
        rows, width = self._rows(port, k)
        if array.kind == "internal":
            found = {
                o: w.let(f"load <{w.lanes} x {element}>, ptr {w.at(rows, o * size * w.lanes)}")
                for o in dict.fromkeys(port.offsets)
            }
        elif not self.batched.get(port.array, True):
            found = {
                o: spread(w, element, w.let(f"load {element}, ptr {w.at(rows, o * size)}"))
                for o in dict.fromkeys(port.offsets)
            }
        elif not port.stride:
            found = {}
            wanted = sorted(set(port.offsets))
            for first in range(0, len(wanted), BLOCK_COLUMNS):
                if first:
                    w.block()
                found.update(load_columns(w, array.dtype, rows, width, wanted[first : first + BLOCK_COLUMNS]))
        else:
            found = self._load_step(array.dtype, rows, width, port)
        return {s: from_memory(w, found[o], array.dtype) for o, s in zip(port.offsets, port.scalars, strict=True)}

    def _load_step(self, dtype: str, rows: str, width: int, port: Port) -> dict[int, str]:
        """Columns of one step out of longer rows: nothing beyond the step's own is touched."""
        w, element, size = self.ctx.writer, memory_element(dtype), BYTES[dtype]
        found: dict[int, str] = {}
        g = group_size(port.stride, size, w.lanes)
        for start in group_starts(port.stride, g) if g else ():
            if any(start <= o < start + g and o not in found for o in port.offsets):
                found.update(enumerate(load_group(w, element, size, rows, width, start), start))
        for o in port.offsets:
            if o not in found:
                vector = "poison"
                for lane in range(w.lanes):
                    entry = w.let(f"load {element}, ptr {w.at(rows, (lane * width + o) * size)}")
                    vector = w.let(f"insertelement <{w.lanes} x {element}> {vector}, {element} {entry}, i32 {lane}")
                found[o] = vector
        return found

    def _write_ports(self, ports: Sequence[Port], names: Mapping[int, str] | Sequence[str], k: str) -> None:
        w = self.ctx.writer
        for port in ports:
            array = self.chain.arrays[port.array]
            element, size = memory_element(array.dtype), BYTES[array.dtype]
            rows, width = self._rows(port, k)

            def column(scalar: int, dtype: str = array.dtype) -> str:
                return "zeroinitializer" if scalar < 0 else to_memory(w, names[scalar], dtype)

            scalars = dict(zip(port.offsets, port.scalars, strict=True))
            if array.kind == "internal":
                for n, (o, s) in enumerate(scalars.items()):
                    if n and n % BLOCK_OPERATIONS == 0:
                        w.block()
                    w.do(f"store <{w.lanes} x {element}> {column(s)}, ptr {w.at(rows, o * size * w.lanes)}")
            elif width <= BLOCK_COLUMNS and list(scalars) == list(range(width)):
                store_columns(w, array.dtype, rows, [column(s) for s in scalars.values()])
            else:
                for run in _runs(sorted(scalars)):
                    self._store_run(array.dtype, rows, width, run, [scalars[o] for o in run], column)

    def _store_run(
        self,
        dtype: str,
        rows: str,
        width: int,
        run: Sequence[int],
        scalars: Sequence[int],
        column: Callable[[int], str],
    ) -> None:
        """Neighbouring columns of longer rows."""
        w, element, size = self.ctx.writer, memory_element(dtype), BYTES[dtype]
        g = group_size(len(run), size, w.lanes)
        for n, start in enumerate(group_starts(len(run), g) if g else ()):
            if n and n % BLOCK_COLUMNS == 0:
                w.block()
            store_group(w, element, size, rows, width, run[start], [column(scalars[start + k]) for k in range(g)])
        for o, scalar in zip(run, scalars, strict=True) if not g else ():
            name = column(scalar)
            for lane in range(w.lanes):
                entry = w.let(f"extractelement <{w.lanes} x {element}> {name}, i32 {lane}")
                w.do(f"store {element} {entry}, ptr {w.at(rows, (lane * width + o) * size)}")


class _Lazy(dict[int, str]):
    """Names of nodes, of which some are loaded when they are first asked for."""

    def __init__(self, known: Mapping[int, str]) -> None:
        super().__init__(known)
        self.later: dict[int, Callable[[], str]] = {}

    def __missing__(self, place: int) -> str:
        name = self[place] = self.later[place]()
        return name


def _in_registers(stage: Stage) -> bool:
    return len(stage.carried) <= CARRIED_REGISTERS


def _sums(stage: Stage) -> dict[int, int]:
    """Nodes that add a term to what is carried, and nothing else reads either: node -> the term."""
    program = stage.program
    uses: dict[int, int] = {}
    for node in program.nodes:
        for a in node.args:
            uses[a] = uses.get(a, 0) + 1
    for r in program.results:
        uses[r] = uses.get(r, 0) + 1
    written = {s for port in stage.writes for s in port.scalars}
    inputs = input_nodes(program)
    found: dict[int, int] = {}
    for target, source in stage.carried:
        place = program.results[source]
        node = program.nodes[place]
        mine = inputs.get(target)
        if node.op == "add" and node.dtype.startswith("float") and mine in node.args and source not in written:
            (term,) = [a for a in node.args if a != mine] or [mine]
            if uses[mine] == uses[place] == 1 and term != mine:
                found[place] = term
    return found


def _moving(program: Program, scalars: set[int]) -> list[bool]:
    """For every node whether it changes from step to step."""
    moving: list[bool] = []
    for node in program.nodes:
        moving.append(node.param in scalars if node.op == "input" else any(moving[a] for a in node.args))
    return moving


def _number(value: float, dtype: str) -> object:
    return value if dtype.startswith("float") else bool(value) if dtype == "bool" else int(value)


def _runs(places: Sequence[int]) -> list[list[int]]:
    """Ascending places, cut where they are not neighbours."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs
