"""Arguments written on a command line: types of arrays, Python literals, and containers of both."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from ..errors import CcjacError

_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex", "bf": "bfloat"}
_SHORT = re.compile(r"(bf|f|i|u|c)(\d+)")
_EMPTY = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\b([A-Za-z]\w*)\[\s*\]""")
_FORMS = (
    "an array's type such as f32[3,4] or f64[], a Python literal such as 1.5, [1.0, 2.0] or 'text', a tuple, list or "
    "dict of these such as (f32[3], {'p': 1.0}), or NAME=VALUE"
)


class ArgumentError(CcjacError, ValueError):
    """A command line that names no function, or no arguments for it."""


def value(text: str) -> Any:
    """The argument that ``text`` stands for.

    Example:
        ``"(f32[3], {'p': [1.0, 2.0], 'n': 3})"`` is a tuple of a float32 array of three ones and a dict of a float64
        array and the int 3.

    Raises:
        ArgumentError: It has none of the known forms.
    """
    # `f32[]` is no Python expression, `f32[()]` is.
    source = _EMPTY.sub(lambda m: m[1] or f"{m[2]}[()]", text.strip())
    try:
        return _built(ast.parse(source, mode="eval").body)
    except ArgumentError:
        raise
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ArgumentError(f"--arg must be {_FORMS}; got {text!r}.") from None


def array(dtype: str, sizes: tuple[int, ...]) -> np.ndarray:
    """Ones, read-only and without memory: a plan depends on shapes and types only.

    Raises:
        ArgumentError: There is no such type, or a size is negative.
    """
    try:
        return np.broadcast_to(np.ones((), numpy_type(dtype)), sizes)
    except (TypeError, ValueError):
        raise ArgumentError(
            "An array argument is written TYPE[SIZES], such as f64[3,4] or f32[], with a type of numpy or ml_dtypes "
            f"(float32 or f32, bfloat16 or bf16, int8 or i8, uint8 or u8, complex64 or c64, bool, ...); got type "
            f"{dtype!r}, sizes {','.join(map(str, sizes))!r}."
        ) from None


def numpy_type(name: str) -> np.dtype:
    """The type called ``name``, in full or in short: ``f32``, ``i8``, ``bf16``, ``c128``, ``bool``.

    Raises:
        TypeError: There is none.
    """
    if short := _SHORT.fullmatch(name):
        name = _KINDS[short[1]] + short[2]
    name = {"float": "float32"}.get(name, name)
    try:
        return np.dtype(name)
    except TypeError:
        try:
            # JAX brings it, and with it bfloat16 and the types of 8 bits and less.
            import ml_dtypes
        except ImportError:
            raise TypeError(name) from None
        return np.dtype(getattr(ml_dtypes, name, name))


def _built(node: ast.expr) -> Any:
    match node:
        case ast.Subscript(value=ast.Name(id=dtype), slice=sizes):
            found = ast.literal_eval(sizes)
            return array(dtype, found if isinstance(found, tuple) else (found,))
        case ast.Tuple(elts=parts):
            return tuple(map(_built, parts))
        case ast.List(elts=parts):
            return _listed([_built(part) for part in parts])
        case ast.Dict(keys=keys, values=values):
            return {ast.literal_eval(key): _built(v) for key, v in zip(keys, values, strict=True) if key is not None}
    return ast.literal_eval(node)


def _listed(parts: list[Any]) -> Any:
    """A list of numbers, nested or not, is an array; one of anything else is a container."""
    if all(isinstance(part, (int, float, complex)) or _is_data(part) for part in parts):
        return np.asarray(parts)
    return parts


def _is_data(part: Any) -> bool:
    # An array's type is a broadcast one, with no memory behind it.
    return isinstance(part, np.ndarray) and part.base is None
