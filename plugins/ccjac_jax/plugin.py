"""Entry point of the JAX backend (group ``ccjac``)."""

from __future__ import annotations

from importlib.util import find_spec

from ccjac.backends.hooks import hookimpl

from .backend import JaxBackend


@hookimpl
def ccjac_backend() -> JaxBackend | None:
    """The backend, if JAX can be imported."""
    return JaxBackend() if find_spec("jax") is not None else None
