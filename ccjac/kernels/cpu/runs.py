"""A loop over tasks of several kernels on the same arrays, as the text of one LLVM module.

A task is a row of numbers: which kernel, how many samples, and where they lie: by address, or by a table that says for
every sample what it reads and where its results go.  The loop is called like a kernel, with tasks for samples, so that
whatever calls kernels and shares batches between threads serves it too.

Its operands are the data arrays, then three tables: ``[tasks, task_width]`` int64, the indices to read and the places
to write, int32.  Its results are a byte per task and one array of values.  Of a batch all samples have the same tasks,
on other data, and there is a byte per task and sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..layout import Layout
from ..writer import BYTES
from .module import ENTRY

HEAD = 4
"""Numbers at the beginning of a task: kernel, samples, first index to read, first place to write (``-1`` for none)."""

TABLE_SAMPLES = 256
"""Samples of a task that goes by tables, at most."""


@dataclass(frozen=True)
class TaskKernel:
    """One of the loop's kernels.

    Attributes:
        layout: Its arrays; operands that are not batched are read by address in every task.
        buffers: For every operand the data array that it is a window of.
    """

    layout: Layout
    buffers: tuple[int, ...]


@dataclass(frozen=True)
class Samples:
    """A batch of whole computations.

    Attributes:
        tasks: Tasks of each sample.
        strides: Bytes from one sample to the next in every data array, 0 where all read the same.
        values: The same in the array of values.
    """

    tasks: int
    strides: tuple[int, ...]
    values: int


def task_width(kernels: Sequence[TaskKernel]) -> int:
    """Numbers in a task: the head, then the first element of every operand and result."""
    return HEAD + max((len(k.layout.operands) + len(k.layout.results) for k in kernels), default=0)


def symbol(k: int) -> str:
    """The external name of the ``k``-th kernel's function."""
    return f"kernel.{k}"


def write_runs(kernels: Sequence[TaskKernel], n_buffers: int, extra: str = "", samples: Samples | None = None) -> str:
    """Generate the module.

    Args:
        kernels: What tasks run; their functions are external, named by :func:`symbol`.
        n_buffers: How many data arrays there are.
        extra: A framework's own entry beside ``@kernel``.
        samples: Of a batch, where its samples lie.
    """
    width = task_width(kernels)
    types = {o.dtype for k in kernels for o in k.layout.operands}
    types |= {r.dtype for k in kernels for r in k.layout.results}
    sizes = sorted({BYTES[dtype] for dtype in types})
    cases = " ".join(f"i64 {k}, label %k{k}" for k in range(len(kernels)))
    blocks = "\n".join(
        f"""k{k}:
  %status.{k} = call i32 @task.{k}(ptr %data, ptr %result.values, ptr %task, ptr %reads, ptr %writes)
  br label %next"""
        for k in range(len(kernels))
    )
    phis = ", ".join([f"[ %status.{k}, %k{k} ]" for k in range(len(kernels))] + ["[ 1, %unknown ]"])
    loop = f"""
define i32 @{ENTRY}(ptr %in, ptr %out, i64 %begin, i64 %end) #0 {{
entry:
  %tasks.place = getelementptr ptr, ptr %in, i64 {n_buffers}
  %tasks = load ptr, ptr %tasks.place
  %reads.place = getelementptr ptr, ptr %in, i64 {n_buffers + 1}
  %reads = load ptr, ptr %reads.place
  %writes.place = getelementptr ptr, ptr %in, i64 {n_buffers + 2}
  %writes = load ptr, ptr %writes.place
  %bytes = load ptr, ptr %out
  %values.place = getelementptr ptr, ptr %out, i64 1
  %values = load ptr, ptr %values.place
  %local = alloca [{max(n_buffers, 1)} x ptr]
  %some = icmp slt i64 %begin, %end
  br i1 %some, label %loop, label %done
loop:
  %t = phi i64 [ %begin, %entry ], [ %following, %next ]
  %failed = phi i32 [ 0, %entry ], [ %either, %next ]
{_sample(n_buffers, samples)}
  %row = mul i64 %number, {8 * width}
  %task = getelementptr i8, ptr %tasks, i64 %row
  %kind = load i64, ptr %task
  switch i64 %kind, label %unknown [ {cases} ]
unknown:
  br label %next
{blocks}
next:
  %status = phi i32 {phis}
  %either = or i32 %failed, %status
  %byte.place = getelementptr i8, ptr %bytes, i64 %t
  store i8 0, ptr %byte.place
  %following = add i64 %t, 1
  %more = icmp slt i64 %following, %end
  br i1 %more, label %loop, label %done
done:
  %result = phi i32 [ 0, %entry ], [ %either, %next ]
  ret i32 %result
}}"""
    parts = [_copying("read", "reads", size) + _copying("write", "writes", size) for size in sizes]
    parts += [_task(k, kernel) for k, kernel in enumerate(kernels)]
    declarations = [f"declare i32 @{symbol(k)}(ptr, ptr, i64, i64)" for k in range(len(kernels))]
    return "\n".join([*declarations, *parts, loop, extra, "attributes #0 = { nounwind }"])


def _sample(n_buffers: int, samples: Samples | None) -> str:
    """The ``%number`` of task ``%t``, its ``%data`` arrays and ``%result.values``."""
    same = "getelementptr i8, ptr {}, i64 0"
    if samples is None:
        arrays = [f"  %data = {same.format('%in')}", f"  %result.values = {same.format('%values')}"]
        return "\n".join(["  %number = add i64 %t, 0", *arrays])
    lines = [
        f"  %sample = udiv i64 %t, {samples.tasks}",
        f"  %number = urem i64 %t, {samples.tasks}",
        f"  %data = {same.format('%local')}",
    ]
    for j, stride in enumerate(samples.strides):
        lines += [
            f"  %array.{j}.place = getelementptr ptr, ptr %in, i64 {j}",
            f"  %array.{j} = load ptr, ptr %array.{j}.place",
            f"  %skipped.{j} = mul i64 %sample, {stride}",
            f"  %sample.{j} = getelementptr i8, ptr %array.{j}, i64 %skipped.{j}",
            f"  %local.{j} = getelementptr ptr, ptr %local, i64 {j}",
            f"  store ptr %sample.{j}, ptr %local.{j}",
        ]
    lines.append(f"  %skipped.values = mul i64 %sample, {samples.values}")
    lines.append("  %result.values = getelementptr i8, ptr %values, i64 %skipped.values")
    return "\n".join(lines)


def _task(k: int, kernel: TaskKernel) -> str:
    """``@task.k(in, values, task, reads, writes)``: its operands and results by address or through scratch memory."""
    operands, results = kernel.layout.operands, kernel.layout.results
    lines: list[str] = []
    offset, places = 0, []
    for array, length in [(o, len(o.scalars)) for o in operands] + [(r, len(r.entries)) for r in results]:
        places.append(offset)
        offset += -(-TABLE_SAMPLES * length * BYTES[array.dtype] // 64) * 64
    lines.append(f"  %ins = alloca [{max(len(operands), 1)} x ptr]")
    lines.append(f"  %outs = alloca [{max(len(results), 1)} x ptr]")
    for name, position in (("samples", 1), ("first.read", 2), ("first.write", 3)):
        lines.append(f"  %{name}.place = getelementptr i64, ptr %task, i64 {position}")
        lines.append(f"  %{name} = load i64, ptr %{name}.place")
    # Scratch memory is taken from the stack, and only where a table needs it.
    lines.append("  %by.read = icmp sge i64 %first.read, 0")
    lines.append("  %by.write = icmp sge i64 %first.write, 0")
    lines.append("  %by.table = or i1 %by.read, %by.write")
    lines.append(f"  %scratch.size = select i1 %by.table, i64 {max(offset, 64)}, i64 1")
    lines.append("  %scratch = alloca i8, i64 %scratch.size, align 64")
    for j, (operand, buffer) in enumerate(zip(operands, kernel.buffers, strict=True)):
        size = BYTES[operand.dtype]
        lines += [
            f"  %buffer.{j}.place = getelementptr ptr, ptr %in, i64 {buffer}",
            f"  %buffer.{j} = load ptr, ptr %buffer.{j}.place",
            f"  %start.{j}.place = getelementptr i64, ptr %task, i64 {HEAD + j}",
            f"  %start.{j} = load i64, ptr %start.{j}.place",
            f"  %bytes.{j} = mul i64 %start.{j}, {size}",
            f"  %direct.{j} = getelementptr i8, ptr %buffer.{j}, i64 %bytes.{j}",
            f"  %copy.{j} = getelementptr i8, ptr %scratch, i64 {places[j]}",
        ]
        chosen = f"%direct.{j}"
        if operand.batched:
            lines.append(f"  %operand.{j} = select i1 %by.read, ptr %copy.{j}, ptr %direct.{j}")
            chosen = f"%operand.{j}"
        lines.append(f"  %in.{j}.place = getelementptr ptr, ptr %ins, i64 {j}")
        lines.append(f"  store ptr {chosen}, ptr %in.{j}.place")
    for j, result in enumerate(results):
        size = BYTES[result.dtype]
        lines += [
            f"  %first.{j}.place = getelementptr i64, ptr %task, i64 {HEAD + len(operands) + j}",
            f"  %first.{j} = load i64, ptr %first.{j}.place",
            f"  %skip.{j} = mul i64 %first.{j}, {size}",
            f"  %straight.{j} = getelementptr i8, ptr %values, i64 %skip.{j}",
            f"  %aside.{j} = getelementptr i8, ptr %scratch, i64 {places[len(operands) + j]}",
            f"  %result.{j} = select i1 %by.write, ptr %aside.{j}, ptr %straight.{j}",
            f"  %out.{j}.place = getelementptr ptr, ptr %outs, i64 {j}",
            f"  store ptr %result.{j}, ptr %out.{j}.place",
        ]
    lines.append("  br i1 %by.read, label %gather, label %compute\ngather:")
    place = "%first.read"
    for j, operand in enumerate(operands):
        if operand.batched:
            length = len(operand.scalars)
            lines += [
                f"  %length.{j} = mul i64 %samples, {length}",
                f"  call void @read.{BYTES[operand.dtype]}(ptr %copy.{j}, ptr %buffer.{j}, ptr %reads, i64 {place}, "
                f"i64 %length.{j})",
                f"  %place.{j} = add i64 {place}, %length.{j}",
            ]
            place = f"%place.{j}"
    lines.append("  br label %compute\ncompute:")
    lines.append(f"  %status = call i32 @{symbol(k)}(ptr %ins, ptr %outs, i64 0, i64 %samples)")
    lines.append("  br i1 %by.write, label %scatter, label %done\nscatter:")
    place = "%first.write"
    for j, result in enumerate(results):
        length = len(result.entries)
        lines += [
            f"  %count.{j} = mul i64 %samples, {length}",
            f"  call void @write.{BYTES[result.dtype]}(ptr %aside.{j}, ptr %values, ptr %writes, i64 {place}, "
            f"i64 %count.{j})",
            f"  %target.{j} = add i64 {place}, %count.{j}",
        ]
        place = f"%target.{j}"
    lines.append("  br label %done\ndone:\n  ret i32 %status")
    head = f"define internal i32 @task.{k}(ptr %in, ptr %values, ptr %task, ptr %reads, ptr %writes) #0 {{\nentry:"
    return "\n".join([head, *lines, "}"])


def _copying(name: str, table: str, size: int) -> str:
    """``@read.size(to, from, reads, first, n)``: ``to[k] = from[reads[first + k]]``; ``@write.size`` the other way
    round, ``from[writes[first + k]] = to[k]``, and negative places are left out.
    """
    element = f"i{8 * size}"
    if name == "read":
        body = f"""  %source = getelementptr {element}, ptr %array, i64 %index
  %value = load {element}, ptr %source, align {size}
  %target = getelementptr {element}, ptr %row, i64 %k
  store {element} %value, ptr %target, align {size}
  br label %again"""
    else:
        body = f"""  %kept = icmp sge i64 %index, 0
  br i1 %kept, label %store, label %again
store:
  %source = getelementptr {element}, ptr %row, i64 %k
  %value = load {element}, ptr %source, align {size}
  %target = getelementptr {element}, ptr %array, i64 %index
  store {element} %value, ptr %target, align {size}
  br label %again"""
    return f"""
define internal void @{name}.{size}(ptr %row, ptr %array, ptr %{table}, i64 %first, i64 %n) #0 {{
entry:
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %loop, label %done
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %again ]
  %at = add i64 %first, %k
  %place = getelementptr i32, ptr %{table}, i64 %at
  %short = load i32, ptr %place
  %index = sext i32 %short to i64
{body}
again:
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
