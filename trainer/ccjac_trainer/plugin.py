"""Tells ccjac of the learning searchers."""

from __future__ import annotations

from collections.abc import Sequence

from ccjac.backends.hooks import hookimpl
from ccjac.ordering.protocol import Searcher

from .lazy import LearningSearcher
from .needs import missing


@hookimpl
def ccjac_searchers() -> Sequence[Searcher]:
    """``"alphazero"`` and ``"ppo"``; nothing is imported or loaded before one of them searches."""
    absent = missing()
    return [LearningSearcher(name, absent) for name in ("alphazero", "ppo")]
