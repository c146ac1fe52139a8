"""What the XLA handlers of all kernels on CUDA devices have in common, as one LLVM module that a process compiles once.

It exports ``ccjac.device.call(frame, table, kernel)``: answer a call of XLA's foreign function interface by launching
``kernel``, the driver's handle, on the call's stream, in blocks of as many threads as the table's third word says.  It
runs on the processor, and of the driver's functions calls the launch alone, or the name of the error that came of it.
"""

from __future__ import annotations

from ccjac.kernels.cpu.target import Target
from ccjac.kernels.gpu.launch import LAUNCH, LAUNCH_TEXT

from .abi import ApiVersion, constant, offset
from .frame import write_arguments, write_reader, write_reading

CALL = "ccjac.device.call"
LIBRARY_FUNCTIONS = ("snprintf",)
"""What the module needs of the C library."""

_MESSAGES = {
    "m.launch": "ccjac kernel: the CUDA driver refuses to launch it: %s (%d)",
    "m.unknown": "error of unknown name",
}
_MESSAGE_BYTES = 256


def write_common(target: Target, version: ApiVersion) -> str:
    """The module's text."""
    return "\n".join(
        [
            f'target triple = "{target.triple}"',
            write_reader(version, _MESSAGES),
            write_reading(CALL, _RUN),
            _STREAM,
            LAUNCH_TEXT,
            _REFUSED,
            "attributes #0 = { nounwind }",
        ]
    )


_RUN = f"""run:
  %stream.place = alloca ptr
  store ptr null, ptr %stream.place
  %error = call ptr @stream(ptr %api, ptr %context, ptr %stream.place)
  %found = icmp eq ptr %error, null
  br i1 %found, label %launch, label %lost
lost:
  ret ptr %error
launch:
  %stream = load ptr, ptr %stream.place
  %status = call i32 @{LAUNCH}(ptr %kernel, i64 %word, ptr %ins, i64 %n, i64 %batch, ptr %stream)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %done, label %bad
done:
  ret ptr null
bad:
  %refusal = call ptr @refused(ptr %api, i32 %status)
  ret ptr %refusal"""

_STREAM = f"""
define internal ptr @stream(ptr %api, ptr %context, ptr %to) #0 {{
entry:
{write_arguments("StreamGetArgs")}
  %context.place = getelementptr i8, ptr %args, i64 {offset("StreamGetArgs", "ctx")}
  store ptr %context, ptr %context.place
  %stream.place = getelementptr i8, ptr %args, i64 {offset("StreamGetArgs", "stream")}
  store ptr null, ptr %stream.place
  %place = getelementptr i8, ptr %api, i64 {offset("Api", "XLA_FFI_Stream_Get")}
  %ask = load ptr, ptr %place
  %error = call ptr %ask(ptr %args)
  %stream = load ptr, ptr %stream.place
  store ptr %stream, ptr %to
  ret ptr %error
}}"""

_REFUSED = f"""
declare i32 @cuGetErrorName(i32, ptr)
declare i32 @snprintf(ptr, i64, ptr, ...)
define internal ptr @refused(ptr %api, i32 %status) #0 {{
entry:
  %place = alloca ptr
  store ptr null, ptr %place
  %ignored = call i32 @cuGetErrorName(i32 %status, ptr %place)
  %found = load ptr, ptr %place
  %unknown = icmp eq ptr %found, null
  %name = select i1 %unknown, ptr @m.unknown, ptr %found
  %text = alloca [{_MESSAGE_BYTES} x i8]
  %length = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %text, i64 {_MESSAGE_BYTES}, ptr @m.launch, ptr %name,
    i32 %status)
  %error = call ptr @fail(ptr %api, i32 {constant("Error_Code_INTERNAL")}, ptr %text)
  ret ptr %error
}}"""
