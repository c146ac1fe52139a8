"""Launching a kernel, as machine code of the processor: one function for all frameworks.

``int32 ccjac.launch(kernel, threads, arrays, n, samples, stream)`` hands the ``n`` arrays and the number of samples to
a kernel with as many blocks as the batch needs, and returns the driver's answer, zero if all went well.  The driver
reads an argument where it is told that it lies: an array's address lies in ``arrays``.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

from ...errors import BackendError
from ..cpu.jit import Code, compile_text
from ..cpu.target import Target
from . import driver

LAUNCH = "ccjac.launch"
_MOST_BLOCKS = (1 << 31) - 1
_INVALID_VALUE = 1
"""``CUDA_ERROR_INVALID_VALUE``."""

LAUNCH_TEXT = f"""
declare i32 @cuLaunchKernel(ptr, i32, i32, i32, i32, i32, i32, i32, ptr, ptr, ptr)
define i32 @{LAUNCH}(ptr %kernel, i64 %threads, ptr %arrays, i64 %n, i64 %samples, ptr %stream) nounwind {{
entry:
  %number = alloca i64
  store i64 %samples, ptr %number
  %all = add i64 %n, 1
  %arguments = alloca ptr, i64 %all
  %last = getelementptr ptr, ptr %arguments, i64 %n
  store ptr %number, ptr %last
  %any = icmp ne i64 %n, 0
  br i1 %any, label %array, label %sized
array:
  %k = phi i64 [ 0, %entry ], [ %next, %array ]
  %place = getelementptr ptr, ptr %arguments, i64 %k
  %address = getelementptr ptr, ptr %arrays, i64 %k
  store ptr %address, ptr %place
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %array, label %sized
sized:
  %up = sub i64 %threads, 1
  %sum = add i64 %samples, %up
  %blocks = udiv i64 %sum, %threads
  %empty = icmp eq i64 %blocks, 0
  br i1 %empty, label %nothing, label %some
nothing:
  ret i32 0
some:
  %few = icmp ule i64 %blocks, {_MOST_BLOCKS}
  br i1 %few, label %go, label %many
many:
  ret i32 {_INVALID_VALUE}
go:
  %grid = trunc i64 %blocks to i32
  %block = trunc i64 %threads to i32
  %answer = call i32 @cuLaunchKernel(ptr %kernel, i32 %grid, i32 1, i32 1, i32 %block, i32 1, i32 1, i32 0, ptr %stream,
    ptr %arguments, ptr null)
  ret i32 %answer
}}"""


def launch(kernel: int, threads: int, arrays: Sequence[int], samples: int, stream: int) -> None:
    """Launch a kernel from Python.

    Args:
        kernel: From :func:`ccjac.kernels.gpu.driver.load`.
        threads: Of a block.
        arrays: Addresses of the operands and the results on the device.
        samples: The size of the batch.
        stream: The driver's handle of a stream; 0 is the default one of the current context.

    Raises:
        BackendError: The driver refuses.
    """
    addresses = (ctypes.c_void_p * len(arrays))(*arrays)
    code = _launch()(kernel, threads, addresses, len(arrays), samples, stream)
    if code != 0:
        raise BackendError(f"a kernel of ccjac cannot be launched: {driver.name_of(code)}")


_PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_void_p,
)


@functools.cache
def _launch() -> ctypes._CFunctionType:
    return _PROTOTYPE(_code().entries[LAUNCH])


@functools.cache
def _code() -> Code:
    target = Target.host()
    text = f'target triple = "{target.triple}"\n{LAUNCH_TEXT}'
    return compile_text(text, driver.addresses(), target, (LAUNCH,), effort=2)
