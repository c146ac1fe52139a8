"""Register compiled kernels with XLA, if its foreign function interface is the one they were written for."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import threading
from pathlib import Path

import jax
import jax.ffi
import xxhash

from ccjac.kernels.cpu.jit import Code, compile_text
from ccjac.kernels.cpu.module import write_module
from ccjac.kernels.cpu.target import Target, address_of, math_library
from ccjac.kernels.layout import Layout
from ccjac.program import Program

from .call import CALL, LIBRARY_FUNCTIONS, ApiVersion, write_common
from .handler import HANDLER, write_handler

_lock = threading.Lock()
_registered: dict[str, Code] = {}
"""Every handler ever registered.  XLA has no way to take one back, so its code lives as long as the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

_BEGIN = "size_t struct_size; XLA_FFI_Extension_Base* extension_start; "
# The structs that the handler reads and writes, as in the C header.  A release that changes one gets no kernels.
_STRUCTS = {
    "XLA_FFI_Extension_Base": "size_t struct_size; XLA_FFI_Extension_Type type; struct XLA_FFI_Extension_Base* next;",
    "XLA_FFI_Api_Version": _BEGIN + "int major_version; int minor_version;",
    "XLA_FFI_Error_Create_Args": _BEGIN + "const char* message; XLA_FFI_Error_Code errc;",
    "XLA_FFI_Error_Destroy_Args": _BEGIN + "XLA_FFI_Error* error;",
    "XLA_FFI_Buffer": _BEGIN + "XLA_FFI_DataType dtype; void* data; int64_t rank; int64_t* dims;",
    "XLA_FFI_Args": _BEGIN + "int64_t size; XLA_FFI_ArgType* types; void** args;",
    "XLA_FFI_Rets": _BEGIN + "int64_t size; XLA_FFI_RetType* types; void** rets;",
    "XLA_FFI_TypeId": "int64_t type_id;",
    "XLA_FFI_ThreadPool_Schedule_Args": _BEGIN + "XLA_FFI_ExecutionContext* ctx; XLA_FFI_Task* task; void* data;",
    "XLA_FFI_ThreadPool_NumThreads_Args": _BEGIN + "XLA_FFI_ExecutionContext* ctx; int64_t* num_threads;",
    "XLA_FFI_Metadata": "size_t struct_size; XLA_FFI_Api_Version api_version; XLA_FFI_Handler_Traits traits; "
    "XLA_FFI_TypeId state_type_id;",
    "XLA_FFI_Metadata_Extension": "XLA_FFI_Extension_Base extension_base; XLA_FFI_Metadata* metadata;",
}
_CALL_FRAME = (
    _BEGIN + "const XLA_FFI_Api* api; XLA_FFI_ExecutionContext* ctx; "
    "XLA_FFI_ExecutionStage stage; XLA_FFI_Args args; XLA_FFI_Rets rets;"
)
_API_FUNCTIONS = {0: "Error_Create", 2: "Error_Destroy", 11: "ThreadPool_Schedule", 12: "ThreadPool_NumThreads"}
_CONSTANTS = {
    "XLA_FFI_Extension_Metadata": 1,
    "XLA_FFI_ExecutionStage_EXECUTE": 3,
    "XLA_FFI_Error_Code_INVALID_ARGUMENT": 3,
    "XLA_FFI_Error_Code_RESOURCE_EXHAUSTED": 8,
    "XLA_FFI_DataType_PRED": 1,
    "XLA_FFI_DataType_S32": 4,
    "XLA_FFI_DataType_S64": 5,
    "XLA_FFI_DataType_F32": 11,
    "XLA_FFI_DataType_F64": 12,
}


@functools.cache
def interface() -> ApiVersion | str:
    """The installed jaxlib's version of the interface, or why kernels cannot use it."""
    try:
        header = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h").read_text(encoding="utf-8")
    except (AttributeError, OSError) as error:
        return f"the installed jaxlib has no readable header of its foreign function interface ({error})"
    return read_interface(header)


def read_interface(header: str) -> ApiVersion | str:
    """Compare a ``c_api.h`` with the structs that the handler is written for.

    Returns:
        The version to answer XLA with, or the first difference.
    """
    text = " ".join(re.sub(r"/\*.*?\*/|//[^\n]*", " ", header, flags=re.DOTALL).split())
    version: list[int] = []
    for name in ("MAJOR", "MINOR"):
        found = re.search(rf"#define XLA_FFI_API_{name} (\d+)", text)
        if found is None:
            return f"jaxlib's c_api.h does not define XLA_FFI_API_{name}"
        version.append(int(found[1]))
    label = f"the installed jaxlib's foreign function interface {version[0]}.{version[1]}"
    for name, fields in _STRUCTS.items():
        if _struct(text, name) != fields:
            return f"{label} has another struct {name} than kernels are written for"
    if not _struct(text, "XLA_FFI_CallFrame").startswith(_CALL_FRAME):
        return f"{label} has another struct XLA_FFI_CallFrame than kernels are written for"
    api = _struct(text, "XLA_FFI_Api")
    fields = _BEGIN + "XLA_FFI_Api_Version api_version; "
    functions = re.findall(r"_XLA_FFI_API_STRUCT_FIELD\(XLA_FFI_(\w+)\)", api)
    if not api.startswith(fields + "const XLA_FFI_InternalApi* internal_api; _XLA_FFI_API_STRUCT_FIELD"):
        return f"{label} has another struct XLA_FFI_Api than kernels are written for"
    if any(functions[k : k + 1] != [name] for k, name in _API_FUNCTIONS.items()):
        return f"{label} has other functions in XLA_FFI_Api than kernels are written for"
    for name, value in _CONSTANTS.items():
        if not re.search(rf"\b{name} = {value}\b", text):
            return f"{label} has another value of {name} than {value}"
    return ApiVersion(*version)


def _struct(text: str, name: str) -> str:
    """The fields of a struct, comments and line breaks removed; empty if it is missing."""
    found = re.search(rf"struct {name} \{{ (.*?) \}}", text)
    return found[1] if found else ""


def register(program: Program, layout: Layout, *, single: bool = False, fastmath: bool = False) -> str:
    """Compile a kernel unless this process has it already, and register its handler with XLA.

    Args:
        program: The computation.
        layout: Where its scalars lie.
        single: Generate scalar code: right for any batch, and faster for one or two samples.
        fastmath: See :func:`ccjac.kernels.compile_kernel`.

    Returns:
        The custom call's target name.  It is made from the code and the processor alone: another process that traces
        the same function registers the same name, and a computation from a persistent cache finds its kernel there.

    Raises:
        RuntimeError: :func:`interface` gives a reason against kernels.
    """
    version = interface()
    if isinstance(version, str):
        raise RuntimeError(version)
    target = Target.host()
    module = write_module(
        program,
        layout,
        target,
        fastmath=fastmath,
        lanes=1 if single else None,
        extra=lambda n: write_handler(program, layout, n),
    )
    identity = "\n".join((module.text, target.cpu, target.features))
    # `jax.export` refuses custom calls, for their code stays behind.  Its message quotes the name: let that say more.
    name = f"ccjac_kernel_{xxhash.xxh3_128_hexdigest(identity.encode())}__to_export_use_executor_ops"
    with _lock:
        if name not in _registered:
            addresses = module.addresses | {CALL: _common(target, version).entries[CALL]}
            code = compile_text(module.text, addresses, target, (HANDLER,), effort=2)
            handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(code.entries[HANDLER])
            jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")
            _registered[name] = code
    return name


@functools.cache
def _common(target: Target, version: ApiVersion) -> Code:
    """What all handlers share; compiled by the first one."""
    found = {name: address_of(math_library(), name) for name in LIBRARY_FUNCTIONS}
    addresses = {name: address for name, address in found.items() if address is not None}
    return compile_text(write_common(target, version), addresses, target, (CALL,), effort=2)
