"""Compile a function with numba, cached on disk where a cache directory is writable.

Import this module, and every ``*_numba`` module, only when a compiled searcher runs: numba takes half a second to
import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

# Wrap-around integers and no bounds checks are numba's defaults; numpy's division keeps branches out of inner loops.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator: machine code on first call, reused by later processes."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no place where it may write a cache
        return njit(**_OPTIONS)(function)
