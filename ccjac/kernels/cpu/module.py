"""A scalar program and its layout, as the text of one LLVM module.

The module exports ``kernel(in, out, begin, end)``: samples ``begin .. end`` of the batch, from an array of operand
pointers to an array of result pointers; returns 0, or 1 if memory ran out.  Fewer samples than a vector has lanes are
computed on padded copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...limits import (
    INLINE_FUNCTIONS,
    LARGE_EFFORT,
    LARGE_TEXT,
    LONG_EFFORT,
    MANY_ENTRIES,
    MANY_FUNCTIONS,
    PADDED_BYTES,
    SHORT_EFFORT,
    STACK_BYTES,
    STRAIGHT_COLUMNS,
    STRAIGHT_OPERATIONS,
)
from ...program.operations import FUNCTION, is_function, price
from ...program.program import Program
from ..context import Context
from ..layout import Layout
from ..operations import MADE_OF
from ..polynomials import ELEMENTARY
from ..writer import BYTES, Writer
from . import straight, tiled
from .library import Functions
from .target import Target

ENTRY = "kernel"


_IEEE_FLAGS = "contract"
_FAST_FLAGS = "reassoc nsz arcp contract afn"


@dataclass(frozen=True)
class Module:
    """What the compiler needs.

    Attributes:
        text: LLVM IR.
        addresses: Where the external functions that the text calls live in this process.
        lanes: Samples per vector.
        effort: LLVM's optimisation level of code generation.
    """

    text: str
    addresses: dict[str, int]
    lanes: int
    effort: int


def vector_bytes_for(program: Program, layout: Layout) -> int:
    """The width of vectors that serves a program best; the processor's may be less.

    With 32 bytes instead of 64, calls of any batch size took 2 to 25 % less time, unless most of it went into sines or
    exponentials; what comes after the kernel is faster as well, so it seems to be the core's clock.  Where hardly
    anything is computed, the stores of transposed results decide: 16 bytes took up to 20 % less time than 32.
    """
    entries = sum(len(r.entries) for r in layout.results)
    functions = FUNCTION * sum(is_function(node.op) for node in program.nodes)
    simple = sum(price(node.op) for node in program.nodes if not is_function(node.op))
    if functions >= MANY_FUNCTIONS * FUNCTION + 2 * simple:
        return 64
    return 16 if functions + simple <= 2 * entries and entries >= MANY_ENTRIES else 32


def is_long(program: Program, layout: Layout) -> bool:
    """Whether a program is cut into segments."""
    columns = sum(len(o.scalars) for o in layout.operands) + sum(len(r.entries) for r in layout.results)
    return program.operations > STRAIGHT_OPERATIONS or columns > STRAIGHT_COLUMNS


def write_module(
    program: Program,
    layout: Layout,
    target: Target,
    *,
    fastmath: bool,
    lanes: int | None = None,
    extra: Callable[[int], str] | None = None,
) -> Module:
    """Generate the code.

    Args:
        program: The computation; :func:`~ccjac.kernels.operations.obstacle` has found nothing against it.
        layout: Where its scalars lie.
        target: The machine.
        fastmath: Permit reassociation, reciprocals instead of divisions, and ignoring the sign of zero.
        lanes: Samples per vector, by default as many as fit for the narrowest floating-point type; 1 for scalar code,
            the fastest way to a single sample.
        extra: A framework's own entry beside ``@kernel``, as LLVM IR for this many lanes; addresses of what it
            calls are the caller's to provide.
    """
    target = target.narrowed(vector_bytes_for(program, layout))
    sizes = [BYTES[node.dtype] for node in program.nodes if node.dtype.startswith("float")]
    lanes = lanes or _lanes(layout, target.vector_bytes // min(sizes, default=4))
    ctx = context((program,), target, lanes, fastmath=fastmath)
    long = is_long(program, layout)
    body = (tiled.write_range if long else straight.write_range)(ctx, program, layout)

    def effort(text: str) -> int:
        return LONG_EFFORT if long else LARGE_EFFORT if text.count("\n") > LARGE_TEXT else SHORT_EFFORT

    return assembled(ctx, body, layout, extra, effort=effort)


def context(programs: Sequence[Program], target: Target, lanes: int, *, fastmath: bool) -> Context:
    """Where the code of some programs in one module is written."""
    flags = _FAST_FLAGS if fastmath else _IEEE_FLAGS
    polynomials = ELEMENTARY if target.fused else frozenset[str]()
    names = [MADE_OF.get(node.op, node.op) for program in programs for node in program.nodes]
    apart = sum(name in polynomials for name in names) > INLINE_FUNCTIONS
    return Context(Writer(lanes), Functions(target, lanes), flags, polynomials, apart)


def assembled(
    ctx: Context,
    body: str,
    layout: Layout,
    extra: Callable[[int], str] | None = None,
    *,
    effort: Callable[[str], int],
) -> Module:
    """The module around ``@range(in, out, begin, end)``, which computes at least one full vector of samples.

    Args:
        ctx: Where the body was written.
        body: The function's text.
        layout: The arrays.
        extra: See :func:`write_module`.
        effort: From the text to LLVM's level for this code.
    """
    functions, lanes, target = ctx.functions, ctx.writer.lanes, ctx.functions.target
    bits = 128 if lanes == 1 else 8 * target.vector_bytes
    # Without this, LLVM takes the widest registers for copies and transpositions.
    width = f'"prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'
    parts = [
        f'target triple = "{target.triple}"',
        body,
        functions.text(),
        _entry(lanes),
        _padded(layout, lanes),
        "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",
        "declare ptr @malloc(i64)",
        "declare void @free(ptr)",
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
        extra(lanes) if extra is not None else "",
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
        f"attributes #0 = {{ nounwind {width} }}",
        "attributes #1 = { nounwind willreturn memory(none) }",
        f"attributes #2 = {{ nounwind noinline {width} }}",
        # Rarely called: what is live around the call shall stay where it is.
        f'attributes #3 = {{ nounwind noinline cold "no_caller_saved_registers" {width} }}',
        '!0 = !{!"branch_weights", i32 1, i32 4096}',
    ]
    text = "\n".join(parts)
    return Module(text, functions.addresses, lanes, effort(text))


def _lanes(layout: Layout, most: int) -> int:
    """Samples per vector, at most ``most``: one, where rows are so long that it is stores that take the time."""
    return most if sum(_result_rows(layout)) * most <= PADDED_BYTES else 1


def _result_rows(layout: Layout) -> list[int]:
    """Bytes of one sample's results."""
    return [len(r.entries) * BYTES[r.dtype] for r in layout.results]


def _entry(lanes: int) -> str:
    return f"""
define i32 @{ENTRY}(ptr %in, ptr %out, i64 %begin, i64 %end) #0 {{
  %count = sub i64 %end, %begin
  %full = icmp sge i64 %count, {lanes}
  br i1 %full, label %many, label %few
many:
  %a = call i32 @range(ptr %in, ptr %out, i64 %begin, i64 %end)
  ret i32 %a
few:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %some, label %none
some:
  %b = call i32 @padded(ptr %in, ptr %out, i64 %begin, i64 %count)
  ret i32 %b
none:
  ret i32 0
}}"""


def _padded(layout: Layout, lanes: int) -> str:
    """``@padded(in, out, begin, count)``: copy ``count`` rows, repeat the last one, compute a full vector, copy the
    rows back.
    """
    operand_rows = [len(o.scalars) * BYTES[o.dtype] if o.batched else 0 for o in layout.operands]
    result_rows = _result_rows(layout)
    offsets, size = [], 0
    for row in (*operand_rows, *result_rows):
        offsets.append(size)
        size += -(-row * lanes // 64) * 64
    w = Writer(lanes)
    stack = size <= STACK_BYTES
    w.do(f"%ins = alloca [{max(len(operand_rows), 1)} x ptr]")
    w.do(f"%outs = alloca [{max(len(result_rows), 1)} x ptr]")
    if stack:
        w.do(f"%scratch = alloca [{max(size, 1)} x i8], align 64")
    else:
        w.do(f"%scratch = call ptr @malloc(i64 {size})")
        w.do("%failed = icmp eq ptr %scratch, null")
        w.do("br i1 %failed, label %full, label %go")
        w.label("full")
        w.do("ret i32 1")
        w.label("go")
    for k, row in enumerate(operand_rows):
        source = w.let(f"load ptr, ptr {w.at('%in', 8 * k)}")
        place = source
        if row:
            first = w.at(source, w.let(f"mul i64 %begin, {row}"))
            place = w.at("%scratch", offsets[k])
            w.do(f"call void @fill.{row}(ptr {place}, ptr {first}, i64 %count)")
        w.do(f"store ptr {place}, ptr {w.at('%ins', 8 * k)}")
    for k in range(len(result_rows)):
        place = w.at("%scratch", offsets[len(operand_rows) + k])
        w.do(f"store ptr {place}, ptr {w.at('%outs', 8 * k)}")
    w.do(f"%status = call i32 @range(ptr %ins, ptr %outs, i64 0, i64 {lanes})")
    for k, row in enumerate(result_rows):
        place = w.at("%scratch", offsets[len(operand_rows) + k])
        target = w.let(f"load ptr, ptr {w.at('%out', 8 * k)}")
        first = w.at(target, w.let(f"mul i64 %begin, {row}"))
        w.do(f"call void @drain.{row}(ptr {first}, ptr {place}, i64 %count)")
    if not stack:
        w.do("call void @free(ptr %scratch)")
    w.do("ret i32 %status")
    body = "\n".join(w.lines)
    helpers = [_copy_rows("fill", row, f"{lanes}") for row in sorted(set(operand_rows) - {0})]
    helpers += [_copy_rows("drain", row, "%count") for row in sorted(set(result_rows) - {0})]
    head = "define internal i32 @padded(ptr %in, ptr %out, i64 %begin, i64 %count) #0 {\nentry:"
    return "\n".join([*helpers, f"{head}\n{body}\n}}"])


def _copy_rows(name: str, row: int, limit: str) -> str:
    """A loop over rows of fixed size, which the backend copies with a few moves; rows beyond ``count`` repeat the
    last one.
    """
    return f"""
define internal void @{name}.{row}(ptr %to, ptr %from, i64 %count) #0 {{
entry:
  %last = sub i64 %count, 1
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %beyond = icmp ugt i64 %k, %last
  %row = select i1 %beyond, i64 %last, i64 %k
  %source.offset = mul i64 %row, {row}
  %target.offset = mul i64 %k, {row}
  %source = getelementptr i8, ptr %from, i64 %source.offset
  %target = getelementptr i8, ptr %to, i64 %target.offset
  call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %source, i64 {row}, i1 false)
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, {limit}
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
