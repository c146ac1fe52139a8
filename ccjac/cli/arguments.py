"""From words on the command line to a function and its arguments."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CcjacError

_ARRAY = re.compile(r"(?P<dtype>[a-z]+[0-9]*)\[(?P<shape>[0-9,\s]*)\]")
_KEYWORD = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_SHORT = {"f16": "float16", "f32": "float32", "f64": "float64", "float": "float32"}


class ArgumentError(CcjacError, ValueError):
    """A command line that names no function, or no arguments for it."""


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call, as given on the command line."""

    positional: tuple[Any, ...]
    keywords: dict[str, Any]


def load(target: str, command: str = "ccjac plan") -> Callable[..., Any]:
    """The function that ``MODULE:FUNCTION`` or ``FILE.py:FUNCTION`` names.

    The working directory is importable, as with ``python -m``.  A function that is already decorated with
    :func:`ccjac.jacobian` stands for the function inside.  Messages speak of ``command``.

    Raises:
        ArgumentError: The target has another form, or there is no such module or function.  Errors that the module
            raises while it is imported are its own.
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise ArgumentError(
            f"`{command}` takes MODULE:FUNCTION, such as `mypackage.flux:residual`, FILE.py:FUNCTION or a task of the "
            f"catalogue; got {target!r}."
        )
    found: Any = _module(place, target, command)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ArgumentError(f"`{command}`: {place} has no {name!r}. Is the function's name spelled right?")
        found = getattr(found, part)
    if not callable(found):
        raise ArgumentError(f"`{command}` needs a function, but {target} is {type(found).__name__}.")
    return found.__wrapped__ if _is_jacobian(found) else found


def parse(args: Sequence[str], shapes: Sequence[str], command: str = "ccjac plan") -> Arguments:
    """The call's arguments from the values of ``--arg`` or of ``--shape``.

    Example:
        ``parse(["f64[3]", "2.5", "steps=4"], [])`` is a float64 array of three ones and the float 2.5, and the keyword
        ``steps=4``; ``parse([], ["3,4", "()"])`` is a float32 matrix of ones and a float32 scalar.

    Raises:
        ArgumentError: Both were given, or a value has none of the known forms.
    """
    if args and shapes:
        raise ArgumentError(
            f"`{command}` takes either --arg or --shape, since their order would be lost; write a shape as an "
            "argument: --arg 'f32[3,4]'."
        )
    positional: list[Any] = [_array("float32", shape) for shape in shapes]
    keywords: dict[str, Any] = {}
    for text in args:
        if keyword := _KEYWORD.fullmatch(text.strip()):
            keywords[keyword["name"]] = _value(keyword["value"])
        else:
            positional.append(_value(text))
    return Arguments(tuple(positional), keywords)


def parse_argnums(text: str) -> int | tuple[int, ...]:
    """``"0"`` is the index 0, ``"0,2"`` and ``"0,"`` are tuples.

    Raises:
        ArgumentError: Anything else.
    """
    try:
        parts = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        parts = []
    if not parts:
        raise ArgumentError(f"--argnums must be an index or a list of indices such as 0,2; got {text!r}.")
    return parts[0] if "," not in text else tuple(parts)


def parse_order(text: str) -> str | tuple[int, ...]:
    """A name, or the vertices themselves: ``"7,6,9,8"``."""
    if re.fullmatch(r"\s*\d+(\s*,\s*\d+)*,?\s*", text):
        return tuple(int(part) for part in text.split(",") if part.strip())
    return text


def _module(place: str, target: str, command: str) -> Any:
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise ArgumentError(f"`{command} {target}`: there is no file {place}.")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ArgumentError(f"`{command} {target}`: {place} is no Python source file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        with _importable(path.parent):
            spec.loader.exec_module(module)
        return module
    with _importable(Path.cwd()):
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            # A module that is found but imports something missing shows its own traceback.
            if error.name is None or not (place == error.name or place.startswith(error.name + ".")):
                raise
            raise ArgumentError(
                f"`{command} {target}`: there is no module {error.name!r} here or among the installed ones."
            ) from None


class _importable:  # noqa: N801 - reads as a verb phrase at its use
    """Puts a directory first on ``sys.path`` for the length of an import."""

    def __init__(self, directory: Path) -> None:
        self.entry = str(directory.resolve())

    def __enter__(self) -> None:
        sys.path.insert(0, self.entry)

    def __exit__(self, *_: object) -> None:
        sys.path.remove(self.entry)


def _is_jacobian(found: Any) -> bool:
    code = getattr(found, "__code__", None)
    return (
        hasattr(found, "__wrapped__")
        and code is not None
        and Path(code.co_filename).parent == Path(__file__).parents[1]
    )


def _value(text: str) -> Any:
    text = text.strip()
    if array := _ARRAY.fullmatch(text):
        return _array(array["dtype"], array["shape"])
    try:
        return _arrays(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ArgumentError(
            "--arg must be an array's type such as f32[3,4], a Python literal such as 1.5, [1.0, 2.0] or "
            f"{{'p': [1.0]}}, or NAME=VALUE; got {text!r}."
        ) from None


def _arrays(literal: Any) -> Any:
    """Lists are arrays; tuples and dicts are containers of arguments; other literals stay what they are."""
    match literal:
        case list():
            array = np.asarray(literal)
            if array.dtype == object:
                raise ValueError
            return array
        case tuple():
            return tuple(_arrays(part) for part in literal)
        case dict():
            return {key: _arrays(part) for key, part in literal.items()}
    return literal


def _array(dtype: str, shape: str) -> np.ndarray:
    name = _SHORT.get(dtype, dtype)
    try:
        sizes = tuple(int(part) for part in shape.strip().strip("()").split(",") if part.strip())
        # Ones, read-only and without memory: a plan depends on shapes and types only.
        return np.broadcast_to(np.ones((), np.dtype(name)), sizes)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"An array argument is written TYPE[SIZES], such as f64[3,4] or f32[], and a shape 3,4 or (); "
            f"got type {dtype!r}, sizes {shape!r}."
        ) from None
