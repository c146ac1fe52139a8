"""How handlers of all kernels read a call of XLA's foreign function interface, as LLVM IR.

A handler gets a *frame*: the interface's functions, the call's context and its buffers, which must be those that a
*table* (:mod:`ccjac_jax.xla.handler`) describes.  Where the structs' fields lie is told by :mod:`ccjac_jax.xla.abi`.
"""

from __future__ import annotations

from .abi import ApiVersion, constant, offset, struct_size

# The table: operands, results, a word for what runs the kernel, then for every array its type, whether it is batched,
# and the entries and bytes of a row.
TABLE_HEAD, TABLE_ROW = 24, 32


def write_reader(version: ApiVersion, messages: dict[str, str]) -> str:
    """What :func:`write_reading` calls, and ``@fail(api, code, message)`` with the constants of ``messages``."""
    texts = [
        f'@{n} = private constant [{len(t.encode()) + 1} x i8] c"{t}\\00"' for n, t in (_MESSAGES | messages).items()
    ]
    return "\n".join([*texts, _TAKE, _metadata(version), _FAIL, _ELEMENTS])


_MESSAGES = {
    "m.counts": "ccjac kernel: called at another stage, or with another number of buffers, than compiled for",
    "m.shape": "ccjac kernel: a buffer has another type or size than compiled for",
}


def write_arguments(struct: str) -> str:
    """``%args``, the arguments of a function of the interface: a struct that begins with its size and no extension."""
    size = struct_size(struct)
    return f"""  %args = alloca [{size} x i8], align 8
  store i64 {size}, ptr %args
  %extension = getelementptr i8, ptr %args, i64 {offset(struct, "extension_start")}
  store ptr null, ptr %extension"""


def write_reading(name: str, run: str) -> str:
    """``@NAME(frame, table, kernel)``.

    Args:
        name: Of the function.
        run: Its last blocks, the first of them labelled ``run``: what to do with the arrays ``%ins`` and ``%outs`` that
            follow each other, ``%n.in`` and ``%n.out`` of them, and ``%batch`` samples.  They may use ``%api`` and
            ``%context``, the table's third word ``%word`` and the records of the results, ``%result.rows``.
    """
    return f"""
define ptr @{name}(ptr %frame, ptr %table, ptr %kernel) #0 {{
entry:
  %extension.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "extension_start")}
  %extension = load ptr, ptr %extension.place
  %asked = icmp ne ptr %extension, null
  br i1 %asked, label %extended, label %call
extended:
  %kind.place = getelementptr i8, ptr %extension, i64 {offset("Extension", "type")}
  %kind = load i32, ptr %kind.place
  %is.metadata = icmp eq i32 %kind, {constant("Extension_Metadata")}
  br i1 %is.metadata, label %metadata, label %call
metadata:
  call void @describe(ptr %extension)
  ret ptr null
call:
  %api.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "api")}
  %api = load ptr, ptr %api.place
  %context.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "ctx")}
  %context = load ptr, ptr %context.place
  %stage.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "stage")}
  %stage = load i32, ptr %stage.place
  %n.args.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "args", "size")}
  %n.args = load i64, ptr %n.args.place
  %n.rets.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "rets", "size")}
  %n.rets = load i64, ptr %n.rets.place
  %n.in = load i64, ptr %table
  %n.out.place = getelementptr i8, ptr %table, i64 8
  %n.out = load i64, ptr %n.out.place
  %word.place = getelementptr i8, ptr %table, i64 16
  %word = load i64, ptr %word.place
  %right.stage = icmp eq i32 %stage, {constant("ExecutionStage_EXECUTE")}
  %right.args = icmp eq i64 %n.args, %n.in
  %right.rets = icmp eq i64 %n.rets, %n.out
  %right.counts = and i1 %right.args, %right.rets
  %right = and i1 %right.counts, %right.stage
  br i1 %right, label %read, label %wrong
wrong:
  %e.counts = call ptr @fail(ptr %api, i32 {constant("Error_Code_INVALID_ARGUMENT")}, ptr @m.counts)
  ret ptr %e.counts
read:
  %n = add i64 %n.in, %n.out
  %ins = alloca ptr, i64 %n
  %outs = getelementptr ptr, ptr %ins, i64 %n.in
  %args.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "args", "args")}
  %args = load ptr, ptr %args.place
  %rets.place = getelementptr i8, ptr %frame, i64 {offset("CallFrame", "rets", "rets")}
  %rets = load ptr, ptr %rets.place
  %operand.rows = getelementptr i8, ptr %table, i64 {TABLE_HEAD}
  %operand.bytes = mul i64 %n.in, {TABLE_ROW}
  %result.rows = getelementptr i8, ptr %operand.rows, i64 %operand.bytes
  %first = load ptr, ptr %rets
  %total = call i64 @elements(ptr %first)
  %width.place = getelementptr i8, ptr %result.rows, i64 16
  %width = load i64, ptr %width.place
  %batch = udiv i64 %total, %width
  %good.args = call i1 @take(ptr %args, ptr %ins, ptr %operand.rows, i64 %n.in, i64 %batch)
  %good.rets = call i1 @take(ptr %rets, ptr %outs, ptr %result.rows, i64 %n.out, i64 %batch)
  %fits = and i1 %good.args, %good.rets
  br i1 %fits, label %run, label %misfit
misfit:
  %e.shape = call ptr @fail(ptr %api, i32 {constant("Error_Code_INVALID_ARGUMENT")}, ptr @m.shape)
  ret ptr %e.shape
{run}
}}"""


_TAKE = f"""
define internal i1 @take(ptr %buffers, ptr %pointers, ptr %rows, i64 %n, i64 %batch) #0 {{
entry:
  %some = icmp ne i64 %n, 0
  br i1 %some, label %loop, label %done
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %fits = phi i1 [ true, %entry ], [ %still, %loop ]
  %buffer.place = getelementptr ptr, ptr %buffers, i64 %k
  %buffer = load ptr, ptr %buffer.place
  %data.place = getelementptr i8, ptr %buffer, i64 {offset("Buffer", "data")}
  %data = load ptr, ptr %data.place
  %pointer.place = getelementptr ptr, ptr %pointers, i64 %k
  store ptr %data, ptr %pointer.place
  %offset = mul i64 %k, {TABLE_ROW}
  %row = getelementptr i8, ptr %rows, i64 %offset
  %wanted.kind = load i64, ptr %row
  %batched.place = getelementptr i8, ptr %row, i64 8
  %batched = load i64, ptr %batched.place
  %width.place = getelementptr i8, ptr %row, i64 16
  %width = load i64, ptr %width.place
  %is.batched = icmp ne i64 %batched, 0
  %count = select i1 %is.batched, i64 %batch, i64 1
  %wanted = mul i64 %count, %width
  %kind.place = getelementptr i8, ptr %buffer, i64 {offset("Buffer", "dtype")}
  %kind.short = load i32, ptr %kind.place
  %kind = zext i32 %kind.short to i64
  %right.kind = icmp eq i64 %kind, %wanted.kind
  %entries = call i64 @elements(ptr %buffer)
  %right.entries = icmp eq i64 %entries, %wanted
  %right = and i1 %right.kind, %right.entries
  %still = and i1 %fits, %right
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  %all = phi i1 [ true, %entry ], [ %still, %loop ]
  ret i1 %all
}}"""
"""Read the buffers' addresses; whether all types and sizes are those of the table."""


def _metadata(version: ApiVersion) -> str:
    """``@describe(extension)``: which version of the interface the handler was written for; no traits, no state."""
    fields = {
        ("api_version", "struct_size"): f"i64 {struct_size('Version')}",
        ("api_version", "extension_start"): "ptr null",
        ("api_version", "major_version"): f"i32 {version.major}",
        ("api_version", "minor_version"): f"i32 {version.minor}",
        ("traits",): "i32 0",
        ("state_type_id", "type_id"): "i64 0",
    }
    stores = "".join(
        f"""  %p{k} = getelementptr i8, ptr %metadata, i64 {offset("Metadata", *path)}
  store {value}, ptr %p{k}
"""
        for k, (path, value) in enumerate(fields.items())
    )
    return f"""
define internal void @describe(ptr %extension) #0 {{
entry:
  %place = getelementptr i8, ptr %extension, i64 {offset("MetadataExtension", "metadata")}
  %metadata = load ptr, ptr %place
{stores}  ret void
}}"""


_FAIL = f"""
define internal ptr @fail(ptr %api, i32 %code, ptr %message) #0 {{
entry:
{write_arguments("CreateArgs")}
  %text = getelementptr i8, ptr %args, i64 {offset("CreateArgs", "message")}
  store ptr %message, ptr %text
  %kind = getelementptr i8, ptr %args, i64 {offset("CreateArgs", "errc")}
  store i32 %code, ptr %kind
  %place = getelementptr i8, ptr %api, i64 {offset("Api", "XLA_FFI_Error_Create")}
  %create = load ptr, ptr %place
  %error = call ptr %create(ptr %args)
  ret ptr %error
}}"""

_ELEMENTS = f"""
define internal i64 @elements(ptr %buffer) #0 {{
entry:
  %rank.place = getelementptr i8, ptr %buffer, i64 {offset("Buffer", "rank")}
  %rank = load i64, ptr %rank.place
  %dims.place = getelementptr i8, ptr %buffer, i64 {offset("Buffer", "dims")}
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
