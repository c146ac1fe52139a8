"""The comparison of XLA's header with the handlers' declaration: layouts decide, names of types do not."""

from __future__ import annotations

import re
from pathlib import Path

import jax
import pytest

from ccjac_jax.xla.abi import ApiVersion, constant, offset, read_interface, struct_size
from ccjac_jax.xla.c_header import Header


def installed() -> str:
    return Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h").read_text(encoding="utf-8")


def test_the_installed_header_is_the_one_that_handlers_are_written_for():
    version = read_interface(installed())
    found = {name: int(re.search(rf"XLA_FFI_API_{name} (\d+)", installed())[1]) for name in ("MAJOR", "MINOR")}
    assert version == ApiVersion(found["MAJOR"], found["MINOR"])


def test_offsets_follow_the_rules_of_c():
    # Counted by hand: pointers and sizes take 8 bytes, enumerations 4, and everything lies at a multiple of its size.
    assert offset("CallFrame", "api") == 16
    assert offset("CallFrame", "stage") == 32
    assert offset("CallFrame", "args", "size") == 40 + 16
    assert offset("CallFrame", "rets", "rets") == 80 + 32
    assert offset("Buffer", "data") == 24
    assert offset("Metadata", "api_version", "minor_version") == 8 + 20
    assert offset("Metadata", "state_type_id", "type_id") == 40
    assert offset("Api", "XLA_FFI_ThreadPool_NumThreads") == 48 + 8 * 12
    assert offset("Api", "XLA_FFI_Stream_Get") == 48 + 8 * 4
    # Without the padding behind the last field.
    assert struct_size("CreateArgs") == 28
    assert constant("DataType_F64") == 12


# Structs and types as releases from 0.8 to 0.12 call them.
TYPES = [
    "XLA_FFI_Extension_Base",
    "XLA_FFI_InternalExtension",
    "XLA_FFI_ExecutionContext",
    "XLA_FFI_InvokeContext",
    "XLA_FFI_Extension_Type",
    "XLA_FFI_InternalExtension_Type",
    "XLA_FFI_Handler_Traits",
    "XLA_FFI_CallFrame",
    "XLA_FFI_Api_Version",
]


@pytest.mark.parametrize("name", TYPES)
def test_a_renamed_type_is_no_change(name):
    renamed = re.sub(rf"\b{name}\b", f"{name}_Renamed", installed())
    assert read_interface(renamed) == read_interface(installed())


def test_another_function_of_the_interface_may_be_renamed_and_more_may_follow():
    text = re.sub(r"\bXLA_FFI_State_Set\b", "XLA_FFI_State_Put", installed())
    text = text.replace("};\n\n#undef", "  _XLA_FFI_API_STRUCT_FIELD(XLA_FFI_State_Get);\n};\n\n#undef")
    assert text != installed()
    assert read_interface(text) == read_interface(installed())


def test_structs_that_xla_hands_over_may_grow_and_those_that_handlers_make_may_not():
    grown = installed().replace("int64_t* dims;", "int64_t* dims;\n  int64_t* strides;")
    assert grown != installed()
    assert read_interface(grown) == read_interface(installed())
    larger = installed().replace("XLA_FFI_Error_Code errc;", "XLA_FFI_Error_Code errc;\n  void* payload;")
    assert "another struct XLA_FFI_Error_Create_Args" in read_interface(larger)
    # Inside another struct a longer one would move what follows.
    inner = installed().replace(
        "XLA_FFI_ArgType* types;  // length == size\n  void** args;",
        "XLA_FFI_ArgType* types;\n  void** args; int64_t flags;",
    )
    assert inner != installed()
    assert "another struct XLA_FFI_" in read_interface(inner)


def test_comments_line_breaks_and_spaces_are_no_change():
    text = re.sub(r"//[^\n]*", "", installed()).replace(";\n", ";  /* note; struct X { int y; } */\n\n")
    text = text.replace("XLA_FFI_ExecutionStage stage;", "XLA_FFI_ExecutionStage\n    stage ;")
    assert read_interface(text) == read_interface(installed())


CHANGES = {
    "struct XLA_FFI_Buffer": ("int64_t rank;", "int32_t rank;"),
    "rank where data was": ("void* data;\n  int64_t rank;", "int64_t rank;\n  void* data;"),
    "dims leads to": ("int64_t* dims;", "int32_t* dims;"),
    "struct XLA_FFI_Args": ("XLA_FFI_ArgType* types;", ""),
    "args is another pointer": ("void** args;", "void* args;"),
    "struct XLA_FFI_CallFrame": ("ctx;\n  XLA_FFI_ExecutionStage stage;\n  XLA_FFI_Args", "ctx;\n  XLA_FFI_Args"),
    "where XLA_FFI_ThreadPool_Schedule was": ("_XLA_FFI_API_STRUCT_FIELD(XLA_FFI_State_Get);", ""),
    "struct XLA_FFI_Api": ("const XLA_FFI_InternalApi* internal_api;", ""),
    "another value of XLA_FFI_DataType_F32 than 11": ("XLA_FFI_DataType_F32 = 11", "XLA_FFI_DataType_F32 = 12"),
    "XLA_FFI_API_MINOR": ("#define XLA_FFI_API_MINOR", "#define XLA_FFI_API_PATCH"),
    "no function type XLA_FFI_Handler": ("XLA_FFI_Handler(", "XLA_FFI_Callback("),
    "another function type XLA_FFI_Task": (
        "typedef void XLA_FFI_Task(void* data)",
        "typedef void XLA_FFI_Task(int data)",
    ),
    "no struct XLA_FFI_Buffer": ("struct XLA_FFI_Buffer {", "struct XLA_FFI_Buffer_ {"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_interface_is_refused_with_its_difference(what):
    before, after = CHANGES[what]
    assert before in installed()
    reason = read_interface(installed().replace(before, after))
    assert isinstance(reason, str)
    assert what in reason


def test_a_header_without_anything_is_refused():
    assert "does not define" in read_interface("")


def test_structs_by_hand():
    header = Header("""
        #define NUMBER 7
        #define FIELD(t) t* t
        typedef enum { A = 3, B, C = 0x10 } Kind;
        enum Wide : int64_t { D };
        typedef uint32_t Bits; typedef struct Point Point;
        struct Point { char tag; double x; Kind kind; Wide wide; Bits bits; FIELD(Point); const struct Point** next; };
        struct Odd { int x[3]; };
        typedef struct Pair { struct Point a; char b; } Pair;
    """)
    point = header.struct("Point")
    assert [(f.name, f.offset, f.size, f.stars) for f in point.fields] == [
        ("tag", 0, 1, 0),
        ("x", 8, 8, 0),
        ("kind", 16, 4, 0),
        ("wide", 24, 8, 0),
        ("bits", 32, 4, 0),
        ("Point", 40, 8, 1),
        ("next", 48, 8, 2),
    ]
    assert (point.size, point.align) == (56, 8)
    assert (header.struct("Pair").size, header.struct("Pair").used) == (64, 57)
    assert header.constants == {"NUMBER": 7, "A": 3, "B": 4, "C": 16, "D": 0}
    assert header.struct("Odd") is None
    assert header.struct("Nowhere") is None
