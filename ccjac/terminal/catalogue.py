"""Tasks of the catalogue by name, if it is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import CcjacError, nearest


def find(name: str, command: str) -> Any:
    """The catalogue task called ``name``, upper and lower case alike.

    Args:
        name: What the user typed.
        command: The command that asks, for the message.

    Raises:
        CcjacError: There is no such task, or no catalogue.
    """
    if find_spec("ccjac_zoo") is None:
        raise CcjacError(
            f"`{command} {name}` needs the catalogue `ccjac_zoo`, which is not installed; reinstall ccjac."
        )
    known = {task.lower(): found for task, found in import_module("ccjac_zoo").tasks().items()}
    if name.lower() in known:
        return known[name.lower()]
    if name.endswith(".py"):
        raise CcjacError(f"`{command} {name}` names a file; name a function of it too: {name}:FUNCTION.")
    hint = nearest(name, (task.name for task in known.values())) or " One of them is RoeFlux_1d."
    raise CcjacError(
        f"`{command}`: none of the catalogue's {len(known)} tasks is called {name!r}.{hint} "
        "`ccjac_zoo.tasks()` lists all; a function of your own is MODULE:FUNCTION or FILE.py:FUNCTION for `ccjac plan`."
    )


def complete(beginning: str) -> list[str]:
    """The tasks whose names begin so, for the shell's completion; empty without a catalogue."""
    if find_spec("ccjac_zoo") is None:
        return []
    names = [found.name for found in import_module("ccjac_zoo").tasks().values()]
    return sorted(name for name in names if name.lower().startswith(beginning.lower()))
