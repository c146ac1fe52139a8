"""XLA's threads as the pool of :mod:`ccjac.kernels.cpu.pieces`: two pointers, XLA's functions and a call's context."""

from __future__ import annotations

from ccjac.kernels.cpu.pieces import write_pieces
from ccjac.kernels.cpu.target import Target

from .abi import offset
from .frame import write_arguments


def write_threads(target: Target) -> str:
    """``@parallel(pool, kernel, piece, in, out, batch)`` and what it needs."""
    return write_pieces(target) + _POOL


_LOAD = """  %api = load ptr, ptr %pool
  %context.in.pool = getelementptr i8, ptr %pool, i64 8
  %context = load ptr, ptr %context.in.pool"""

_POOL = f"""
define internal i64 @pool.threads(ptr %pool) #0 {{
entry:
{_LOAD}
  %number = alloca i64
  store i64 1, ptr %number
{write_arguments("NumThreadsArgs")}
  %context.place = getelementptr i8, ptr %args, i64 {offset("NumThreadsArgs", "ctx")}
  store ptr %context, ptr %context.place
  %number.place = getelementptr i8, ptr %args, i64 {offset("NumThreadsArgs", "num_threads")}
  store ptr %number, ptr %number.place
  %place = getelementptr i8, ptr %api, i64 {offset("Api", "XLA_FFI_ThreadPool_NumThreads")}
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

define internal i1 @pool.schedule(ptr %pool, ptr %state, i64 %threads) #0 {{
entry:
{_LOAD}
{write_arguments("ScheduleArgs")}
  %context.place = getelementptr i8, ptr %args, i64 {offset("ScheduleArgs", "ctx")}
  store ptr %context, ptr %context.place
  %task.place = getelementptr i8, ptr %args, i64 {offset("ScheduleArgs", "task")}
  store ptr @task, ptr %task.place
  %data.place = getelementptr i8, ptr %args, i64 {offset("ScheduleArgs", "data")}
  store ptr %state, ptr %data.place
  %place = getelementptr i8, ptr %api, i64 {offset("Api", "XLA_FFI_ThreadPool_Schedule")}
  %schedule = load ptr, ptr %place
  %error = call ptr %schedule(ptr %args)
  %good = icmp eq ptr %error, null
  br i1 %good, label %taken, label %refused
taken:
  ret i1 true
refused:
  call void @forget(ptr %api, ptr %error)
  ret i1 false
}}

define internal void @forget(ptr %api, ptr %error) #0 {{
entry:
{write_arguments("DestroyArgs")}
  %error.place = getelementptr i8, ptr %args, i64 {offset("DestroyArgs", "error")}
  store ptr %error, ptr %error.place
  %place = getelementptr i8, ptr %api, i64 {offset("Api", "XLA_FFI_Error_Destroy")}
  %destroy = load ptr, ptr %place
  call void %destroy(ptr %args)
  ret void
}}"""
