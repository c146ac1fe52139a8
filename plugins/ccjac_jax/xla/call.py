"""What the XLA handlers of all kernels on the CPU have in common, as one LLVM module that a process compiles once.

It exports ``ccjac.call(frame, table, kernel)``: answer a call of XLA's foreign function interface by running ``kernel``
on the call's buffers, in pieces of as many samples as the table's third word says.
"""

from __future__ import annotations

from ccjac.kernels.cpu.pieces import LIBRARY_FUNCTIONS as PIECES_FUNCTIONS
from ccjac.kernels.cpu.target import Target

from .abi import ApiVersion, constant
from .frame import TABLE_ROW, write_reader, write_reading
from .threads import write_threads

CALL = "ccjac.call"
LIBRARY_FUNCTIONS = (*PIECES_FUNCTIONS, "madvise")
"""What the module needs of the C library."""


def write_common(target: Target, version: ApiVersion) -> str:
    """The module's text."""
    return "\n".join(
        [
            f'target triple = "{target.triple}"',
            write_reader(version, {"m.memory": "ccjac kernel: no memory for scratch space"}),
            write_reading(CALL, _RUN),
            _advice(target),
            write_threads(target),
            "declare ptr @malloc(i64)",
            "declare void @free(ptr)",
            "attributes #0 = { nounwind }",
        ]
    )


_RUN = f"""run:
  %pool = alloca [2 x ptr]
  br label %advise
advise:
  %k = phi i64 [ 0, %run ], [ %next, %advise ]
  %out.place = getelementptr ptr, ptr %outs, i64 %k
  %out = load ptr, ptr %out.place
  %row = mul i64 %k, {TABLE_ROW}
  %row.bytes.place = getelementptr i8, ptr %result.rows, i64 %row
  %bytes.place = getelementptr i8, ptr %row.bytes.place, i64 24
  %bytes = load i64, ptr %bytes.place
  %size = mul i64 %batch, %bytes
  call void @advise(ptr %out, i64 %size)
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, %n.out
  br i1 %more, label %advise, label %compute
compute:
  store ptr %api, ptr %pool
  %context.in.pool = getelementptr i8, ptr %pool, i64 8
  store ptr %context, ptr %context.in.pool
  %status = call i32 @parallel(ptr %pool, ptr %kernel, i64 %word, ptr %ins, ptr %outs, i64 %batch)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %done, label %full
done:
  ret ptr null
full:
  %e.memory = call ptr @fail(ptr %api, i32 {constant("Error_Code_RESOURCE_EXHAUSTED")}, ptr @m.memory)
  ret ptr %e.memory"""

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
