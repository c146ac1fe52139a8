"""Engines by name."""

from __future__ import annotations

from ccjac.errors import CcjacError

from .engine import Opener, local
from .pool import cores

LOCAL, RAY = "local", "ray"


def opened(name: str) -> tuple[Opener, int]:
    """How to open an engine, and how many workers it has room for.

    Args:
        name: ``"local"``, ``"ray"`` for the cluster that ``RAY_ADDRESS`` names (or else one on this machine), or
            ``"ray:ADDRESS"``.

    Raises:
        CcjacError: There is no such engine, Ray is not installed, or its cluster does not answer.
    """
    kind, _, address = name.partition(":")
    if kind == LOCAL and not address:
        return local, cores()
    if kind != RAY:
        raise CcjacError(f"`--engine` is local, ray or ray:ADDRESS; got {name!r}.")
    from .ray_pool import connect

    return connect(address)
