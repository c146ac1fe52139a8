"""What Python objects consist of."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any


def is_empty(cell: types.CellType) -> bool:
    """Whether the variable behind a cell has no value yet."""
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def is_special(attribute: str) -> bool:
    """Whether an attribute's name is of Python's own, such as ``__init__``."""
    return attribute.startswith("__") and attribute.endswith("__")


def holds_functions(value: Any) -> bool:
    """Whether an instance has functions among its attributes."""
    return any(isinstance(v, (types.FunctionType, functools.partial)) for v in getattr(value, "__dict__", {}).values())


def has_getattr(kind: type) -> bool:
    """Whether instances may have attributes that their dictionary does not tell."""
    return any("__getattr__" in vars(base) for base in kind.__mro__) or any(
        "__getattribute__" in vars(base) for base in kind.__mro__ if base is not object
    )


def slots(kind: type) -> Iterator[str]:
    """The attributes that a class keeps in slots, under the names that ``getattr`` takes."""
    for base in kind.__mro__:
        names = vars(base).get("__slots__", ())
        for slot in (names,) if isinstance(names, str) else names:
            if slot not in ("__dict__", "__weakref__"):
                private = slot.startswith("__") and not slot.endswith("__")
                yield f"_{base.__name__.lstrip('_')}{slot}" if private else slot


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """Code of the functions inside."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from nested(constant)
