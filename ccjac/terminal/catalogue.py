"""Tasks of the catalogue by name, if it is installed."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import CcjacError


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
    near = [known[n].name for n in get_close_matches(name.lower(), known, n=5, cutoff=0.4)]
    hint = f"The nearest are {', '.join(near)}." if near else "One of them is RoeFlux_1d."
    raise CcjacError(
        f"`{command}`: none of the catalogue's {len(known)} tasks is called {name!r}. {hint} "
        "`ccjac_zoo.tasks()` lists all; a function of your own is MODULE:FUNCTION or FILE.py:FUNCTION for `ccjac plan`."
    )
