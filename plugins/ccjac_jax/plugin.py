"""Entry point of the JAX backend (group ``ccjac``)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ccjac.backends.hooks import hookimpl

from .backend import JaxBackend


@hookimpl
def ccjac_backend() -> JaxBackend | None:
    """The backend, if JAX can be imported."""
    return JaxBackend() if find_spec("jax") is not None else None


@hookimpl
def ccjac_showcase() -> Any:
    """The module of that name, which imports JAX; :class:`ccjac.backends.showcase.Showcase` says what is in it."""
    return import_module(".showcase", __package__) if find_spec("jax") is not None else None
