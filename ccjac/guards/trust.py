"""Whose code is taken as it is: the standard library, the array frameworks, and installed libraries."""

from __future__ import annotations

import functools
import sys
import sysconfig
import types
from typing import Any

_FRAMEWORKS = frozenset(
    {"builtins", "jax", "jaxlib", "numpy", "scipy", "torch", "ml_dtypes", "ccjac", "ccjac_jax", "ccjac_torch"}
)


def is_trusted(value: Any) -> bool:
    """Whether a function, class, module or instance belongs to Python or to an array framework: it is a constant."""
    top = package_of(value)
    return top in _FRAMEWORKS or (top in sys.stdlib_module_names and top != "__main__")


def is_library(value: Any) -> bool:
    """Whether a function or class belongs to an installed package: its code is a constant, its instances are not."""
    return _is_installed(package_of(value))


def package_of(value: Any) -> str:
    """The name of the top-level package that a value's code belongs to."""
    return _module_of(value).partition(".")[0]


def _module_of(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, types.FunctionType):
        # A decorator of a framework gives its wrapper the name of what it wraps: the code's own globals tell.
        return str(value.__globals__.get("__name__") or "")
    name = getattr(value, "__module__", None)
    return name if isinstance(name, str) else str(getattr(type(value), "__module__", ""))


@functools.cache
def _is_installed(package: str) -> bool:
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    return bool(file) and str(file).startswith(_places())


@functools.cache
def _places() -> tuple[str, ...]:
    return tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
