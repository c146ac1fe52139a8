"""Threads of the library's own for kernels whose framework lends none, in machine code from end to end.

The threads are started when a large batch first asks for them, and wait for work in the C library, without Python's
lock.  A barrier such as OpenMP's makes every call wait for the slowest thread, which on a busy machine may not even
run: there a batch took ten times as long on two threads as on one.  Here a call never waits for a thread that has not
begun.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading

from .jit import Code, compile_text
from .pieces import LIBRARY_FUNCTIONS, pieces_symbols, write_pieces
from .target import Target, address_of

SCHEDULE = "ccjac.pool.schedule"
"""Symbol of ``i1 schedule(task, state, threads)``: whether one of ``threads - 1`` threads will run ``task(state)``."""

_PTHREADS = {
    "pthread_mutex_init": "ptr, ptr",
    "pthread_mutex_lock": "ptr",
    "pthread_mutex_unlock": "ptr",
    "pthread_cond_init": "ptr, ptr",
    "pthread_cond_wait": "ptr, ptr",
    "pthread_cond_signal": "ptr",
    "pthread_create": "ptr, ptr, ptr, ptr",
    "pthread_detach": "i64",
}

# The pool's memory: 0 threads, 8 first and 16 behind the last of the ring's filled places, 64 mutex, 192 condition,
# 320 the ring of pairs (task, state).  The widest known mutex has 64 bytes, the widest condition 48.
_PLACES = 256
_BYTES = 320 + 16 * _PLACES
_MOST_THREADS = 256

_DECLARATIONS = "\n".join(f"declare i32 @{name}({types})" for name, types in _PTHREADS.items())

_POOL = f"""
@ccjac.pool = external global [{_BYTES} x i8]
{_DECLARATIONS}

define void @reset() #0 {{
entry:
  call void @llvm.memset.p0.i64(ptr @ccjac.pool, i8 0, i64 {_BYTES}, i1 false)
  %mutex = getelementptr i8, ptr @ccjac.pool, i64 64
  %condition = getelementptr i8, ptr @ccjac.pool, i64 192
  %a = call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  %b = call i32 @pthread_cond_init(ptr %condition, ptr null)
  ret void
}}

define internal ptr @worker(ptr %unused) #0 {{
entry:
  %mutex = getelementptr i8, ptr @ccjac.pool, i64 64
  %condition = getelementptr i8, ptr @ccjac.pool, i64 192
  %first.place = getelementptr i8, ptr @ccjac.pool, i64 8
  %last.place = getelementptr i8, ptr @ccjac.pool, i64 16
  %ring = getelementptr i8, ptr @ccjac.pool, i64 320
  br label %turn
turn:
  %a = call i32 @pthread_mutex_lock(ptr %mutex)
  br label %look
look:
  %first = load i64, ptr %first.place
  %last = load i64, ptr %last.place
  %empty = icmp eq i64 %first, %last
  br i1 %empty, label %wait, label %take
wait:
  %b = call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %look
take:
  %index = urem i64 %first, {_PLACES}
  %offset = mul i64 %index, 16
  %place = getelementptr i8, ptr %ring, i64 %offset
  %task = load ptr, ptr %place
  %state.place = getelementptr i8, ptr %place, i64 8
  %state = load ptr, ptr %state.place
  %next = add i64 %first, 1
  store i64 %next, ptr %first.place
  %c = call i32 @pthread_mutex_unlock(ptr %mutex)
  call void %task(ptr %state)
  br label %turn
}}

define i1 @{SCHEDULE}(ptr %task, ptr %state, i64 %threads) #0 {{
entry:
  %new = alloca i64
  %mutex = getelementptr i8, ptr @ccjac.pool, i64 64
  %condition = getelementptr i8, ptr @ccjac.pool, i64 192
  %first.place = getelementptr i8, ptr @ccjac.pool, i64 8
  %last.place = getelementptr i8, ptr @ccjac.pool, i64 16
  %ring = getelementptr i8, ptr @ccjac.pool, i64 320
  %a = call i32 @pthread_mutex_lock(ptr %mutex)
  %running = load i64, ptr @ccjac.pool
  %after = add i64 %running, 1
  %wanted = icmp slt i64 %after, %threads
  %possible = icmp slt i64 %running, {_MOST_THREADS}
  %start = and i1 %wanted, %possible
  br i1 %start, label %create, label %ready
create:
  %error = call i32 @pthread_create(ptr %new, ptr null, ptr @worker, ptr null)
  %good = icmp eq i32 %error, 0
  br i1 %good, label %created, label %ready
created:
  %id = load i64, ptr %new
  %b = call i32 @pthread_detach(i64 %id)
  store i64 %after, ptr @ccjac.pool
  br label %ready
ready:
  %now = load i64, ptr @ccjac.pool
  %some = icmp sgt i64 %now, 0
  %first = load i64, ptr %first.place
  %last = load i64, ptr %last.place
  %filled = sub i64 %last, %first
  %space = icmp slt i64 %filled, {_PLACES}
  %take = and i1 %some, %space
  br i1 %take, label %put, label %leave
put:
  %index = urem i64 %last, {_PLACES}
  %offset = mul i64 %index, 16
  %place = getelementptr i8, ptr %ring, i64 %offset
  store ptr %task, ptr %place
  %state.place = getelementptr i8, ptr %place, i64 8
  store ptr %state, ptr %state.place
  %next = add i64 %last, 1
  store i64 %next, ptr %last.place
  %c = call i32 @pthread_cond_signal(ptr %condition)
  br label %leave
leave:
  %d = call i32 @pthread_mutex_unlock(ptr %mutex)
  ret i1 %take
}}

define internal i64 @pool.threads(ptr %pool) #0 {{
  %threads = load i64, ptr %pool
  ret i64 %threads
}}

define internal i1 @pool.schedule(ptr %pool, ptr %state, i64 %threads) #0 {{
  %taken = call i1 @{SCHEDULE}(ptr @task, ptr %state, i64 %threads)
  ret i1 %taken
}}

define i32 @share(ptr %kernel, ptr %in, ptr %out, i64 %batch, i64 %piece, i64 %threads) #0 {{
  %pool = alloca i64
  store i64 %threads, ptr %pool
  %status = call i32 @parallel(ptr %pool, ptr %kernel, i64 %piece, ptr %in, ptr %out, i64 %batch)
  ret i32 %status
}}

declare ptr @malloc(i64)
declare void @free(ptr)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
attributes #0 = {{ nounwind }}"""

_lock = threading.Lock()
_memory: ctypes.Array[ctypes.c_char] = ctypes.create_string_buffer(_BYTES + 64)


@functools.cache
def _code() -> Code | None:
    """The pool's functions, or ``None`` where the C library has no threads of this kind."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    found = {name: address_of(library, name) for name in (*LIBRARY_FUNCTIONS, *_PTHREADS)}
    addresses = {name: address for name, address in found.items() if address is not None}
    if len(addresses) < len(found):
        return None
    place = -(-ctypes.addressof(_memory) // 64) * 64
    target = Target.host()
    text = f'target triple = "{target.triple}"\n{write_pieces(target)}\n{_POOL}'
    addresses |= pieces_symbols() | {"ccjac.pool": place}
    code = compile_text(text, addresses, target, ("reset", "share", SCHEDULE), effort=2)
    reset = ctypes.CFUNCTYPE(None)(code.entries["reset"])
    reset()
    # The threads run this code to the process's very end, after Python has taken its objects down.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_memory))
    if hasattr(os, "register_at_fork"):
        # A child has none of the threads, and another thread may have held the mutex.
        os.register_at_fork(after_in_child=reset)
    return code


def _shared() -> Code | None:
    with _lock:
        return _code()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def schedule_address() -> int | None:
    """Where :data:`SCHEDULE` lies, for the code of a framework's own entry; ``None`` where there are no threads."""
    code = _shared()
    return None if code is None else code.entries[SCHEDULE]


def run(kernel: int, operands: ctypes.Array, results: ctypes.Array, batch: int, piece: int, threads: int) -> int:
    """Compute a batch on several threads.

    Args:
        kernel: Address of ``int32 kernel(void** in, void** out, int64 begin, int64 end)``.
        operands, results: The arrays' addresses.
        batch: Samples.
        piece: Samples that a thread takes at a time.
        threads: How many threads work, the calling one among them.

    Returns:
        0, or what a piece returned instead.
    """
    code = _shared() if threads > 1 else None
    if code is None:
        prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        return prototype(kernel)(operands, results, 0, batch)
    share = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 3)(code.entries["share"])
    return share(kernel, operands, results, batch, piece, threads)
