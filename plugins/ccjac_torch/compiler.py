"""``torch.compile``: Jacobian functions are one call in the graph, whatever Python is in them.

Marking a function for the compiler loads it, which takes seconds.  So functions wait until somebody else does.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import weakref
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"

_waiting: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()


def mark(function: Callable[..., Any]) -> None:
    """Let ``torch.compile`` put calls of ``function`` into its graphs as they are."""
    if _is_loaded():
        _allow(function)
        return
    _waiting.add(function)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _is_loaded() -> bool:
    module = sys.modules.get(_COMPILER)
    return module is not None and hasattr(module, "allow_in_graph")


def _allow(function: Callable[..., Any]) -> None:
    import torch

    torch.compiler.allow_in_graph(function)


class _Finder(importlib.abc.MetaPathFinder):
    """Sees the compiler being loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _COMPILER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads a module, and then marks whatever waits."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for function in _waiting:
            _allow(function)
        _waiting.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
