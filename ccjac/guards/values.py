"""Which values are compared by what they are, and how."""

from __future__ import annotations

import array
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import re
import uuid
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

import numpy as np
import xxhash


class Watch(NamedTuple):
    """How a framework's array (or another of its objects) is watched.

    Attributes:
        holds: Whether the value now found in the same place is still the recorded one.  Must keep nothing alive.
        owner: An object whose death makes ``holds`` false for ever; only referred to weakly.
        parts: Attributes that are to be checked as well, one by one.
    """

    holds: Callable[[Any], bool]
    owner: Any = None
    parts: tuple[str, ...] = ()


_PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(...),
    type(NotImplemented),
    range,
    slice,
    enum.Enum,
    np.generic,
    np.dtype,
    re.Pattern,
    pathlib.PurePath,
    decimal.Decimal,
    fractions.Fraction,
    datetime.date,
    datetime.timedelta,
    uuid.UUID,
)
_BUILTIN_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})


def is_plain(value: Any) -> bool:
    """Whether ``value`` is an immutable value without an identity of its own."""
    kind = type(value)
    if kind in _BUILTIN_PLAIN:
        return True
    # Subclasses may carry attributes; enumerations are meant to be subclassed.
    return isinstance(value, (enum.Enum, np.generic, np.dtype, pathlib.PurePath)) or kind in _PLAIN


def is_plain_tuple(value: Any) -> bool:
    """Whether ``value`` is a tuple of plain values and such tuples: it never changes either."""
    return type(value) is tuple and all(is_plain(item) or is_plain_tuple(item) for item in value)


def same(a: Any, b: Any) -> bool:
    """Whether two plain values, or tuples of them, are the same to every computation: type, sign of zero and NaN
    included.
    """
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(x is y or same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (a != a and b != b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return bool(a == b)


def plain_key(value: Any) -> Hashable:
    """A hashable stand-in for a plain value; equal for values that are :func:`same`."""
    if isinstance(value, (float, complex)):
        return type(value), repr(value)
    if isinstance(value, np.generic):
        return type(value), value.dtype.str, value.tobytes()
    if isinstance(value, slice):
        return slice, tuple(map(plain_key, (value.start, value.stop, value.step)))
    return type(value), value


def sequence_check(items: Iterable[Any]) -> Callable[[Any], bool]:
    """A check of a long list or tuple of plain values."""
    recorded = tuple(items)

    def holds(now: Any) -> bool:
        return len(now) == len(recorded) and all(a is b or same(a, b) for a, b in zip(now, recorded, strict=True))

    return holds


def array_watch(value: np.ndarray) -> Watch | None:
    """A check of a numpy array: by its content, for anybody may write to it; ``None`` if it holds objects."""
    if value.dtype.hasobject:
        return None
    recorded = _digest(value)
    # A large array belongs to its owner: what was made with it goes when it does.
    owner = value if value.nbytes > _LARGE else None
    return Watch(lambda now: isinstance(now, np.ndarray) and _digest(now) == recorded, owner)


_LARGE = 1 << 14


def _digest(value: np.ndarray) -> Hashable:
    content = value if value.flags.c_contiguous else np.ascontiguousarray(value)
    return type(value), value.dtype, value.shape, xxhash.xxh3_128_intdigest(content.reshape(-1).view(np.uint8).data)


def buffer_watch(value: bytearray | array.array) -> Watch:
    """A check of a writable buffer by its content."""
    kind, recorded = type(value), bytes(value)
    return Watch(lambda now: type(now) is kind and bytes(now) == recorded)


def array_key(value: np.ndarray) -> Hashable | None:
    """A hashable stand-in for an array's content, ``None`` if it holds objects."""
    return None if value.dtype.hasobject else _digest(value)
