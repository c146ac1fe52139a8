"""What the operators of all kernels share, as LLVM IR: reading a call's tensors, allocating the results.

``@ccjac.torch.call(stack, table, kernel)`` takes the operands from the stack, checks them against the table that
:mod:`ccjac_torch.boxed.entry` writes, has :mod:`ccjac.kernels.cpu.pieces` share the batch, and leaves the results on
the stack.  Operands may have any strides: rows that do not lie in order are collected, some vectors' worth at a time.
"""

from __future__ import annotations

from ccjac.kernels.cpu.pieces import LIBRARY_FUNCTIONS, write_pieces
from ccjac.kernels.cpu.pool import SCHEDULE
from ccjac.kernels.cpu.target import Target

from .interface import CHECK, FUNCTIONS
from .rows import write_rows
from .table import RECORD, ROW, TABLE_HEAD, WORDS
from .tensors import MAKE, TAKE

CALL = "ccjac.torch.call"
C_FUNCTIONS = LIBRARY_FUNCTIONS

_MESSAGES = {
    "m.operand": "ccjac kernel: an operand has another type or shape than compiled for",
    "m.torch": "ccjac kernel: torch could not read an operand or allocate a result",
    "m.memory": "ccjac kernel: no memory for scratch space",
    "m.name": "ccjac",
}


def write_call(target: Target, *, threads: bool) -> str:
    """The module; ``threads`` says whether :mod:`ccjac.kernels.cpu.pool` has any here."""
    declarations = [f"declare i32 @{name}({types})" for name, types in FUNCTIONS.items()]
    constants = [f'@{n} = private constant [{len(t) + 1} x i8] c"{t}\\00"' for n, t in _MESSAGES.items()]
    return "\n".join(
        [
            f'target triple = "{target.triple}"',
            *constants,
            *declarations,
            f"declare void @{CHECK}(i1 zeroext, ptr, ptr, i32, ptr)",
            "declare ptr @malloc(i64)",
            "declare void @free(ptr)",
            write_pieces(target),
            _threads(threads),
            WORDS,
            write_rows(),
            TAKE,
            MAKE,
            _RUN,
            _CALL,
            "attributes #0 = { nounwind }",
            "attributes #1 = { nounwind alwaysinline }",
            # torch's exceptions pass through.
            "attributes #2 = { uwtable }",
        ]
    )


def _threads(available: bool) -> str:
    schedule = (
        f"  %taken = call i1 @{SCHEDULE}(ptr @task, ptr %state, i64 %threads)\n  ret i1 %taken"
        if available
        else "  ret i1 false"
    )
    return f"""
{f"declare i1 @{SCHEDULE}(ptr, ptr, i64)" if available else ""}
define internal i1 @pool.schedule(ptr %pool, ptr %state, i64 %threads) #0 {{
{schedule}
}}

define internal i64 @pool.threads(ptr %pool) #0 {{
  %place = alloca i32
  store i32 1, ptr %place
  %error = call i32 @torch_get_num_threads(ptr %place)
  %number = load i32, ptr %place
  %threads = zext i32 %number to i64
  ret i64 %threads
}}"""


# Computes the batch; `ordered` says whether all operands' rows lie in order.
_RUN = f"""
define internal i32 @run(ptr %stack, ptr %table, ptr %kernel, i64 %axes, ptr %lead, i64 %batch, ptr %ins, ptr %orders,
                         i1 %ordered, ptr %outs) #0 {{
entry:
  %piece = call i64 @word(ptr %table, i64 2)
  %some = icmp ugt i64 %batch, 0
  br i1 %some, label %samples, label %nothing
nothing:
  ret i32 0
samples:
  br i1 %ordered, label %direct, label %strided
direct:
  %status.direct = call i32 @parallel(ptr null, ptr %kernel, i64 %piece, ptr %ins, ptr %outs, i64 %batch)
  ret i32 %status.direct
strided:
  %n.in = call i64 @word(ptr %table, i64 0)
  %records = getelementptr i64, ptr %table, i64 {TABLE_HEAD}
  br label %measure
measure:
  %m = phi i64 [ 0, %strided ], [ %m.next, %measure ]
  %words = phi i64 [ 0, %strided ], [ %words.next, %measure ]
  %m.at = mul i64 %m, {RECORD}
  %m.record = getelementptr i64, ptr %records, i64 %m.at
  %m.width = call i64 @word(ptr %m.record, i64 2)
  %words.next = add i64 %words, %m.width
  %m.next = add i64 %m, 1
  %m.more = icmp ult i64 %m.next, %n.in
  br i1 %m.more, label %measure, label %allocate
allocate:
  %offset.bytes = mul i64 %words.next, 8
  %memory = call ptr @malloc(i64 %offset.bytes)
  %failed = icmp eq ptr %memory, null
  br i1 %failed, label %full, label %describe
full:
  ret i32 1
describe:
  %row.words = mul i64 %n.in, {ROW}
  %rows = alloca i64, i64 %row.words
  %place = alloca ptr
  br label %operand
operand:
  %k = phi i64 [ 0, %describe ], [ %k.next, %described ]
  %space = phi ptr [ %memory, %describe ], [ %space.next, %described ]
  %record.at = mul i64 %k, {RECORD}
  %record = getelementptr i64, ptr %records, i64 %record.at
  %row.at = mul i64 %k, {ROW}
  %row = getelementptr i64, ptr %rows, i64 %row.at
  %data = call ptr @pointer(ptr %ins, i64 %k)
  call void @put.pointer(ptr %row, i64 0, ptr %data)
  %order = call i64 @word(ptr %orders, i64 %k)
  call void @put(ptr %row, i64 1, i64 %order)
  %width = call i64 @word(ptr %record, i64 2)
  %space.next = getelementptr i64, ptr %space, i64 %width
  %lies = icmp ne i64 %order, 0
  br i1 %lies, label %described, label %strides
strides:
  %tensor = call ptr @pointer(ptr %stack, i64 %k)
  %e.strides = call i32 @aoti_torch_get_strides(ptr %tensor, ptr %place)
  %all.strides = load ptr, ptr %place
  call void @put.pointer(ptr %row, i64 2, ptr %all.strides)
  call void @put.pointer(ptr %row, i64 3, ptr %space)
  %inner.strides = getelementptr i64, ptr %all.strides, i64 %axes
  %rank = call i64 @word(ptr %record, i64 1)
  %item = call i64 @word(ptr %record, i64 3)
  %dims.at = call i64 @word(ptr %record, i64 4)
  %dims = getelementptr i64, ptr %table, i64 %dims.at
  call void @offsets(ptr %space, ptr %dims, ptr %inner.strides, i64 %rank, i64 %width, i64 %item)
  br label %described
described:
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %n.in
  br i1 %more, label %operand, label %share
share:
  %job = alloca [5 x i64]
  call void @put.pointer(ptr %job, i64 0, ptr %table)
  call void @put.pointer(ptr %job, i64 1, ptr %kernel)
  call void @put(ptr %job, i64 2, i64 %axes)
  call void @put.pointer(ptr %job, i64 3, ptr %lead)
  call void @put.pointer(ptr %job, i64 4, ptr %rows)
  %status = call i32 @parallel(ptr null, ptr @gathered, i64 %piece, ptr %job, ptr %outs, i64 %batch)
  call void @free(ptr %memory)
  ret i32 %status
}}"""

_CALL = f"""
define void @{CALL}(ptr %stack, ptr %table, ptr %kernel) #2 {{
entry:
  %n.in = call i64 @word(ptr %table, i64 0)
  %n.out = call i64 @word(ptr %table, i64 1)
  %records = getelementptr i64, ptr %table, i64 {TABLE_HEAD}
  %result.words = mul i64 %n.in, {RECORD}
  %result.records = getelementptr i64, ptr %records, i64 %result.words
  %ins = alloca ptr, i64 %n.in
  %orders = alloca i64, i64 %n.in
  %outs = alloca ptr, i64 %n.out
  %tensors = alloca ptr, i64 %n.out
  %place = alloca ptr
  store i64 0, ptr %place
  %first = load ptr, ptr %stack
  %e.dim = call i32 @aoti_torch_get_dim(ptr %first, ptr %place)
  %dim = load i64, ptr %place
  %rank = call i64 @word(ptr %records, i64 1)
  %axes = sub i64 %dim, %rank
  %e.sizes = call i32 @aoti_torch_get_sizes(ptr %first, ptr %place)
  %lead = load ptr, ptr %place
  %enough = icmp sge i64 %axes, 0
  br i1 %enough, label %count, label %misfit
count:
  %a = phi i64 [ 0, %entry ], [ %a.next, %multiply ]
  %batch = phi i64 [ 1, %entry ], [ %batch.next, %multiply ]
  %leading = icmp ult i64 %a, %axes
  br i1 %leading, label %multiply, label %operand
multiply:
  %size = call i64 @word(ptr %lead, i64 %a)
  %batch.next = mul i64 %batch, %size
  %a.next = add i64 %a, 1
  br label %count
operand:
  %k = phi i64 [ 0, %count ], [ %k.next, %read ]
  %ordered = phi i1 [ true, %count ], [ %ordered.next, %read ]
  %tensor = call ptr @pointer(ptr %stack, i64 %k)
  %record.at = mul i64 %k, {RECORD}
  %record = getelementptr i64, ptr %records, i64 %record.at
  %in.place = getelementptr ptr, ptr %ins, i64 %k
  %answer = call i64 @take(ptr %tensor, ptr %table, ptr %record, i64 %axes, ptr %lead, ptr %in.place)
  switch i64 %answer, label %broken [ i64 0, label %misfit i64 1, label %read i64 2, label %read ]
read:
  %lies = icmp eq i64 %answer, 1
  %order = zext i1 %lies to i64
  call void @put(ptr %orders, i64 %k, i64 %order)
  %ordered.next = and i1 %ordered, %lies
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %n.in
  br i1 %more, label %operand, label %result
result:
  %r = phi i64 [ 0, %read ], [ %r.next, %made ]
  %result.at = mul i64 %r, {RECORD}
  %result.record = getelementptr i64, ptr %result.records, i64 %result.at
  %tensor.place = getelementptr ptr, ptr %tensors, i64 %r
  %out.place = getelementptr ptr, ptr %outs, i64 %r
  %e.make = call i32 @make(ptr %table, ptr %result.record, i64 %axes, ptr %lead, ptr %tensor.place, ptr %out.place)
  %good = icmp eq i32 %e.make, 0
  br i1 %good, label %made, label %broken
made:
  %r.next = add i64 %r, 1
  %more.results = icmp ult i64 %r.next, %n.out
  br i1 %more.results, label %result, label %compute
compute:
  %status = call i32 @run(ptr %stack, ptr %table, ptr %kernel, i64 %axes, ptr %lead, i64 %batch, ptr %ins, ptr %orders,
                          i1 %ordered.next, ptr %outs)
  %computed = icmp eq i32 %status, 0
  br i1 %computed, label %finish, label %full
finish:
  call void @drop(ptr %stack, i64 %n.in)
  br label %return
return:
  %q = phi i64 [ 0, %finish ], [ %q.next, %return ]
  %finished = call ptr @pointer(ptr %tensors, i64 %q)
  call void @put.pointer(ptr %stack, i64 %q, ptr %finished)
  %q.next = add i64 %q, 1
  %q.more = icmp ult i64 %q.next, %n.out
  br i1 %q.more, label %return, label %done
done:
  ret void
misfit:
  br label %throw
broken:
  br label %throw
full:
  br label %throw
throw:
  %message = phi ptr [ @m.operand, %misfit ], [ @m.torch, %broken ], [ @m.memory, %full ]
  call void @drop(ptr %stack, i64 %n.in)
  call void @{CHECK}(i1 zeroext false, ptr @m.name, ptr @m.name, i32 0, ptr %message)
  ret void
}}

define internal void @drop(ptr %tensors, i64 %n) #0 {{
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %tensor = call ptr @pointer(ptr %tensors, i64 %k)
  %error = call i32 @aoti_torch_delete_tensor_object(ptr %tensor)
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
