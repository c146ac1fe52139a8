"""Tells ccjac of the learning searchers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from ccjac.backends.hooks import hookimpl
from ccjac.ordering.protocol import Searcher

from .lazy import LearningSearcher

_NEEDED = ("jax", "flax", "mctx", "optax", "safetensors")


@hookimpl
def ccjac_searchers() -> Sequence[Searcher]:
    """``"alphazero"`` and ``"ppo"``; nothing is imported or loaded before one of them searches."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    return [LearningSearcher(name, tuple(missing)) for name in ("alphazero", "ppo")]
