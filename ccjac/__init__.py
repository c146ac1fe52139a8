"""Exact Jacobians of existing JAX and PyTorch functions by cross-country elimination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .api import (
    check,
    clear_caches,
    evaluate_order,
    fuse,
    hessian,
    jacobian,
    plan,
    prepare,
    sparse_values,
    sparsity,
    trace,
    value_and_jacobian,
)
from .backends.hooks import hookimpl
from .cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from .errors import (
    BackendError,
    CcjacError,
    DenseWarning,
    GraphError,
    InputError,
    KernelWarning,
    OrderError,
    PluginWarning,
    UnsupportedError,
    ZooError,
    ZooWarning,
    nearest,
)
from .graph import Graph
from .pattern import Pattern
from .planning.plan import Plan
from .settings import config

if TYPE_CHECKING:
    from .ordering import SearchResult, search
    from .zoo import Zoo

__version__ = "0.1.0"

__all__ = [
    "MULTIPLICATIONS",
    "STRUCTURAL",
    "BackendError",
    "CcjacError",
    "CostModel",
    "DenseWarning",
    "Graph",
    "GraphError",
    "InputError",
    "KernelWarning",
    "OrderError",
    "Pattern",
    "Plan",
    "PluginWarning",
    "SearchResult",
    "UnsupportedError",
    "Zoo",
    "ZooError",
    "ZooWarning",
    "check",
    "clear_caches",
    "config",
    "evaluate_order",
    "fuse",
    "hessian",
    "hookimpl",
    "jacobian",
    "plan",
    "prepare",
    "search",
    "sparse_values",
    "sparsity",
    "trace",
    "value_and_jacobian",
]

_LAZY = {"search": "ordering", "SearchResult": "ordering", "Zoo": "zoo"}


def __getattr__(name: str) -> Any:
    """Load the searchers and the zoo when they are first asked for; ``import ccjac`` stays light."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    jacobians = dict.fromkeys(("jacrev", "jacfwd", "jac", "grad", "gradient"), "jacobian")
    near = f" Did you mean {jacobians[name]!r}?" if name in jacobians else nearest(name, __all__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{near}")


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]
