"""XLA's foreign function interface as the kernels' handlers use it: one declaration, from which their offsets are made.

The interface is a C header of plain structs (``xla/ffi/api/c_api.h``).  :func:`read_interface` compares what the header
of the installed jaxlib says with the declaration here: where every field lies, what it is and what it points to.  Names
of types may change from release to release, and structs that XLA hands over may grow; nothing else may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .c_header import Field, Header

_DECLARATION = """
struct Extension { size_t struct_size; XLA_FFI_Extension_Type type; Extension* next; };
struct Version { size_t struct_size; Extension* extension_start; int major_version; int minor_version; };
struct TypeId { int64_t type_id; };

struct Buffer {
  size_t struct_size; Extension* extension_start;
  XLA_FFI_DataType dtype; void* data; int64_t rank; int64_t* dims;
};
struct Args { size_t struct_size; Extension* extension_start; int64_t size; XLA_FFI_ArgType* types; void** args; };
struct Rets { size_t struct_size; Extension* extension_start; int64_t size; XLA_FFI_RetType* types; void** rets; };

typedef void Task(void* data);
struct CreateArgs { size_t struct_size; Extension* extension_start; char* message; XLA_FFI_Error_Code errc; };
struct DestroyArgs { size_t struct_size; Extension* extension_start; Error* error; };
struct ScheduleArgs { size_t struct_size; Extension* extension_start; Context* ctx; Task* task; void* data; };
struct StreamGetArgs { size_t struct_size; Extension* extension_start; Context* ctx; void* stream; };
struct NumThreadsArgs { size_t struct_size; Extension* extension_start; Context* ctx; int64_t* num_threads; };
typedef Error* Create(CreateArgs* args);
typedef void Destroy(DestroyArgs* args);
typedef Error* Schedule(ScheduleArgs* args);
typedef Error* NumThreads(NumThreadsArgs* args);
typedef Error* StreamGet(StreamGetArgs* args);
struct Api {
  size_t struct_size; Extension* extension_start; Version api_version; InternalApi* internal_api;
  Create* XLA_FFI_Error_Create; void* _1; Destroy* XLA_FFI_Error_Destroy;
  void* _3; StreamGet* XLA_FFI_Stream_Get; void* _5; void* _6; void* _7; void* _8; void* _9; void* _10;
  Schedule* XLA_FFI_ThreadPool_Schedule; NumThreads* XLA_FFI_ThreadPool_NumThreads;
};

struct CallFrame {
  size_t struct_size; Extension* extension_start;
  Api* api; Context* ctx; XLA_FFI_ExecutionStage stage; Args args; Rets rets;
};
typedef Error* XLA_FFI_Handler(CallFrame* call_frame);

struct Metadata { size_t struct_size; Version api_version; uint32_t traits; TypeId state_type_id; };
struct MetadataExtension { Extension extension_base; Metadata* metadata; };

enum XLA_FFI_Extension_Type { XLA_FFI_Extension_Metadata = 1 };
enum XLA_FFI_ExecutionStage { XLA_FFI_ExecutionStage_EXECUTE = 3 };
enum XLA_FFI_ArgType { XLA_FFI_ArgType_BUFFER = 1 };
enum XLA_FFI_RetType { XLA_FFI_RetType_BUFFER = 1 };
enum XLA_FFI_Error_Code {
  XLA_FFI_Error_Code_INVALID_ARGUMENT = 3, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED = 8, XLA_FFI_Error_Code_INTERNAL = 13
};
enum XLA_FFI_DataType {
  XLA_FFI_DataType_PRED = 1,
  XLA_FFI_DataType_S8 = 2, XLA_FFI_DataType_S16 = 3, XLA_FFI_DataType_S32 = 4, XLA_FFI_DataType_S64 = 5,
  XLA_FFI_DataType_U8 = 6, XLA_FFI_DataType_U16 = 7, XLA_FFI_DataType_U32 = 8, XLA_FFI_DataType_U64 = 9,
  XLA_FFI_DataType_F32 = 11, XLA_FFI_DataType_F64 = 12
};
"""
"""What the handlers read and write, in C, under names of our own.  Names that begin with ``XLA_FFI_`` and the names of
fields are the header's; a field whose name begins with an underscore is one that handlers pass over."""

_ROOTS = {"Buffer": "XLA_FFI_Buffer", "MetadataExtension": "XLA_FFI_Metadata_Extension"}
"""Structs that no typed pointer leads to.  All others are found from the type of a handler."""

_WRITTEN = frozenset({"CreateArgs", "DestroyArgs", "ScheduleArgs", "NumThreadsArgs", "StreamGetArgs"})
"""Structs that handlers make: a longer one would be read beyond its end."""

_OURS = Header(_DECLARATION)


def offset(struct: str, *path: str) -> int:
    """Where a field lies, in bytes; further names lead into structs that it contains."""
    total, name = 0, struct
    for step in path:
        found = _OURS.struct(name)
        assert found is not None
        field = found.field(step)
        total, name = total + field.offset, field.type
    return total


def struct_size(struct: str) -> int:
    """What a struct's field ``struct_size`` says."""
    found = _OURS.struct(struct)
    assert found is not None
    return found.used


def constant(name: str) -> int:
    """The value of an enumerator, named without ``XLA_FFI_``."""
    return _OURS.constants[f"XLA_FFI_{name}"]


@dataclass(frozen=True)
class ApiVersion:
    """Version of XLA's foreign function interface."""

    major: int
    minor: int


def read_interface(text: str) -> ApiVersion | str:
    """Compare a ``c_api.h`` with the declaration that the handlers are made from.

    Returns:
        The version to answer XLA with, or the first difference.
    """
    header = Header(text)
    version: list[int] = []
    for name in ("XLA_FFI_API_MAJOR", "XLA_FFI_API_MINOR"):
        if name not in header.constants:
            return f"jaxlib's c_api.h does not define {name}"
        version.append(header.constants[name])
    difference = next(_Comparison(header).differences(), None)
    if difference is not None:
        return f"the installed jaxlib's foreign function interface {version[0]}.{version[1]} has {difference}"
    return ApiVersion(*version)


class _Comparison:
    """A walk through both declarations, along their pointers."""

    def __init__(self, theirs: Header) -> None:
        self._theirs = theirs
        self._done: set[tuple[str, str, bool]] = set()

    def differences(self) -> Iterator[str]:
        """What would make a handler read or write something else than it means."""
        yield from self._function("XLA_FFI_Handler", "XLA_FFI_Handler")
        for ours, theirs in _ROOTS.items():
            yield from self._struct(ours, theirs, whole=False)
        for name, value in _OURS.constants.items():
            if (found := self._theirs.constants.get(name)) != value:
                yield f"another value of {name} than {value}: {found}"

    def _struct(self, ours: str, theirs: str, *, whole: bool) -> Iterator[str]:
        if (ours, theirs, whole) in self._done:
            return
        self._done.add((ours, theirs, whole))
        mine, other = _OURS.struct(ours), self._theirs.struct(theirs)
        assert mine is not None
        if other is None:
            yield f"no struct {theirs} that can be read"
            return
        changed = f"another struct {theirs} than kernels are written for"
        for a, b in zip(mine.fields, other.fields, strict=False):
            if not a.name.startswith("_") and a.name != b.name:
                yield f"{changed}: the field {b.name} where {a.name} was"
            if a.kind == b.kind and not a.name.startswith("_"):
                yield from self._target(a, b, changed)
            if (a.offset, a.size, a.kind) != (b.offset, b.size, b.kind):
                place = f"{b.kind} of {b.size} bytes at {b.offset}, not {a.kind} of {a.size} at {a.offset}"
                yield f"{changed}: {b.name} is {place}"
        if len(other.fields) < len(mine.fields) or ((whole or ours in _WRITTEN) and mine.size != other.size):
            yield f"{changed}: {len(other.fields)} fields of {other.size} bytes in all"

    def _target(self, a: Field, b: Field, changed: str) -> Iterator[str]:
        """Compare what two fields contain or point to; a pointer to what is not declared here may lead anywhere."""
        if a.stars != b.stars:
            yield f"{changed}: {b.name} is another pointer"
        elif _OURS.struct(a.type) is not None:
            yield from self._struct(a.type, b.type, whole=not a.stars)
        elif a.type in _OURS.functions:
            yield from self._function(a.type, b.type)
        elif (measured := _OURS.measure(a.type, 0)) is not None and measured != self._theirs.measure(b.type, 0):
            yield f"{changed}: {b.name} leads to {b.type}, not to {a.type}"

    def _function(self, ours: str, theirs: str) -> Iterator[str]:
        result, arguments = _OURS.functions[ours]
        if theirs not in self._theirs.functions:
            yield f"no function type {theirs} that can be read"
            return
        their_result, their_arguments = self._theirs.functions[theirs]
        same = result[1] == their_result[1] and [a[1] for a in arguments] == [b[1] for b in their_arguments]
        if not same or (not result[1] and result[0] != their_result[0]):
            yield f"another function type {theirs} than kernels are written for"
            return
        for (mine, _), (other, _) in zip(arguments, their_arguments, strict=True):
            if _OURS.struct(mine) is not None:
                yield from self._struct(mine, other, whole=False)
