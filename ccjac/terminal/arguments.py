"""From words on the command line to a function and its arguments."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..calls.selection import select_backend
from ..errors import CcjacError, nearest
from . import catalogue
from .literals import ArgumentError, array, value

_KEYWORD = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)


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
            raise ArgumentError(f"`{command}`: {place} has no {name!r}.{_nearest(part, found)}")
        found = getattr(found, part)
    if not callable(found):
        raise ArgumentError(f"`{command}` needs a function, but {target} is {type(found).__name__}.")
    return found.__wrapped__ if _is_jacobian(found) else found


def resolve(
    function: str,
    arg: Sequence[str],
    shape: Sequence[str],
    argnums: str | None,
    backend: str | None,
    command: str = "ccjac plan",
) -> tuple[Callable[..., Any], Arguments, int | tuple[int, ...]]:
    """The function, its arguments and what is differentiated, from the words of the command line.

    Raises:
        CcjacError: The words name no function or do not fit it; the message speaks of ``command``.
    """
    wrt = parse_argnums(argnums) if argnums is not None else None
    if ":" in function:
        found, arguments = load(function, command), parse(arg, shape, command)
        _check_call(found, arguments, f"{command} {function}")
        return found, _on(backend, arguments), 0 if wrt is None else wrt
    task = catalogue.find(function, command)
    if arg or shape:
        raise CcjacError(
            f"`{command} {function}`: a catalogue task brings its own arguments; leave --arg and --shape out."
        )
    return (
        task.bind(backend or "jax"),
        _on(backend, Arguments(task.example(), {})),
        task.argnums if wrt is None else wrt,
    )


def _on(backend: str | None, arguments: Arguments) -> Arguments:
    """The arguments as arrays of the backend that was asked for."""
    if backend is None:
        return arguments
    convert = select_backend(backend, (), {}).from_numpy

    def of(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(of, value))
        return convert(value) if isinstance(value, (np.ndarray, np.generic)) else value

    return Arguments(tuple(map(of, arguments.positional)), {k: of(v) for k, v in arguments.keywords.items()})


def _check_call(fun: Callable[..., Any], arguments: Arguments, command: str) -> None:
    """Whether the function takes these arguments at all.

    Raises:
        ArgumentError: It does not; the message shows its signature.
    """
    try:
        signature = inspect.signature(fun)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments.positional, **arguments.keywords)
    except TypeError as error:
        name = getattr(fun, "__name__", "the function")
        raise ArgumentError(
            f"`{command}`: {error}. The function is {name}{signature}; give every argument, in order, with --arg or "
            "--shape."
        ) from None


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
    positional: list[Any] = [array("float32", _sizes(shape)) for shape in shapes]
    keywords: dict[str, Any] = {}
    for text in args:
        if keyword := _KEYWORD.fullmatch(text.strip()):
            keywords[keyword["name"]] = value(keyword["value"])
        else:
            positional.append(value(text))
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
    return hasattr(found, "__ccjac__") and hasattr(found, "__wrapped__")


def _sizes(shape: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in shape.strip().strip("()").split(",") if part.strip())
    except ValueError:
        raise ArgumentError(f"--shape takes the sizes of an array, such as 6, 3,4 or (); got {shape!r}.") from None


def _nearest(wanted: str, holder: Any) -> str:
    names = [name for name, found in vars(holder).items() if callable(found) and not name.startswith("_")]
    return nearest(wanted, names) or " Is the function's name spelled right?"
