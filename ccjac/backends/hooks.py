"""The hooks through which backends, searchers, zoos and cost models plug in (pluggy, entry-point group ``ccjac``).

A plugin is a module (or object) named by an entry point in the group ``ccjac``; it defines any of the functions
below with
the marker :data:`hookimpl`.  Import your framework inside the hook, not in the module: discovery must stay cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ..cost import CostModel
    from ..ordering.protocol import Searcher
    from .protocol import Backend
    from .showcase import Showcase

PROJECT = "ccjac"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ccjac_backend() -> Backend | None:
    """Return a :class:`ccjac.backends.protocol.Backend`, or ``None`` if its framework is not installed."""


@hookspec
def ccjac_searchers() -> Sequence[Searcher]:  # type: ignore[empty-body]
    """Return order searchers; each becomes a ``method=`` of :func:`ccjac.search` and an ``order=`` name.

    Instances must be cheap, every process makes them; load weights and import frameworks when a search begins.
    """


@hookspec
def ccjac_zoos() -> Sequence[Path]:  # type: ignore[empty-body]
    """Return directories of shipped order zoos (JSON files), most specific first."""


@hookspec
def ccjac_cost_models() -> Sequence[CostModel]:  # type: ignore[empty-body]
    """Return additional cost models; each becomes a ``cost=`` of :func:`ccjac.search`."""


@hookspec
def ccjac_showcase() -> Showcase | None:
    """Return what ``ccjac demo`` needs of a framework, or ``None`` if the framework is not installed."""
