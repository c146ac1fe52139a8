"""The loop over the batch for programs of moderate size: one basic block, all values in registers.

What depends on unbatched operands alone stands before the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

from ...program.program import Program
from ..context import Context
from ..layout import Layout
from ..operations import emit
from ..writer import BYTES, Writer, memory_element
from .transpose import load_columns, store_columns

CACHE_LINE = 64
_SHORT_TILE, _MEDIUM_TILE, _LONG_TILE = 1 << 12, 1 << 13, 1 << 15
"""Bytes of a vector's results in one array: below the first, notice is given two vectors ahead, below the second one
vector ahead, else for the current vector, as two would not fit into the nearest cache; above the third, the rows are
streams of their own."""


def uniform_nodes(program: Program, layout: Layout) -> list[bool]:
    """For every node whether all samples share its value: it depends on constants and unbatched operands only."""
    shared = {s for operand in layout.operands if not operand.batched for s in operand.scalars}
    uniform: list[bool] = []
    for node in program.nodes:
        if node.op == "input":
            uniform.append(node.param in shared)
        else:
            uniform.append(all(uniform[a] for a in node.args))
    return uniform


def input_nodes(program: Program) -> dict[int, int]:
    """Scalar input -> the node that reads it, for the inputs that are read."""
    return {node.param: place for place, node in enumerate(program.nodes) if node.op == "input"}


def from_memory(w: Writer, value: str, dtype: str) -> str:
    """A vector as it is computed with: bools are bytes in memory and bits in registers."""
    if dtype != "bool":
        return value
    return w.let(f"icmp ne <{w.lanes} x i8> {value}, zeroinitializer")


def to_memory(w: Writer, value: str, dtype: str) -> str:
    """A vector as it is stored."""
    if dtype == "bool" and value.startswith("splat"):
        return value.replace("i1 true", "i8 1").replace("i1 false", "i8 0")
    return value if dtype != "bool" else w.let(f"zext <{w.lanes} x i1> {value} to <{w.lanes} x i8>")


def load_pointers(w: Writer, table: str, indices: Iterable[int]) -> dict[int, str]:
    """Read pointers from an array of pointers."""
    return {k: w.let(f"load ptr, ptr {w.at(table, 8 * k)}") for k in indices}


def write_range(ctx: Context, program: Program, layout: Layout) -> str:
    """The function ``@range(in, out, begin, end)`` for at least one full vector of samples.

    The last vector of a range that is no multiple of the width starts early, and repeats some samples.
    """
    w, lanes = ctx.writer, ctx.writer.lanes
    uniform = uniform_nodes(program, layout)
    names: dict[int, str] = {}
    inputs = input_nodes(program)
    operands = load_pointers(w, "%in", range(len(layout.operands)))
    results = load_pointers(w, "%out", range(len(layout.results)))

    for k, operand in enumerate(layout.operands):
        if operand.batched:
            continue
        for column, scalar in enumerate(operand.scalars):
            if scalar in inputs:
                element = memory_element(operand.dtype)
                one = w.let(f"load {element}, ptr {w.at(operands[k], column * BYTES[operand.dtype])}")
                names[inputs[scalar]] = from_memory(w, spread(w, element, one), operand.dtype)
    write_nodes(ctx, program, names, [k for k, shared in enumerate(uniform) if shared])
    w.do(f"%last = sub i64 %end, {lanes}")
    before = w.here
    w.do("br label %loop")
    w.label("loop")
    w.do(f"%i = phi i64 [ %begin, %{before} ], [ %next, %again ]")

    for k, operand in enumerate(layout.operands):
        if not operand.batched:
            continue
        wanted = {c: inputs[s] for c, s in enumerate(operand.scalars) if s in inputs}
        if wanted:
            width = len(operand.scalars)
            rows = w.at(operands[k], w.let(f"mul i64 %i, {width * BYTES[operand.dtype]}"))
            for column, vector in load_columns(w, operand.dtype, rows, width, list(wanted)).items():
                names[wanted[column]] = from_memory(w, vector, operand.dtype)
    for k, result in enumerate(layout.results):
        row = len(result.entries) * BYTES[result.dtype]
        announce_stores(w, results[k], w.let(f"mul i64 %i, {row}"), lanes * row)
    write_nodes(ctx, program, names, [k for k, shared in enumerate(uniform) if not shared])
    for k, result in enumerate(layout.results):
        rows = w.at(results[k], w.let(f"mul i64 %i, {len(result.entries) * BYTES[result.dtype]}"))
        columns = [
            "zeroinitializer" if e < 0 else to_memory(w, names[program.results[e]], result.dtype)
            for e in result.entries
        ]
        store_columns(w, result.dtype, rows, columns)

    w.do(f"%step = add i64 %i, {lanes}")
    w.do("%more = icmp slt i64 %step, %end")
    w.do("br i1 %more, label %again, label %done")
    w.label("again")
    w.do("%early = icmp slt i64 %last, %step")
    w.do("%next = select i1 %early, i64 %last, i64 %step")
    w.do("br label %loop")
    w.label("done")
    w.do("ret i32 0")
    body = "\n".join(w.lines)
    return f"define internal i32 @range(ptr %in, ptr %out, i64 %begin, i64 %end) #0 {{\nentry:\n{body}\n}}"


def announce_stores(w: Writer, array: str, offset: str, size: int) -> None:
    """Ask for the cache lines that the next vectors' results will fill, in order of their addresses.

    The stores themselves go through the rows of a block in turn, an order in which no hardware prefetcher sees a
    stream; with this
    notice, results larger than the caches are written up to twice as fast.  A notice beyond the array's end has no
    effect.

    Args:
        w: Where the instructions go.
        array: A result's first row.
        offset: Where the current vector's rows begin in it.
        size: Their length, ``[lanes, row]`` in bytes.
    """
    first = w.at(array, offset)
    ahead = size * (2 if size < _SHORT_TILE else 1 if size < _MEDIUM_TILE else 0)
    if size <= _LONG_TILE:
        for line in range(0, size, CACHE_LINE):
            w.do(f"call void @llvm.prefetch.p0(ptr {w.at(first, ahead + line)}, i32 1, i32 3, i32 1)")


def spread(w: Writer, element: str, scalar: str) -> str:
    """One number in all lanes."""
    vector = f"<{w.lanes} x {element}>"
    first = w.let(f"insertelement {vector} poison, {element} {scalar}, i32 0")
    return w.let(f"shufflevector {vector} {first}, {vector} poison, <{w.lanes} x i32> zeroinitializer")


def write_nodes(ctx: Context, program: Program, names: MutableMapping[int, str], places: Iterable[int]) -> None:
    """Compute the nodes at ``places``, in order; ``names`` has the vectors of all nodes so far."""
    for place in places:
        node = program.nodes[place]
        if node.op == "const":
            names[place] = ctx.writer.constant(node.param, node.dtype)
        elif node.op != "input":
            names[place] = emit(ctx, node, [names[a] for a in node.args], [program.nodes[a].dtype for a in node.args])
