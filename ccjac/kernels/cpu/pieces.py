"""One batch shared between threads, as LLVM IR: two functions of the surrounding module say whose threads they are.

Large batches are cut into pieces that all threads take from a common counter.  Whoever finds no piece left leaves; the
caller waits only for pieces that someone has begun, so that a busy pool blocks nobody.
"""

from __future__ import annotations

from ...limits import PIECE_VECTORS, PIECE_WORK
from ...program.operations import price
from ...program.program import Program
from ...settings import threads_address
from ..layout import Layout
from ..writer import BYTES
from .target import Target

LIBRARY_FUNCTIONS = ("malloc", "free", "sched_yield")
"""What the text needs of the C library."""

_MOST_THREADS = "ccjac.most.threads"


def pieces_symbols() -> dict[str, int]:
    """What the text needs of this process: the setting ``ccjac.config.threads``."""
    return {_MOST_THREADS: threads_address()}


def piece_samples(program: Program, layout: Layout, lanes: int) -> int:
    """How many samples make a piece: a multiple of ``lanes``."""
    work = sum(price(n.op) for n in program.nodes)
    work += sum(len(o.scalars) * BYTES[o.dtype] for o in layout.operands)
    work += sum(len(r.entries) * BYTES[r.dtype] for r in layout.results)
    return max(-(-PIECE_WORK // max(work, 1) // lanes), PIECE_VECTORS) * lanes


def write_pieces(target: Target) -> str:
    """``i32 @parallel(pool, kernel, piece, in, out, batch)``: the status of ``kernel`` for a whole batch.

    The module around it defines ``i64 @pool.threads(pool)``, how many threads may work, the caller among them, and
    ``i1 @pool.schedule(pool, state, threads)``, which has one more thread call ``@task(state)`` or says that it will
    not.  Its attribute group 0 is for functions that do not throw.
    """
    return _PARALLEL + _control_word(target)


# The state that the threads of one call share, on the heap because a task may start after the call has returned:
# 0 references, 8 next piece, 16 unfinished pieces, 24 pieces, 32 batch, 40 in, 48 out, 56 status, 60 control word,
# 64 kernel, 72 samples in a piece.
_STATE_BYTES = 80


_PARALLEL = f"""
@{_MOST_THREADS} = external global i64

define internal void @work(ptr %state) #0 {{
entry:
  %next.place = getelementptr i8, ptr %state, i64 8
  %left.place = getelementptr i8, ptr %state, i64 16
  %pieces.place = getelementptr i8, ptr %state, i64 24
  %batch.place = getelementptr i8, ptr %state, i64 32
  %in.place = getelementptr i8, ptr %state, i64 40
  %out.place = getelementptr i8, ptr %state, i64 48
  %status.place = getelementptr i8, ptr %state, i64 56
  %kernel.place = getelementptr i8, ptr %state, i64 64
  %piece.place = getelementptr i8, ptr %state, i64 72
  %pieces = load i64, ptr %pieces.place
  %batch = load i64, ptr %batch.place
  %kernel = load ptr, ptr %kernel.place
  %piece = load i64, ptr %piece.place
  br label %loop
loop:
  %k = atomicrmw add ptr %next.place, i64 1 acq_rel
  %mine = icmp slt i64 %k, %pieces
  br i1 %mine, label %compute, label %done
compute:
  %in = load ptr, ptr %in.place
  %out = load ptr, ptr %out.place
  %begin = mul i64 %k, %piece
  %begin.next = add i64 %begin, %piece
  %over = icmp sgt i64 %begin.next, %batch
  %end = select i1 %over, i64 %batch, i64 %begin.next
  %status = call i32 %kernel(ptr %in, ptr %out, i64 %begin, i64 %end)
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

define internal i32 @parallel(ptr %pool, ptr %kernel, i64 %piece, ptr %in, ptr %out, i64 %batch) #0 {{
entry:
  %twice = mul i64 %piece, 2
  %large = icmp sge i64 %batch, %twice
  br i1 %large, label %ask, label %alone
ask:
  %offered = call i64 @pool.threads(ptr %pool)
  %most = load atomic i64, ptr @{_MOST_THREADS} monotonic, align 8
  %fewer.wished = icmp slt i64 %most, %offered
  %threads = select i1 %fewer.wished, i64 %most, i64 %offered
  %several = icmp sgt i64 %threads, 1
  br i1 %several, label %several.threads, label %alone
alone:
  %status.alone = call i32 %kernel(ptr %in, ptr %out, i64 0, i64 %batch)
  ret i32 %status.alone
several.threads:
  %less = sub i64 %piece, 1
  %rounded = add i64 %batch, %less
  %pieces = udiv i64 %rounded, %piece
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
  %kernel.place = getelementptr i8, ptr %state, i64 64
  store ptr %kernel, ptr %kernel.place
  %piece.place = getelementptr i8, ptr %state, i64 72
  store i64 %piece, ptr %piece.place
  %word = call i32 @control.get()
  %word.place = getelementptr i8, ptr %state, i64 60
  store i32 %word, ptr %word.place
  br label %schedule.loop
schedule.loop:
  %k = phi i64 [ 0, %share ], [ %k.next, %scheduled ]
  %more = icmp slt i64 %k, %helpers
  br i1 %more, label %schedule.one, label %own
schedule.one:
  %taken = call i1 @pool.schedule(ptr %pool, ptr %state, i64 %threads)
  br i1 %taken, label %scheduled, label %refused
refused:
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
