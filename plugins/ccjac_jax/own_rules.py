"""Functions whose derivative is not that of what they compute: custom rules, and ``stop_gradient``.

A Jacobian's program follows such rules.  But derivatives of the program itself, as of any formula, would differentiate
what the rules' functions compute; they must be JAX's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from .interpreter import CUSTOM
from .jaxprs import inner_jaxprs

_JAX = str(Path(jax.__file__).parent)
_STOP = "stop_gradient"
_PASSING = ("tree_util.py", "traceback_util.py", "api_util.py")
"""Files of JAX whose functions only call others."""


def has_own_rules(jaxpr: Any, *, values: bool) -> bool:
    """Whether derivatives of the function's Jacobian depend on rules that the user has set.

    Rules of JAX's own functions are the derivatives of what they compute; but for a value, not at points where that has
    none, such as a rectifier's kink.

    Args:
        jaxpr: The function.
        values: Whether values are returned beside the Jacobian.
    """
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        if name in CUSTOM and (values or not _is_of_jax(eqn)):
            return True
        if name == _STOP and not _stopped_by_jax(eqn):
            return True
        if any(has_own_rules(inner, values=values) for inner in inner_jaxprs(eqn)):
            return True
    return False


def _is_of_jax(eqn: Any) -> bool:
    """Whether the function with a rule is one of JAX's; what is not known is the user's."""
    inner = eqn.params.get(CUSTOM[eqn.primitive.name])
    info = getattr(getattr(inner, "jaxpr", None), "debug_info", None)
    return f" at {_JAX}" in str(getattr(info, "func_src_info", ""))


def _stopped_by_jax(eqn: Any) -> bool:
    """Whether one of JAX's functions stops a gradient: of a number whose choice does not change its result."""
    traceback = getattr(eqn.source_info, "traceback", None)
    frames = iter(traceback.frames if traceback is not None else ())
    for frame in frames:
        if frame.function_name == _STOP:
            caller = next((f for f in frames if not f.file_name.endswith(_PASSING) and f.function_name != _STOP), None)
            return caller is not None and caller.file_name.startswith(_JAX)
    return False
