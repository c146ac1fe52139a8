"""Lazy discovery of plugins.  A plugin that fails to load or to answer is skipped with one warning."""

from __future__ import annotations

import logging
import os
import warnings
from functools import cache
from typing import Any

import pluggy

from ..cost import MULTIPLICATIONS, STRUCTURAL, CostModel
from ..errors import CcjacError, PluginWarning, nearest
from . import hooks

log = logging.getLogger("ccjac")
_AUTOLOAD_SWITCH = "CCJAC_DISABLE_PLUGIN_AUTOLOAD"


@cache
def manager() -> pluggy.PluginManager:
    """The process-wide plugin manager, filled from the entry points on first use."""
    # A quarter of the time of `import ccjac`, and not needed before.
    from importlib.metadata import entry_points

    plugins = pluggy.PluginManager(hooks.PROJECT)
    plugins.add_hookspecs(hooks)
    if os.environ.get(_AUTOLOAD_SWITCH, "") in ("", "0"):
        for entry in entry_points(group=hooks.PROJECT):
            try:
                plugin = entry.load()
                # One distribution may be visible twice on sys.path; its plugins count once.
                if not plugins.is_registered(plugin):
                    plugins.register(plugin, name=entry.name)
            except Exception as error:
                _skip(entry.name, error)
    return plugins


def registered() -> tuple[object, ...]:
    """The plugins, in the order of their names."""
    return tuple(plugin for _, plugin in sorted(manager().list_name_plugin()) if plugin is not None)


def answers(hook: str) -> list[Any]:
    """What every plugin answers to ``hook``, in the order of the plugins' names, lists flattened, ``None`` left out."""
    found: list[Any] = []
    for name, plugin in sorted(manager().list_name_plugin()):
        implementation = getattr(plugin, hook, None)
        if plugin is None or implementation is None:
            continue
        try:
            answer = implementation()
        except Exception as error:
            _skip(f"{name}.{hook}", error)
            continue
        if answer is not None:
            found.extend(answer if isinstance(answer, (list, tuple)) else [answer])
    return found


def cost_models() -> dict[str, CostModel]:
    """All cost models by name, the built-in ones first."""
    models = [MULTIPLICATIONS, STRUCTURAL, *answers("ccjac_cost_models")]
    return {model.name: model for model in reversed(models)}


def cost_model(cost: str | CostModel) -> CostModel:
    """Resolve a ``cost=`` argument.

    Raises:
        CcjacError: An unknown name.
    """
    if isinstance(cost, CostModel):
        return cost
    models = cost_models()
    if cost not in models:
        hint = nearest(cost, models) if isinstance(cost, str) else ""
        raise CcjacError(f"`cost` must be one of {', '.join(sorted(models))}, or a `CostModel`; got {cost!r}.{hint}")
    return models[cost]


def _skip(what: str, error: Exception) -> None:
    warnings.warn(
        f"ccjac plugin {what!r} was skipped: {type(error).__name__}: {error}. Mend or uninstall it.",
        PluginWarning,
        stacklevel=3,
    )
    log.debug("plugin %s failed", what, exc_info=error)
