"""Writing LLVM IR as text: faster than building it as objects, and readable in a test's failure message."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

ELEMENT = {
    "float32": "float",
    "float64": "double",
    "bool": "i1",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "i8",
    "uint16": "i16",
    "uint32": "i32",
    "uint64": "i64",
}
"""LLVM's element type in a register.  In memory a bool is an ``i8``."""

BYTES = {name: np.dtype(name).itemsize for name in ELEMENT}


def memory_element(dtype: str) -> str:
    """LLVM's element type in memory."""
    return "i8" if dtype == "bool" else ELEMENT[dtype]


def literal(value: object, dtype: str) -> str:
    """A constant in LLVM's notation; floats as their exact bits."""
    if dtype == "bool":
        return "true" if value else "false"
    if dtype in ("float32", "float64"):
        with np.errstate(all="ignore"):
            exact = float(np.dtype(dtype).type(value))
        return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"
    return str(int(value))  # type: ignore[call-overload]


class Writer:
    """The lines of one function body.  Every helper returns the name of the value it defined.

    Attributes:
        lanes: Entries of a vector.
        lines: What is written.
        here: The current basic block.
    """

    def __init__(self, lanes: int, prefix: str = "v") -> None:
        self.lanes = lanes
        self.lines: list[str] = []
        self.here = "entry"
        self._prefix = prefix
        self._count = 0

    def vector(self, dtype: str) -> str:
        """The vector type of a value, one lane per sample."""
        return f"<{self.lanes} x {ELEMENT[dtype]}>"

    def constant(self, value: object, dtype: str) -> str:
        """The same number in all lanes."""
        return f"splat ({ELEMENT[dtype]} {literal(value, dtype)})"

    def let(self, expression: str) -> str:
        """Define a value."""
        name = f"%{self._prefix}{self._count}"
        self._count += 1
        self.lines.append(f"  {name} = {expression}")
        return name

    def do(self, statement: str) -> None:
        """An instruction without a value."""
        self.lines.append("  " + statement)

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.here = name
        self.lines.append(f"{name}:")

    def block(self) -> None:
        """Go on in a new basic block."""
        name = self.new_label("block")
        self.do(f"br label %{name}")
        self.label(name)

    def new_label(self, kind: str) -> str:
        """A name for a block that no other has."""
        self._count += 1
        return f"{self._prefix}{kind}{self._count - 1}"

    def call(self, function: str, result: str, args: Sequence[tuple[str, str]]) -> str:
        """Call a function with typed arguments."""
        return self.let(f"call {result} @{function}({', '.join(f'{t} {v}' for t, v in args)})")

    def intrinsic(self, name: str, dtype: str, args: Sequence[str], flags: str = "") -> str:
        """Call LLVM's intrinsic ``name`` for vectors of one type."""
        vector = self.vector(dtype)
        suffix = f"v{self.lanes}{'f' if dtype.startswith('float') else 'i'}{BYTES[dtype] * 8}"
        typed = ", ".join(f"{vector} {a}" for a in args)
        return self.let(f"call {flags} {vector} @llvm.{name}.{suffix}({typed})")

    def select(self, dtype: str, condition: str, yes: str, no: str) -> str:
        """Lane by lane one of two vectors."""
        vector = self.vector(dtype)
        return self.let(f"select {self.vector('bool')} {condition}, {vector} {yes}, {vector} {no}")

    def at(self, pointer: str, offset: int | str) -> str:
        """A pointer ``offset`` bytes further."""
        return pointer if offset == 0 else self.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def shuffle(self, element: str, lanes: int, first: str, second: str, mask: Sequence[int]) -> str:
        """Lanes of two vectors of ``lanes`` entries, picked by ``mask``."""
        vector = f"<{lanes} x {element}>"
        picks = ", ".join(f"i32 {m}" for m in mask)
        return self.let(f"shufflevector {vector} {first}, {vector} {second}, <{len(mask)} x i32> <{picks}>")
