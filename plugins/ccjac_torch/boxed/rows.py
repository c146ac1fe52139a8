"""Operands whose rows do not lie in order, as LLVM IR: their rows are collected, some vectors' worth at a time.

``@gathered(job, out, begin, end)`` is the kernel that threads call then; ``@offsets`` prepares what it reads.
"""

from __future__ import annotations

from .table import RECORD, ROW, TABLE_HEAD

_ON_STACK = 1 << 16
"""Bytes of scratch memory beyond which it comes from the heap."""


def write_rows() -> str:
    """The text."""
    return "\n".join([*(_copy(size) for size in (1, 2, 4, 8)), _PLACE, _COLLECT, _OFFSETS, _GATHERED])


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


# How many elements behind the first one element `number` of an array lies: its indices are the digits of its number.
_PLACE = """
define internal i64 @place(ptr %sizes, ptr %strides, i64 %axes, i64 %number) #1 {
entry:
  br label %axis
axis:
  %a = phi i64 [ %axes, %entry ], [ %a.next, %digit ]
  %rest = phi i64 [ %number, %entry ], [ %rest.next, %digit ]
  %start = phi i64 [ 0, %entry ], [ %start.next, %digit ]
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
  br i1 %has.first, label %last.digit, label %done
last.digit:
  %first.stride = call i64 @word(ptr %strides, i64 0)
  %first.step = mul i64 %rest, %first.stride
  %with.first = add i64 %start, %first.step
  br label %done
done:
  %elements = phi i64 [ %start, %first ], [ %with.first, %last.digit ]
  ret i64 %elements
}"""

# Samples `begin` to `end` of one operand, collected at `to`.
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
  %elements = call i64 @place(ptr %sizes, ptr %strides, i64 %axes, i64 %s)
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
  %k = phi i64 [ 0, %entry ], [ %k.next, %element ]
  %start = call i64 @place(ptr %sizes, ptr %strides, i64 %rank, i64 %k)
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
  %row.at = mul i64 %k, {ROW}
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
