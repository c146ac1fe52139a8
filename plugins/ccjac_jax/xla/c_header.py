"""Read a C header of plain structs: what lies where, whatever the types are called.

Enough of C for interfaces that promise a stable binary layout: structs of numbers, pointers, enumerations and other
structs, function types, and macros that name one field.  What else a header may hold is skipped, and a struct that
needs it has no layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBERS = {
    "char": (1, "char"),
    "bool": (1, "bool"),
    "int": (4, "signed"),
    "int32_t": (4, "signed"),
    "uint32_t": (4, "unsigned"),
    "int64_t": (8, "signed"),
    "uint64_t": (8, "unsigned"),
    "size_t": (8, "unsigned"),
    "float": (4, "floating"),
    "double": (8, "floating"),
}
"""Bytes and kind of C's numbers on all 64-bit platforms."""
POINTER = 8


@dataclass(frozen=True)
class Field:
    """One field of a struct.

    Attributes:
        name: As in the header.
        type: What it is, or what its pointers lead to, without qualifiers.
        stars: Levels of pointers.
        offset, size: In bytes.
        kind: ``"pointer"``, ``"enum"``, ``"struct"`` or the kind of number.
    """

    name: str
    type: str
    stars: int
    offset: int
    size: int
    kind: str


@dataclass(frozen=True)
class Struct:
    """A struct's fields, and its size with the padding at its end."""

    name: str
    fields: tuple[Field, ...]
    size: int
    align: int

    @property
    def used(self) -> int:
        """The size up to the end of the last field, as structs tell it that may grow."""
        return self.fields[-1].offset + self.fields[-1].size

    def field(self, name: str) -> Field:
        """The field of this name; ``KeyError`` if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"struct {self.name} has no field {name}")


class Header:
    """The declarations of a header.

    Attributes:
        constants: Values of all enumerators, and of macros that are a number.
        functions: For every function type its result and its arguments, each a type and its levels of pointers.
    """

    def __init__(self, text: str) -> None:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL).replace("\\\n", " ")
        macros = re.findall(r"^\s*#\s*define\s+(\w+)\((\w+)\)\s+(.*)$", text, flags=re.MULTILINE)
        numbers = re.findall(r"^\s*#\s*define\s+(\w+)\s+(\d+)\s*$", text, flags=re.MULTILINE)
        text = " ".join(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE).split())
        self._macros = {name: (parameter, body) for name, parameter, body in macros}
        self.constants = {name: int(value) for name, value in numbers}
        self._enums: dict[str, int | None] = {}
        for head, body, name in re.findall(r"\benum\b ?([^{};]*)\{([^{}]*)\} ?(\w*) ?;", text):
            self._read_enum(head, body, name)
        self._structs = dict(re.findall(r"\bstruct (\w+) ?\{([^{}]*)\}", text))
        self._aliases = {
            name: declared
            for declared, name in re.findall(r"\btypedef ((?:const |struct )*\w+(?: ?\*)*) ?\b(\w+) ?;", text)
            if declared.split()[-1] != name
        }
        self.functions = {
            name: (_typed(result), tuple(_declared(a)[1:] for a in arguments.split(",") if a.strip()))
            for result, name, arguments in re.findall(r"\btypedef ([\w ]+?[ *]+)(\w+) ?\(([^()]*)\) ?;", text)
        }

    def _read_enum(self, head: str, body: str, alias: str) -> None:
        name, _, underlying = head.partition(":")
        size = NUMBERS.get(underlying.strip(), (None, ""))[0] if underlying else 4
        for each in {name.strip(), alias} - {""}:
            self._enums[each] = size
        value = -1
        for item in filter(None, (part.strip() for part in body.split(","))):
            constant, _, given = item.partition("=")
            if given and not re.fullmatch(r"-?\d+|0x[0-9a-fA-F]+", given.strip()):
                return
            value = int(given.strip(), 0) if given else value + 1
            self.constants[constant.strip()] = value

    def struct(self, name: str) -> Struct | None:
        """A struct's layout by C's rules; ``None`` if it is not declared or holds what this reader does not know."""
        if name in self._aliases and name not in self._structs:
            base, stars = _typed(self._aliases[name])
            return None if stars else self.struct(base)
        if name not in self._structs:
            return None
        fields: list[Field] = []
        place, align = 0, 1
        for declaration in filter(None, (part.strip() for part in self._expanded(self._structs[name]).split(";"))):
            found = _declared(declaration)
            measured = self.measure(found[1], found[2]) if found[0] else None
            if measured is None:
                return None
            size, kind, own = measured
            place = -(-place // own) * own
            fields.append(Field(found[0], found[1], found[2], place, size, kind))
            place, align = place + size, max(align, own)
        return Struct(name, tuple(fields), -(-place // align) * align, align) if fields else None

    def measure(self, kind: str, stars: int) -> tuple[int, str, int] | None:
        """Size, kind and alignment of a type."""
        if stars:
            return POINTER, "pointer", POINTER
        if kind in NUMBERS:
            size, number = NUMBERS[kind]
            return size, number, size
        if kind in self._enums:
            length = self._enums[kind]
            return None if length is None else (length, "enum", length)
        if kind in self._aliases:
            return self.measure(*_typed(self._aliases[kind]))
        inner = self.struct(kind)
        return None if inner is None else (inner.size, "struct", inner.align)

    def _expanded(self, body: str) -> str:
        def replacement(match: re.Match[str]) -> str:
            if match[1] not in self._macros:
                return match[0]
            parameter, text = self._macros[match[1]]
            return re.sub(rf"\b{parameter}\b", match[2], text)

        return re.sub(r"\b(\w+)\((\w+)\)", replacement, body)


def _typed(text: str) -> tuple[str, int]:
    """``const struct X**`` as ``("X", 2)``."""
    words = [w for w in re.findall(r"\w+", text) if w not in ("const", "struct", "enum", "volatile")]
    return " ".join(words), text.count("*")


def _declared(text: str) -> tuple[str, str, int]:
    """Name, type and pointers of a declaration; an empty name if it is none of one plain variable."""
    found = re.fullmatch(r"((?:\w+ )*\w+)([ *](?:const|[ *])*)(\w+)", text.strip())
    if found is None:
        return "", "", 0
    base, stars = _typed(found[1] + found[2])
    return found[3], base, stars
