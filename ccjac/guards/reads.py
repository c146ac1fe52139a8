"""What a code object reads besides its arguments, from its instructions."""

from __future__ import annotations

import dis
import types
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

_LOADS_VARIABLE = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_LOADS_ATTRIBUTE = frozenset(
    {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM", "LOAD_FROM_DICT_OR_GLOBALS"}
)
_STORES = frozenset({"STORE_GLOBAL", "STORE_DEREF", "STORE_NAME", "STORE_ATTR"})
_IN_A_COUNTER = frozenset(
    {"LOAD_CONST", "LOAD_SMALL_INT", "LOAD_ATTR", "COPY", "SWAP", "BINARY_SUBSCR", "CACHE", "NOP", "EXTENDED_ARG"}
)
_MUTATORS = frozenset({"append", "appendleft", "add", "extend", "insert", "update", "clear", "discard"})
_REFLECTION = frozenset(
    {"getattr", "hasattr", "vars", "__dict__", "attrgetter", "asdict", "astuple", "fields", "dir", "__getattribute__"}
)
_UNKNOWABLE = frozenset({"eval", "exec", "globals", "locals", "__import__", "import_module"})


@dataclass
class Reads:
    """Names that a function's code reads, nested functions and comprehensions included.

    Attributes:
        variables: Globals and variables of enclosing functions.
        collected: Those of them that are only written to: a method such as ``append`` is called and its result
            dropped.  Whether that is a harmless list of records depends on the value.
        attributes: Names behind a dot.
        collected_attributes: Those of them that are only written to.
        modules: Modules that the code itself imports, ``(name, level)``.
        reflective: Whether attributes may be read that no name in the code tells.
        unknowable: A name that can reach anything, such as ``eval``, or an empty string.
    """

    variables: set[str] = field(default_factory=set)
    collected: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    collected_attributes: set[str] = field(default_factory=set)
    modules: set[tuple[str, int]] = field(default_factory=set)
    reflective: bool = False
    unknowable: str = ""

    def add(self, other: Reads) -> None:
        """Everything that either reads."""
        self.variables |= other.variables
        self.collected |= other.collected
        self.attributes |= other.attributes
        self.collected_attributes |= other.collected_attributes
        self.modules |= other.modules
        self.reflective |= other.reflective
        self.unknowable = self.unknowable or other.unknowable


def reads(code: types.CodeType) -> Reads:
    """What ``code`` and the functions inside it read.

    A counter, ``n += 1`` or ``self.calls += 1``, is not read: nothing but its own next value depends on it.
    """
    found = Reads()
    instructions = [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "EXTENDED_ARG")]
    for k, instruction in enumerate(instructions):
        name, kind = instruction.argval, instruction.opname
        if kind == "IMPORT_NAME":
            level = instructions[k - 2].argval if k >= 2 else 0
            found.modules.add((name, level if isinstance(level, int) else 0))
        elif kind in _LOADS_VARIABLE:
            if name in _UNKNOWABLE:
                found.unknowable = name
            found.reflective |= name in _REFLECTION
            if _is_collected(instructions, k):
                found.collected.add(name)
            elif not _is_counter(instructions, k):
                found.variables.add(name)
        elif kind in _LOADS_ATTRIBUTE and isinstance(name, str):
            found.reflective |= name in _REFLECTION
            if _is_collected(instructions, k):
                found.collected_attributes.add(name)
            elif not _is_counter(instructions, k):
                found.attributes.add(name)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.add(reads(constant))
    return found


def _consumer(
    instructions: Sequence[dis.Instruction], start: int
) -> tuple[list[dis.Instruction], dis.Instruction] | None:
    """The instructions behind the load at ``start`` up to the one that takes the loaded value off the stack."""
    between: list[dis.Instruction] = []
    depth = 1
    for instruction in islice(instructions, start + 1, start + 60):
        if instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs:
            return None
        depth += dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
        if depth <= 0:
            return between, instruction
        between.append(instruction)
    return None


def _is_counter(instructions: Sequence[dis.Instruction], start: int) -> bool:
    found = _consumer(instructions, start)
    if found is None:
        return False
    between, last = found
    if not any(_is_in_place(i) for i in between):
        return False
    if not (
        last.opname == "STORE_SUBSCR"
        or (last.opname in _STORES and last.argval in _names(instructions[start], between))
    ):
        return False
    return all(i.opname in _IN_A_COUNTER or _is_in_place(i) or i.argrepr == "[]" for i in between)


def _names(load: dis.Instruction, between: Sequence[dis.Instruction]) -> Iterator[str]:
    yield load.argval
    yield from (i.argval for i in between if i.opname == "LOAD_ATTR")


def _is_in_place(instruction: dis.Instruction) -> bool:
    return instruction.opname == "BINARY_OP" and instruction.argrepr.endswith("=")


def _is_collected(instructions: Sequence[dis.Instruction], start: int) -> bool:
    found = _consumer(instructions, start)
    if found is None or not found[0]:
        return False
    between, last = found
    first = between[0]
    return first.opname in ("LOAD_ATTR", "LOAD_METHOD") and first.argval in _MUTATORS and last.opname == "POP_TOP"


_known: weakref.WeakKeyDictionary[types.CodeType, Reads] = weakref.WeakKeyDictionary()


def reads_of(code: types.CodeType) -> Reads:
    """:func:`reads`, remembered as long as the code lives."""
    found = _known.get(code)
    if found is None:
        found = _known[code] = reads(code)
    return found
