"""The kernel's XLA custom call: a handler of XLA's foreign function interface, as LLVM IR beside the kernel.

The interface is a C header of plain structs (``xla/ffi/api/c_api.h``); offsets below are those of API version 0.x, and
:mod:`ccjac_jax.ffi` compares the header of the installed jaxlib with the structs assumed here before anything is
registered.

The handler reads the batch size from the buffers' dimensions, so that one registration serves all batch shapes.  Large
batches are cut into pieces that XLA's own threads and the calling thread take from a common counter.  Whoever finds no
piece left leaves; the caller waits only for pieces that someone has begun, so that a busy pool blocks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..program import Program
from .layout import Layout
from .operations import COSTS, FUNCTION_COST
from .target import Target
from .writer import BYTES, Writer

HANDLER = "handler"

_DATA_TYPE = {
    "bool": 1,
    "int8": 2,
    "int16": 3,
    "int32": 4,
    "int64": 5,
    "uint8": 6,
    "uint16": 7,
    "uint32": 8,
    "uint64": 9,
    "float32": 11,
    "float64": 12,
}
"""``XLA_FFI_DataType``."""

_PIECE_WORK = 500_000
"""Simple operations times samples in one piece: some 25 µs, several times what waking a thread costs."""
_PIECE_VECTORS = 8
"""The least of a piece in vectors, over which the scratch memory's preparation is spread."""

# Offsets in XLA_FFI_CallFrame (its args begin at 40, its rets at 80), XLA_FFI_Buffer and XLA_FFI_Api.
_FRAME_EXTENSION, _FRAME_API, _FRAME_CONTEXT, _FRAME_STAGE = 8, 16, 24, 32
_ARGS_SIZE, _ARGS = 56, 72
_RETS_SIZE, _RETS = 96, 112
_BUFFER_TYPE, _BUFFER_DATA, _BUFFER_RANK, _BUFFER_DIMS = 16, 24, 32, 40
_API_FUNCTIONS = 48
_ERROR_CREATE, _ERROR_DESTROY, _POOL_SCHEDULE, _POOL_THREADS = (_API_FUNCTIONS + 8 * k for k in (0, 2, 11, 12))
_STAGE_EXECUTE = 3
_INVALID_ARGUMENT, _RESOURCE_EXHAUSTED = 3, 8


@dataclass(frozen=True)
class ApiVersion:
    """Version of XLA's foreign function interface."""

    major: int
    minor: int


def write_handler(program: Program, layout: Layout, target: Target, lanes: int, version: ApiVersion) -> str:
    """``@handler(call_frame)``: an ``XLA_FFI_Handler`` for ``@kernel``."""
    work = sum(COSTS.get(n.op, FUNCTION_COST) for n in program.nodes) + sum(len(r.entries) for r in layout.results)
    piece = max(-(-_PIECE_WORK // max(work, 1) // lanes), _PIECE_VECTORS) * lanes
    return "\n".join(
        [
            _handler(layout),
            _METADATA.format(major=version.major, minor=version.minor),
            _FAIL,
            _ELEMENTS,
            _advice(target),
            _parallel(piece),
            _control_word(target),
        ]
    )


def _message(name: str, text: str) -> tuple[str, str]:
    data = text.encode()
    return name, f'@{name} = private constant [{len(data) + 1} x i8] c"{text}\\00"'


def _handler(layout: Layout) -> str:
    w = Writer(1)
    n_in, n_out = len(layout.operands), len(layout.results)
    w.do(f"%extension = load ptr, ptr {w.at('%frame', _FRAME_EXTENSION)}")
    w.do("%asked = icmp ne ptr %extension, null")
    w.do("br i1 %asked, label %extended, label %call")
    w.label("extended")
    w.do(f"%kind = load i32, ptr {w.at('%extension', 8)}")
    w.do("%is.metadata = icmp eq i32 %kind, 1")
    w.do("br i1 %is.metadata, label %metadata, label %call")
    w.label("metadata")
    w.do("call void @describe(ptr %extension)")
    w.do("ret ptr null")

    w.label("call")
    w.do(f"%api = load ptr, ptr {w.at('%frame', _FRAME_API)}")
    w.do(f"%context = load ptr, ptr {w.at('%frame', _FRAME_CONTEXT)}")
    w.do(f"%stage = load i32, ptr {w.at('%frame', _FRAME_STAGE)}")
    w.do(f"%n.args = load i64, ptr {w.at('%frame', _ARGS_SIZE)}")
    w.do(f"%n.rets = load i64, ptr {w.at('%frame', _RETS_SIZE)}")
    w.do(f"%right.stage = icmp eq i32 %stage, {_STAGE_EXECUTE}")
    w.do(f"%right.args = icmp eq i64 %n.args, {n_in}")
    w.do(f"%right.rets = icmp eq i64 %n.rets, {n_out}")
    w.do("%right.counts = and i1 %right.args, %right.rets")
    w.do("%right = and i1 %right.counts, %right.stage")
    w.do("br i1 %right, label %read, label %wrong")
    w.label("wrong")
    w.do(f"%e.counts = call ptr @fail(ptr %api, i32 {_INVALID_ARGUMENT}, ptr @m.counts)")
    w.do("ret ptr %e.counts")

    w.label("read")
    w.do(f"%ins = alloca [{max(n_in, 1)} x ptr]")
    w.do(f"%outs = alloca [{max(n_out, 1)} x ptr]")
    w.do(f"%args = load ptr, ptr {w.at('%frame', _ARGS)}")
    w.do(f"%rets = load ptr, ptr {w.at('%frame', _RETS)}")
    first = w.let("load ptr, ptr %rets")
    total = w.let(f"call i64 @elements(ptr {first})")
    w.do(f"%batch = udiv i64 {total}, {len(layout.results[0].entries)}")
    fits = "true"
    arrays = [("%args", "%ins", k, len(o.scalars), o.dtype, o.batched) for k, o in enumerate(layout.operands)]
    arrays += [("%rets", "%outs", k, len(r.entries), r.dtype, True) for k, r in enumerate(layout.results)]
    for table, pointers, k, width, dtype, batched in arrays:
        buffer = w.let(f"load ptr, ptr {w.at(table, 8 * k)}")
        data = w.let(f"load ptr, ptr {w.at(buffer, _BUFFER_DATA)}")
        w.do(f"store ptr {data}, ptr {w.at(pointers, 8 * k)}")
        kind = w.let(f"load i32, ptr {w.at(buffer, _BUFFER_TYPE)}")
        entries = w.let(f"call i64 @elements(ptr {buffer})")
        expected = w.let(f"mul i64 %batch, {width}") if batched else str(width)
        for test in (f"icmp eq i32 {kind}, {_DATA_TYPE[dtype]}", f"icmp eq i64 {entries}, {expected}"):
            fits = w.let(f"and i1 {fits}, {w.let(test)}")
    w.do(f"br i1 {fits}, label %run, label %misfit")
    w.label("misfit")
    w.do(f"%e.shape = call ptr @fail(ptr %api, i32 {_INVALID_ARGUMENT}, ptr @m.shape)")
    w.do("ret ptr %e.shape")
    w.label("run")
    for k, result in enumerate(layout.results):
        row = len(result.entries) * BYTES[result.dtype]
        place = w.let(f"load ptr, ptr {w.at('%outs', 8 * k)}")
        w.do(f"call void @advise(ptr {place}, i64 {w.let(f'mul i64 %batch, {row}')})")
    w.do("%status = call i32 @parallel(ptr %api, ptr %context, ptr %ins, ptr %outs, i64 %batch)")
    w.do("%good = icmp eq i32 %status, 0")
    w.do("br i1 %good, label %done, label %full")
    w.label("done")
    w.do("ret ptr null")
    w.label("full")
    w.do(f"%e.memory = call ptr @fail(ptr %api, i32 {_RESOURCE_EXHAUSTED}, ptr @m.memory)")
    w.do("ret ptr %e.memory")
    messages = [
        _message(
            "m.counts", "ccjac kernel: called at another stage, or with another number of buffers, than compiled for"
        ),
        _message("m.shape", "ccjac kernel: a buffer has another type or size than compiled for"),
        _message("m.memory", "ccjac kernel: no memory for scratch space"),
    ]
    body = "\n".join(w.lines)
    globals_ = "\n".join(text for _, text in messages)
    return f"{globals_}\ndefine ptr @{HANDLER}(ptr %frame) #0 {{\nentry:\n{body}\n}}"


_METADATA = """
define internal void @describe(ptr %extension) #0 {{
entry:
  %place = getelementptr i8, ptr %extension, i64 24
  %metadata = load ptr, ptr %place
  %size.place = getelementptr i8, ptr %metadata, i64 8
  store i64 24, ptr %size.place
  %extension.place = getelementptr i8, ptr %metadata, i64 16
  store ptr null, ptr %extension.place
  %major.place = getelementptr i8, ptr %metadata, i64 24
  store i32 {major}, ptr %major.place
  %minor.place = getelementptr i8, ptr %metadata, i64 28
  store i32 {minor}, ptr %minor.place
  %traits.place = getelementptr i8, ptr %metadata, i64 32
  store i32 0, ptr %traits.place
  %state.place = getelementptr i8, ptr %metadata, i64 40
  store i64 0, ptr %state.place
  ret void
}}"""
"""Answer which version of the interface the handler was written for; no traits, no state."""

_FAIL = f"""
define internal ptr @fail(ptr %api, i32 %code, ptr %message) #0 {{
entry:
  %args = alloca [32 x i8], align 8
  store i64 28, ptr %args
  %extension = getelementptr i8, ptr %args, i64 8
  store ptr null, ptr %extension
  %text = getelementptr i8, ptr %args, i64 16
  store ptr %message, ptr %text
  %kind = getelementptr i8, ptr %args, i64 24
  store i32 %code, ptr %kind
  %place = getelementptr i8, ptr %api, i64 {_ERROR_CREATE}
  %create = load ptr, ptr %place
  %error = call ptr %create(ptr %args)
  ret ptr %error
}}"""

_ELEMENTS = f"""
define internal i64 @elements(ptr %buffer) #0 {{
entry:
  %rank.place = getelementptr i8, ptr %buffer, i64 {_BUFFER_RANK}
  %rank = load i64, ptr %rank.place
  %dims.place = getelementptr i8, ptr %buffer, i64 {_BUFFER_DIMS}
  %dims = load ptr, ptr %dims.place
  %some = icmp sgt i64 %rank, 0
  br i1 %some, label %loop, label %scalar
scalar:
  ret i64 1
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %product = phi i64 [ 1, %entry ], [ %larger, %loop ]
  %place = getelementptr i64, ptr %dims, i64 %k
  %dim = load i64, ptr %place
  %larger = mul i64 %product, %dim
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %rank
  br i1 %more, label %loop, label %done
done:
  ret i64 %larger
}}"""

_ADVISED_BYTES = 1 << 20
_PAGE_BYTES = 4096
_HUGE_PAGE = 14
"""``MADV_HUGEPAGE`` of Linux."""


def _advice(target: Target) -> str:
    """``@advise(array, size)``: ask for huge pages below a large result, before its memory is touched.

    The allocator of the C library returns large arrays to the system and fetches them again in the next call, and then
    the first touch of every page costs more than all that is computed: with huge pages, 78 MB took 19 ms instead of
    47 ms to fill.  Where the system has them always, never, or does not know the request, nothing changes.
    """
    if "linux" not in target.triple:
        return "define internal void @advise(ptr %array, i64 %size) #0 {\n  ret void\n}"
    return f"""
declare i32 @madvise(ptr, i64, i32)
define internal void @advise(ptr %array, i64 %size) #0 {{
entry:
  %large = icmp uge i64 %size, {_ADVISED_BYTES}
  br i1 %large, label %ask, label %done
ask:
  %begin = ptrtoint ptr %array to i64
  %end = add i64 %begin, %size
  %first = and i64 %begin, {-_PAGE_BYTES}
  %up = add i64 %end, {_PAGE_BYTES - 1}
  %last = and i64 %up, {-_PAGE_BYTES}
  %length = sub i64 %last, %first
  %page = inttoptr i64 %first to ptr
  %ignored = call i32 @madvise(ptr %page, i64 %length, i32 {_HUGE_PAGE})
  br label %done
done:
  ret void
}}"""


# The state that the threads of one call share, on the heap because a task may start after the call has returned:
# 0 references, 8 next piece, 16 unfinished pieces, 24 pieces, 32 batch, 40 in, 48 out, 56 status, 60 control word.
_STATE_BYTES = 64


def _parallel(piece: int) -> str:
    return f"""
define internal void @work(ptr %state) #0 {{
entry:
  %next.place = getelementptr i8, ptr %state, i64 8
  %left.place = getelementptr i8, ptr %state, i64 16
  %pieces.place = getelementptr i8, ptr %state, i64 24
  %batch.place = getelementptr i8, ptr %state, i64 32
  %in.place = getelementptr i8, ptr %state, i64 40
  %out.place = getelementptr i8, ptr %state, i64 48
  %status.place = getelementptr i8, ptr %state, i64 56
  %pieces = load i64, ptr %pieces.place
  %batch = load i64, ptr %batch.place
  br label %loop
loop:
  %k = atomicrmw add ptr %next.place, i64 1 acq_rel
  %mine = icmp slt i64 %k, %pieces
  br i1 %mine, label %compute, label %done
compute:
  %in = load ptr, ptr %in.place
  %out = load ptr, ptr %out.place
  %begin = mul i64 %k, {piece}
  %begin.next = add i64 %begin, {piece}
  %over = icmp sgt i64 %begin.next, %batch
  %end = select i1 %over, i64 %batch, i64 %begin.next
  %status = call i32 @kernel(ptr %in, ptr %out, i64 %begin, i64 %end)
  %before = atomicrmw or ptr %status.place, i32 %status acq_rel
  %left = atomicrmw sub ptr %left.place, i64 1 acq_rel
  br label %loop
done:
  ret void
}}

define internal void @release(ptr %state) #0 {{
entry:
  %count = atomicrmw sub ptr %state, i64 1 acq_rel
  %last = icmp eq i64 %count, 1
  br i1 %last, label %gone, label %done
gone:
  call void @free(ptr %state)
  br label %done
done:
  ret void
}}

define internal void @task(ptr %state) #0 {{
entry:
  %word.place = getelementptr i8, ptr %state, i64 60
  %word = load i32, ptr %word.place
  %own = call i32 @control.get()
  call void @control.set(i32 %word)
  call void @work(ptr %state)
  call void @control.set(i32 %own)
  call void @release(ptr %state)
  ret void
}}

define internal i64 @pool.threads(ptr %api, ptr %context) #0 {{
entry:
  %number = alloca i64
  store i64 1, ptr %number
  %args = alloca [32 x i8], align 8
  store i64 32, ptr %args
  %extension = getelementptr i8, ptr %args, i64 8
  store ptr null, ptr %extension
  %context.place = getelementptr i8, ptr %args, i64 16
  store ptr %context, ptr %context.place
  %number.place = getelementptr i8, ptr %args, i64 24
  store ptr %number, ptr %number.place
  %place = getelementptr i8, ptr %api, i64 {_POOL_THREADS}
  %ask = load ptr, ptr %place
  %error = call ptr %ask(ptr %args)
  %good = icmp eq ptr %error, null
  br i1 %good, label %known, label %unknown
known:
  %threads = load i64, ptr %number
  ret i64 %threads
unknown:
  call void @forget(ptr %api, ptr %error)
  ret i64 1
}}

define internal void @forget(ptr %api, ptr %error) #0 {{
entry:
  %args = alloca [24 x i8], align 8
  store i64 24, ptr %args
  %extension = getelementptr i8, ptr %args, i64 8
  store ptr null, ptr %extension
  %error.place = getelementptr i8, ptr %args, i64 16
  store ptr %error, ptr %error.place
  %place = getelementptr i8, ptr %api, i64 {_ERROR_DESTROY}
  %destroy = load ptr, ptr %place
  call void %destroy(ptr %args)
  ret void
}}

define internal i32 @parallel(ptr %api, ptr %context, ptr %in, ptr %out, i64 %batch) #0 {{
entry:
  %large = icmp sge i64 %batch, {2 * piece}
  br i1 %large, label %ask, label %alone
ask:
  %threads = call i64 @pool.threads(ptr %api, ptr %context)
  %several = icmp sgt i64 %threads, 1
  br i1 %several, label %several.threads, label %alone
alone:
  %status.alone = call i32 @kernel(ptr %in, ptr %out, i64 0, i64 %batch)
  ret i32 %status.alone
several.threads:
  %rounded = add i64 %batch, {piece - 1}
  %pieces = udiv i64 %rounded, {piece}
  %fewer = icmp slt i64 %pieces, %threads
  %useful = select i1 %fewer, i64 %pieces, i64 %threads
  %helpers = sub i64 %useful, 1
  %state = call ptr @malloc(i64 {_STATE_BYTES})
  %failed = icmp eq ptr %state, null
  br i1 %failed, label %alone, label %share
share:
  store i64 %useful, ptr %state
  %next.place = getelementptr i8, ptr %state, i64 8
  store i64 0, ptr %next.place
  %left.place = getelementptr i8, ptr %state, i64 16
  store i64 %pieces, ptr %left.place
  %pieces.place = getelementptr i8, ptr %state, i64 24
  store i64 %pieces, ptr %pieces.place
  %batch.place = getelementptr i8, ptr %state, i64 32
  store i64 %batch, ptr %batch.place
  %in.place = getelementptr i8, ptr %state, i64 40
  store ptr %in, ptr %in.place
  %out.place = getelementptr i8, ptr %state, i64 48
  store ptr %out, ptr %out.place
  %status.place = getelementptr i8, ptr %state, i64 56
  store i32 0, ptr %status.place
  %word = call i32 @control.get()
  %word.place = getelementptr i8, ptr %state, i64 60
  store i32 %word, ptr %word.place
  %args = alloca [40 x i8], align 8
  store i64 40, ptr %args
  %extension = getelementptr i8, ptr %args, i64 8
  store ptr null, ptr %extension
  %context.place = getelementptr i8, ptr %args, i64 16
  store ptr %context, ptr %context.place
  %task.place = getelementptr i8, ptr %args, i64 24
  store ptr @task, ptr %task.place
  %data.place = getelementptr i8, ptr %args, i64 32
  store ptr %state, ptr %data.place
  %place = getelementptr i8, ptr %api, i64 {_POOL_SCHEDULE}
  %schedule = load ptr, ptr %place
  br label %schedule.loop
schedule.loop:
  %k = phi i64 [ 0, %share ], [ %k.next, %scheduled ]
  %more = icmp slt i64 %k, %helpers
  br i1 %more, label %schedule.one, label %own
schedule.one:
  %error = call ptr %schedule(ptr %args)
  %good = icmp eq ptr %error, null
  br i1 %good, label %scheduled, label %refused
refused:
  call void @forget(ptr %api, ptr %error)
  call void @release(ptr %state)
  br label %scheduled
scheduled:
  %k.next = add i64 %k, 1
  br label %schedule.loop
own:
  call void @work(ptr %state)
  br label %wait
wait:
  %left = load atomic i64, ptr %left.place acquire, align 8
  %waiting = icmp sgt i64 %left, 0
  br i1 %waiting, label %pause, label %done
pause:
  %ignored = call i32 @sched_yield()
  br label %wait
done:
  %status = load atomic i32, ptr %status.place acquire, align 4
  call void @release(ptr %state)
  ret i32 %status
}}

declare i32 @sched_yield()"""


def _control_word(target: Target) -> str:
    """Rounding and flushing mode of the calling thread, for the helping threads to take over."""
    if not target.x86:
        return """
define internal i32 @control.get() #0 {
  ret i32 0
}
define internal void @control.set(i32 %word) #0 {
  ret void
}"""
    return """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define internal i32 @control.get() #0 {
  %place = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %word = load i32, ptr %place
  ret i32 %word
}
define internal void @control.set(i32 %word) #0 {
  %place = alloca i32
  store i32 %word, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}"""
