"""JAX's names: which operation of scalar programs a primitive is, and where in the user's code an equation stands."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ccjac.program.operations import OPERATIONS

ELEMENTWISE = {op: op for op in OPERATIONS if op != "copy"} | {"add_any": "add", "stop_gradient": "copy"}
"""Primitives that act on every entry alone -> operation; a scalar operand may accompany arrays."""

_IRRELEVANT = frozenset({"accuracy", "sharding"})
_TYPE_CHANGES = frozenset({"convert_element_type", "bitcast_convert_type"})
"""Their parameter is the result's type, which every operation has."""


def parameter(name: str, params: dict[str, Any]) -> Hashable:
    """A primitive's parameters as an operation's: nothing, the one that matters, or all of them."""
    if name in _TYPE_CHANGES:
        return None
    kept = {k: v for k, v in params.items() if k not in _IRRELEVANT and v is not None}
    if not kept:
        return None
    if name == "integer_pow":
        return int(kept["y"])
    if name == "round":
        return int(kept["rounding_method"])
    return tuple(sorted(kept.items()))


_LIBRARIES = tuple(str(Path(file).parent) for file in (jax.__file__, __file__, np.__file__))


def label(eqn: Any) -> str:
    """An equation's operation and the line of the user's code that it comes from."""
    return f"{eqn.primitive.name} at {line}" if (line := user_line(eqn)) else str(eqn.primitive.name)


def user_line(eqn: Any) -> str:
    """``file.py:line`` of the innermost frame outside JAX and numpy, or an empty string."""
    traceback = getattr(eqn.source_info, "traceback", None)
    for frame in traceback.frames if traceback is not None else ():
        if not frame.file_name.startswith(_LIBRARIES):
            return f"{Path(frame.file_name).name}:{frame.line_num}"
    return ""
