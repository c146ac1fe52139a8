"""Transcendental functions on vectors: from the platform's vector math library, or lane by lane from the C library.

A vector function of glibc's libmvec follows the x86-64 vector function ABI: ``_ZGVeN16vv_powf`` is AVX-512 (``e``),
unmasked (``N``), 16 lanes, two vector arguments, of ``powf``.  Those of 64-bit Arm (``n``; glibc 2.38 and later) have a
calling convention that preserves more registers than a caller of the ordinary one expects; arguments and results are
where that has them.
"""

from __future__ import annotations

from collections.abc import Callable

from ...program.operations import OPERATIONS
from ..writer import BYTES, ELEMENT
from .target import Target, address_of, math_library, vector_library

C_NAME = {
    op: op
    for op in """acos acosh asin asinh atan atan2 atanh cbrt cos cosh erf erfc exp exp2 expm1 log log1p nextafter pow
    sin sinh tan tanh""".split()
} | {"rem": "fmod"}
"""The C function behind an operation; the float version has an ``f`` appended."""

# LLVM lowers operations that the processor lacks to calls of these.
_FROM_LOWERING = ("ceil", "floor", "rint", "round", "roundeven", "trunc", "fma", "fmax", "fmin")
_NATIVE_LANES = {"b": 16, "c": 32, "d": 32, "e": 64, "n": 16}


class Functions:
    """The functions that one module uses: their declarations, and the addresses of those that live outside."""

    def __init__(self, target: Target, lanes: int) -> None:
        self.target = target
        self.lanes = lanes
        self.addresses: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._symbols: dict[tuple[str, str], str] = {}
        for name in _FROM_LOWERING:
            for suffix in ("", "f"):
                self._locate(name + suffix)
        for name in ("memcpy", "memset", "malloc", "free"):
            self._locate(name)

    def symbol(self, op: str, dtype: str) -> str:
        """The vector function for an operation on ``dtype``."""
        key = (op, dtype)
        if key not in self._symbols:
            self._symbols[key] = self._vector(op, dtype) or self._by_lane(op, dtype)
        return self._symbols[key]

    def define(self, name: str, text: Callable[[], str]) -> str:
        """Add a function of the module's own, once; returns its name."""
        if name not in self._texts:
            self._texts[name] = text()
        return name

    def text(self) -> str:
        """Declarations and helper functions for the module."""
        return "\n".join(self._texts.values())

    def _locate(self, name: str) -> None:
        if (address := address_of(math_library(), name)) is not None:
            self.addresses[name] = address

    def _vector(self, op: str, dtype: str) -> str | None:
        letter = self.target.vector_math
        if not letter:
            return None
        arity = OPERATIONS[op].arity or 1
        native = _NATIVE_LANES[letter] // BYTES[dtype]
        c_name = C_NAME[op] + ("f" if dtype == "float32" else "")
        name = f"_ZGV{letter}N{native}{'v' * arity}_{c_name}"
        address = address_of(vector_library(), name)
        if address is None or self.lanes % native:
            return None
        self.addresses[name] = address
        part, whole = f"<{native} x {ELEMENT[dtype]}>", f"<{self.lanes} x {ELEMENT[dtype]}>"
        self._texts[name] = f"declare {part} @{name}({', '.join([part] * arity)}) #1"
        if native == self.lanes:
            return name
        wrapper = f"split.{op}.{dtype}"
        lines = [f"define internal {whole} @{wrapper}({', '.join(f'{whole} %a{k}' for k in range(arity))}) #0 {{"]
        pieces: list[str] = []
        for start in range(0, self.lanes, native):
            picks = ", ".join(f"i32 {start + k}" for k in range(native))
            for k in range(arity):
                lines.append(
                    f"  %a{k}.{start} = shufflevector {whole} %a{k}, {whole} poison, <{native} x i32> <{picks}>"
                )
            args = ", ".join(f"{part} %a{k}.{start}" for k in range(arity))
            lines.append(f"  %r{start} = call {part} @{name}({args})")
            pieces.append(f"%r{start}")
        width = native
        while len(pieces) > 1:
            joined: list[str] = []
            picks = ", ".join(f"i32 {k}" for k in range(2 * width))
            vector = f"<{width} x {ELEMENT[dtype]}>"
            for a, b in zip(pieces[::2], pieces[1::2], strict=True):
                lines.append(f"  {a}.{width} = shufflevector {vector} {a}, {vector} {b}, <{2 * width} x i32> <{picks}>")
                joined.append(f"{a}.{width}")
            pieces, width = joined, 2 * width
        lines += [f"  ret {whole} {pieces[0]}", "}"]
        self._texts[wrapper] = "\n".join(lines)
        return wrapper

    def _by_lane(self, op: str, dtype: str) -> str:
        arity = OPERATIONS[op].arity or 1
        c_name = C_NAME[op] + ("f" if dtype == "float32" else "")
        self._locate(c_name)
        element, vector = ELEMENT[dtype], f"<{self.lanes} x {ELEMENT[dtype]}>"
        self._texts[c_name] = f"declare {element} @{c_name}({', '.join([element] * arity)}) #1"
        name = f"lanes.{op}.{dtype}"
        lines = [f"define internal {vector} @{name}({', '.join(f'{vector} %a{k}' for k in range(arity))}) #0 {{"]
        result = "poison"
        for lane in range(self.lanes):
            for k in range(arity):
                lines.append(f"  %x{k}.{lane} = extractelement {vector} %a{k}, i32 {lane}")
            args = ", ".join(f"{element} %x{k}.{lane}" for k in range(arity))
            lines.append(f"  %y{lane} = call {element} @{c_name}({args})")
            lines.append(f"  %r{lane} = insertelement {vector} {result}, {element} %y{lane}, i32 {lane}")
            result = f"%r{lane}"
        lines += [f"  ret {vector} {result}", "}"]
        self._texts[name] = "\n".join(lines)
        return name
