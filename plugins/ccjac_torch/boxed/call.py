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

CALL = "ccjac.torch.call"
C_FUNCTIONS = LIBRARY_FUNCTIONS

# The table, in words of 8 bytes: 0 operands, 1 results, 2 samples in a piece, 3 samples collected at a time, 4 bytes of
# scratch memory for them, then a record for every operand and every result: torch's number of the type, rank, entries,
# bytes of an entry, where its sizes stand in the table, where its scratch begins.
TABLE_HEAD = 5
RECORD = 6

# What a call whose operands do not all lie in order hands to its threads, in words: 0 table, 1 kernel, 2 leading axes,
# 3 their sizes, 4 the row records: for every operand data, in order or not, strides, offsets of a row's entries.
_ROW = 4

_ON_STACK = 1 << 16
"""Bytes of scratch memory beyond which it comes from the heap."""

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
            _WORD,
            *(_copy(size) for size in (1, 2, 4, 8)),
            _COLLECT,
            _OFFSETS,
            _GATHERED,
            _TAKE,
            _MAKE,
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


_WORD = """
define internal i64 @word(ptr %words, i64 %k) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  %word = load i64, ptr %place
  ret i64 %word
}
define internal ptr @pointer(ptr %words, i64 %k) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  %word = load ptr, ptr %place
  ret ptr %word
}
define internal void @put(ptr %words, i64 %k, i64 %word) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  store i64 %word, ptr %place
  ret void
}
define internal void @put.pointer(ptr %words, i64 %k, ptr %word) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  store ptr %word, ptr %place
  ret void
}"""


def _copy(size: int) -> str:
    """``@copy.N(to, from, offsets, width)``: the entries of one row, wherever they lie."""
    return f"""
define internal void @copy.{size}(ptr %to, ptr %from, ptr %offsets, i64 %width) #1 {{
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %offset = call i64 @word(ptr %offsets, i64 %k)
  %source = getelementptr i8, ptr %from, i64 %offset
  %target = getelementptr i{8 * size}, ptr %to, i64 %k
  %entry.k = load i{8 * size}, ptr %source, align {size}
  store i{8 * size} %entry.k, ptr %target, align {size}
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, %width
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""


# Samples `begin` to `end` of one operand, collected at `to`.  A sample's leading indices are the digits of its number.
_COLLECT = """
define internal void @collect(ptr %to, ptr %job, ptr %row, ptr %record, i64 %begin, i64 %end) #0 {
entry:
  %axes = call i64 @word(ptr %job, i64 2)
  %sizes = call ptr @pointer(ptr %job, i64 3)
  %data = call ptr @pointer(ptr %row, i64 0)
  %strides = call ptr @pointer(ptr %row, i64 2)
  %offsets = call ptr @pointer(ptr %row, i64 3)
  %width = call i64 @word(ptr %record, i64 2)
  %bytes = call i64 @word(ptr %record, i64 3)
  %row.bytes = mul i64 %width, %bytes
  br label %sample
sample:
  %s = phi i64 [ %begin, %entry ], [ %s.next, %copied ]
  br label %axis
axis:
  %a = phi i64 [ %axes, %sample ], [ %a.next, %digit ]
  %rest = phi i64 [ %s, %sample ], [ %rest.next, %digit ]
  %start = phi i64 [ 0, %sample ], [ %start.next, %digit ]
  %some = icmp ugt i64 %a, 1
  br i1 %some, label %digit, label %first
digit:
  %a.next = sub i64 %a, 1
  %size = call i64 @word(ptr %sizes, i64 %a.next)
  %stride = call i64 @word(ptr %strides, i64 %a.next)
  %rest.next = udiv i64 %rest, %size
  %whole = mul i64 %rest.next, %size
  %index = sub i64 %rest, %whole
  %step = mul i64 %index, %stride
  %start.next = add i64 %start, %step
  br label %axis
first:
  %has.first = icmp eq i64 %a, 1
  br i1 %has.first, label %last.digit, label %ready
last.digit:
  %first.stride = call i64 @word(ptr %strides, i64 0)
  %first.step = mul i64 %rest, %first.stride
  %with.first = add i64 %start, %first.step
  br label %ready
ready:
  %elements = phi i64 [ %start, %first ], [ %with.first, %last.digit ]
  %distance = mul i64 %elements, %bytes
  %source = getelementptr i8, ptr %data, i64 %distance
  %number = sub i64 %s, %begin
  %place = mul i64 %number, %row.bytes
  %target = getelementptr i8, ptr %to, i64 %place
  switch i64 %bytes, label %copied [ i64 1, label %one i64 2, label %two i64 4, label %four i64 8, label %eight ]
one:
  call void @copy.1(ptr %target, ptr %source, ptr %offsets, i64 %width)
  br label %copied
two:
  call void @copy.2(ptr %target, ptr %source, ptr %offsets, i64 %width)
  br label %copied
four:
  call void @copy.4(ptr %target, ptr %source, ptr %offsets, i64 %width)
  br label %copied
eight:
  call void @copy.8(ptr %target, ptr %source, ptr %offsets, i64 %width)
  br label %copied
copied:
  %s.next = add i64 %s, 1
  %more = icmp ult i64 %s.next, %end
  br i1 %more, label %sample, label %done
done:
  ret void
}"""

# Offsets in bytes of a row's entries, from the sizes and strides of its axes.
_OFFSETS = """
define internal void @offsets(ptr %to, ptr %sizes, ptr %strides, i64 %rank, i64 %width, i64 %bytes) #0 {
entry:
  br label %element
element:
  %k = phi i64 [ 0, %entry ], [ %k.next, %stored ]
  br label %axis
axis:
  %a = phi i64 [ %rank, %element ], [ %a.next, %digit ]
  %rest = phi i64 [ %k, %element ], [ %rest.next, %digit ]
  %start = phi i64 [ 0, %element ], [ %start.next, %digit ]
  %some = icmp ugt i64 %a, 0
  br i1 %some, label %digit, label %stored
digit:
  %a.next = sub i64 %a, 1
  %size = call i64 @word(ptr %sizes, i64 %a.next)
  %stride = call i64 @word(ptr %strides, i64 %a.next)
  %rest.next = udiv i64 %rest, %size
  %whole = mul i64 %rest.next, %size
  %index = sub i64 %rest, %whole
  %step = mul i64 %index, %stride
  %start.next = add i64 %start, %step
  br label %axis
stored:
  %offset = mul i64 %start, %bytes
  call void @put(ptr %to, i64 %k, i64 %offset)
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %width
  br i1 %more, label %element, label %done
done:
  ret void
}"""

_GATHERED = f"""
define internal i32 @gathered(ptr %job, ptr %out, i64 %begin, i64 %end) #0 {{
entry:
  %table = call ptr @pointer(ptr %job, i64 0)
  %kernel = call ptr @pointer(ptr %job, i64 1)
  %rows = call ptr @pointer(ptr %job, i64 4)
  %n.in = call i64 @word(ptr %table, i64 0)
  %n.out = call i64 @word(ptr %table, i64 1)
  %chunk = call i64 @word(ptr %table, i64 3)
  %bytes = call i64 @word(ptr %table, i64 4)
  %records = getelementptr i64, ptr %table, i64 {TABLE_HEAD}
  %result.words = mul i64 %n.in, {RECORD}
  %result.records = getelementptr i64, ptr %records, i64 %result.words
  %ins = alloca ptr, i64 %n.in
  %outs = alloca ptr, i64 %n.out
  %large = icmp ugt i64 %bytes, {_ON_STACK}
  br i1 %large, label %heap, label %stack
heap:
  %from.heap = call ptr @malloc(i64 %bytes)
  %failed = icmp eq ptr %from.heap, null
  br i1 %failed, label %full, label %ready
full:
  ret i32 1
stack:
  %from.stack = alloca i8, i64 %bytes, align 64
  br label %ready
ready:
  %scratch = phi ptr [ %from.heap, %heap ], [ %from.stack, %stack ]
  br label %turn
turn:
  %s = phi i64 [ %begin, %ready ], [ %stop, %computed ]
  %whole = add i64 %s, %chunk
  %over = icmp ugt i64 %whole, %end
  %stop = select i1 %over, i64 %end, i64 %whole
  br label %operand
operand:
  %k = phi i64 [ 0, %turn ], [ %k.next, %operand.ready ]
  %row.at = mul i64 %k, {_ROW}
  %row = getelementptr i64, ptr %rows, i64 %row.at
  %record.at = mul i64 %k, {RECORD}
  %record = getelementptr i64, ptr %records, i64 %record.at
  %in.order = call i64 @word(ptr %row, i64 1)
  %lies = icmp ne i64 %in.order, 0
  br i1 %lies, label %there, label %elsewhere
there:
  %data = call ptr @pointer(ptr %row, i64 0)
  %width = call i64 @word(ptr %record, i64 2)
  %item = call i64 @word(ptr %record, i64 3)
  %row.bytes = mul i64 %width, %item
  %distance = mul i64 %s, %row.bytes
  %first = getelementptr i8, ptr %data, i64 %distance
  br label %operand.ready
elsewhere:
  %offset = call i64 @word(ptr %record, i64 5)
  %to = getelementptr i8, ptr %scratch, i64 %offset
  call void @collect(ptr %to, ptr %job, ptr %row, ptr %record, i64 %s, i64 %stop)
  br label %operand.ready
operand.ready:
  %in = phi ptr [ %first, %there ], [ %to, %elsewhere ]
  call void @put.pointer(ptr %ins, i64 %k, ptr %in)
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %n.in
  br i1 %more, label %operand, label %result
result:
  %r = phi i64 [ 0, %operand.ready ], [ %r.next, %result ]
  %result.at = mul i64 %r, {RECORD}
  %result.record = getelementptr i64, ptr %result.records, i64 %result.at
  %result.width = call i64 @word(ptr %result.record, i64 2)
  %result.item = call i64 @word(ptr %result.record, i64 3)
  %result.bytes = mul i64 %result.width, %result.item
  %result.distance = mul i64 %s, %result.bytes
  %result.data = call ptr @pointer(ptr %out, i64 %r)
  %result.first = getelementptr i8, ptr %result.data, i64 %result.distance
  call void @put.pointer(ptr %outs, i64 %r, ptr %result.first)
  %r.next = add i64 %r, 1
  %more.results = icmp ult i64 %r.next, %n.out
  br i1 %more.results, label %result, label %compute
compute:
  %count = sub i64 %stop, %s
  %status = call i32 %kernel(ptr %ins, ptr %outs, i64 0, i64 %count)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %computed, label %leave
computed:
  %left = icmp ult i64 %stop, %end
  br i1 %left, label %turn, label %leave
leave:
  br i1 %large, label %release, label %done
release:
  call void @free(ptr %scratch)
  br label %done
done:
  ret i32 %status
}}"""

# Reads one operand.  Answers 0 if it is not as compiled for, 1 if its rows lie in order, 2 if not, 3 if torch fails.
# The first operand's leading sizes are everyone's.
_TAKE = """
define internal i64 @take(ptr %tensor, ptr %table, ptr %record, i64 %axes, ptr %lead, ptr %data) #0 {
entry:
  %place = alloca i64
  %pointer.place = alloca ptr
  store i64 0, ptr %place
  %e.type = call i32 @aoti_torch_get_dtype(ptr %tensor, ptr %place)
  %type.32 = load i32, ptr %place
  %type = zext i32 %type.32 to i64
  %wanted.type = call i64 @word(ptr %record, i64 0)
  %same.type = icmp eq i64 %type, %wanted.type
  %e.dim = call i32 @aoti_torch_get_dim(ptr %tensor, ptr %place)
  %dim = load i64, ptr %place
  %rank = call i64 @word(ptr %record, i64 1)
  %wanted.dim = add i64 %axes, %rank
  %same.dim = icmp eq i64 %dim, %wanted.dim
  %same = and i1 %same.type, %same.dim
  br i1 %same, label %shape, label %wrong
wrong:
  ret i64 0
shape:
  %e.sizes = call i32 @aoti_torch_get_sizes(ptr %tensor, ptr %pointer.place)
  %sizes = load ptr, ptr %pointer.place
  %dims.at = call i64 @word(ptr %record, i64 4)
  %dims = getelementptr i64, ptr %table, i64 %dims.at
  br label %leading
leading:
  %a = phi i64 [ 0, %shape ], [ %a.next, %equal ]
  %some = icmp ult i64 %a, %axes
  br i1 %some, label %compare, label %inner
compare:
  %size = call i64 @word(ptr %sizes, i64 %a)
  %lead.size = call i64 @word(ptr %lead, i64 %a)
  %is.equal = icmp eq i64 %size, %lead.size
  br i1 %is.equal, label %equal, label %wrong
equal:
  %a.next = add i64 %a, 1
  br label %leading
inner:
  %d = phi i64 [ 0, %leading ], [ %d.next, %fits ]
  %any = icmp ult i64 %d, %rank
  br i1 %any, label %match, label %read
match:
  %at = add i64 %axes, %d
  %size.d = call i64 @word(ptr %sizes, i64 %at)
  %dim.d = call i64 @word(ptr %dims, i64 %d)
  %is.right = icmp eq i64 %size.d, %dim.d
  br i1 %is.right, label %fits, label %wrong
fits:
  %d.next = add i64 %d, 1
  br label %inner
read:
  %e.data = call i32 @aoti_torch_get_data_ptr(ptr %tensor, ptr %data)
  %order.place = alloca i8
  store i8 0, ptr %order.place
  %e.order = call i32 @aoti_torch_is_contiguous(ptr %tensor, ptr %order.place)
  %order = load i8, ptr %order.place
  %e.1 = or i32 %e.type, %e.dim
  %e.2 = or i32 %e.sizes, %e.data
  %e.3 = or i32 %e.1, %e.2
  %e = or i32 %e.3, %e.order
  %fine = icmp eq i32 %e, 0
  br i1 %fine, label %good, label %bad
bad:
  ret i64 3
good:
  %lies = icmp ne i8 %order, 0
  %answer = select i1 %lies, i64 1, i64 2
  ret i64 %answer
}"""

# Allocates one result, in order.
_MAKE = """
define internal i32 @make(ptr %table, ptr %record, i64 %axes, ptr %lead, ptr %tensor, ptr %data) #0 {
entry:
  %rank = call i64 @word(ptr %record, i64 1)
  %dims.at = call i64 @word(ptr %record, i64 4)
  %dims = getelementptr i64, ptr %table, i64 %dims.at
  %dim = add i64 %axes, %rank
  %sizes = alloca i64, i64 %dim
  %strides = alloca i64, i64 %dim
  br label %fill
fill:
  %d = phi i64 [ %dim, %entry ], [ %d.next, %filled ]
  %stride = phi i64 [ 1, %entry ], [ %stride.next, %filled ]
  %some = icmp ugt i64 %d, 0
  br i1 %some, label %next, label %allocate
next:
  %d.next = sub i64 %d, 1
  %is.inner = icmp uge i64 %d.next, %axes
  br i1 %is.inner, label %inner, label %outer
inner:
  %at = sub i64 %d.next, %axes
  %inner.size = call i64 @word(ptr %dims, i64 %at)
  br label %filled
outer:
  %outer.size = call i64 @word(ptr %lead, i64 %d.next)
  br label %filled
filled:
  %size = phi i64 [ %inner.size, %inner ], [ %outer.size, %outer ]
  call void @put(ptr %sizes, i64 %d.next, i64 %size)
  call void @put(ptr %strides, i64 %d.next, i64 %stride)
  %empty = icmp eq i64 %size, 0
  %factor = select i1 %empty, i64 1, i64 %size
  %stride.next = mul i64 %stride, %factor
  br label %fill
allocate:
  %type.64 = call i64 @word(ptr %record, i64 0)
  %type = trunc i64 %type.64 to i32
  %e.make = call i32 @aoti_torch_empty_strided(i64 %dim, ptr %sizes, ptr %strides, i32 %type, i32 0, i32 0, ptr %tensor)
  %made = icmp eq i32 %e.make, 0
  br i1 %made, label %locate, label %failed
locate:
  %handle = load ptr, ptr %tensor
  %e.data = call i32 @aoti_torch_get_data_ptr(ptr %handle, ptr %data)
  ret i32 %e.data
failed:
  ret i32 %e.make
}"""

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
  %row.words = mul i64 %n.in, {_ROW}
  %rows = alloca i64, i64 %row.words
  %place = alloca ptr
  br label %operand
operand:
  %k = phi i64 [ 0, %describe ], [ %k.next, %described ]
  %space = phi ptr [ %memory, %describe ], [ %space.next, %described ]
  %record.at = mul i64 %k, {RECORD}
  %record = getelementptr i64, ptr %records, i64 %record.at
  %row.at = mul i64 %k, {_ROW}
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
