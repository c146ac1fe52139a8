"""Entry point of the torch backend (group ``ccjac``)."""

from __future__ import annotations

from importlib.util import find_spec

from ccjac.backends.hooks import hookimpl

from .backend import TorchBackend


@hookimpl
def ccjac_backend() -> TorchBackend | None:
    """The backend, if torch can be imported."""
    return TorchBackend() if find_spec("torch") is not None else None
