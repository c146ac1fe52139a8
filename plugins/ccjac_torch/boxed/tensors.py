"""Reading one operand and allocating one result through libtorch's interface, as LLVM IR."""

from __future__ import annotations

# Reads one operand.  Answers 0 if it is not as compiled for, 1 if its rows lie in order, 2 if not, 3 if torch fails.
# The first operand's leading sizes are everyone's.
TAKE = """
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
MAKE = """
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
