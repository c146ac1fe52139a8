"""What a zoo and its tables call a function: ``package.flux:hllc(f64[6], gamma=f64[])``."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MAX_LENGTH = 200
"""Characters of a name; zoos keep no longer ones."""

_MAX_LEAVES = 12
_DTYPE = re.compile(r"(bfloat|float|complex|uint|int)(\d+)")
_SHORT = {"bfloat": "bf", "float": "f", "complex": "c", "uint": "u", "int": "i"}


def call_name(fun: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> str:
    """A call's name: where the function stands, and the types and shapes of its arguments.

    Values are not shown, so that no data of the user's gets into a file.

    Example:
        For ``residual(x, gamma=g)`` of the module ``flux``, with a float64 array of six numbers and a float32 scalar:
        ``"flux:residual(f64[6], gamma=f32[])"``.
    """
    words = [_typed(value) for value in args]
    words += [f"{key}={_typed(value)}" for key, value in (kwargs or {}).items()]
    return printable(f"{function_name(fun)}({', '.join(words)})")


def function_name(fun: Callable[..., Any]) -> str:
    """``module:name`` of a function, of the function inside of a decorated or partial one, or of an object's class."""
    inner: Any = fun
    while isinstance(inner, functools.partial):
        inner = inner.func
    inner = inspect.unwrap(inner)
    if not hasattr(inner, "__qualname__"):
        inner = type(inner)
    module = getattr(inner, "__module__", None) or "builtins"
    if module == "__main__":
        file = getattr(sys.modules.get("__main__"), "__file__", None)
        module = Path(file).stem if file else "interactive"
    return printable(f"{module}:{inner.__qualname__.replace('<locals>.', '')}")


def printable(name: str) -> str:
    """``name`` as zoos accept it: one line without control characters, of limited length."""
    line = "".join(c if c.isprintable() else "?" for c in name)
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1] + "…"


def _typed(value: Any, depth: int = 0) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        name = str(dtype).rpartition(".")[2]
        return f"{_DTYPE.sub(lambda m: _SHORT[m[1]] + m[2], name)}[{','.join(map(str, shape))}]"
    if depth > 3:
        return "…"
    if isinstance(value, dict):
        inner = [f"{key!s:.20}: {_typed(part, depth + 1)}" for key, part in list(value.items())[:_MAX_LEAVES]]
        return "{" + ", ".join(inner + ["…"] * (len(value) > _MAX_LEAVES)) + "}"
    if isinstance(value, (list, tuple)):
        inner = [_typed(part, depth + 1) for part in value[:_MAX_LEAVES]]
        text = ", ".join(inner + ["…"] * (len(value) > _MAX_LEAVES))
        return f"[{text}]" if isinstance(value, list) else f"({text})"
    return type(value).__name__
