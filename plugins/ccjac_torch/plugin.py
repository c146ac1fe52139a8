"""Entry point of the torch backend (group ``ccjac``)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ccjac.backends.hooks import hookimpl

from .backend import TorchBackend


@hookimpl
def ccjac_backend() -> TorchBackend | None:
    """The backend, if torch can be imported."""
    return TorchBackend() if find_spec("torch") is not None else None


@hookimpl
def ccjac_showcase() -> Any:
    """The module of that name, which imports torch; :class:`ccjac.backends.showcase.Showcase` says what is in it."""
    return import_module(".showcase", __package__) if find_spec("torch") is not None else None
