"""Which framework a call belongs to."""

from __future__ import annotations

import functools
from typing import Any

from ..backends import discovery
from ..backends.protocol import Backend
from ..errors import BackendError


@functools.cache
def known_backends() -> dict[str, Backend]:
    """The installed backends by name."""
    return {backend.name: backend for backend in discovery.answers("ccjac_backend")}


_EXTRAS = ("jax", "torch")
"""Backends that come with ccjac, each with an extra of its name."""


def select_backend(wanted: str | Backend | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Backend:
    """The backend that was asked for, or the one that an argument belongs to.

    Raises:
        BackendError: There is none.
    """
    if wanted is not None and not isinstance(wanted, str):
        return wanted
    known = known_backends()
    if isinstance(wanted, str):
        if wanted not in known:
            raise BackendError(
                f"`backend` must be one of the installed {sorted(known)}, got {wanted!r}. "
                + (f"Install it with `pip install 'ccjac[{wanted}]'`." if wanted in _EXTRAS else "See its spelling.")
            )
        return known[wanted]
    for backend in known.values():
        if backend.claims(args, kwargs):
            return backend
    if not known:
        raise BackendError(
            "`ccjac.jacobian` found no backend. "
            "Install one with `pip install 'ccjac[jax]'` or `pip install 'ccjac[torch]'`."
        )
    # Python and numpy numbers belong to no framework; JAX takes them, as `jax.jacfwd` does.
    return known.get("jax") or next(iter(known.values()))
