"""What of the extra ``train`` is missing."""

from __future__ import annotations

from importlib.util import find_spec

from ccjac.errors import CcjacError

_PACKAGES = ("jax", "flax", "mctx", "optax", "orbax.checkpoint", "safetensors")


def missing(packages: tuple[str, ...] = _PACKAGES) -> tuple[str, ...]:
    """Packages that are not installed."""

    def found(name: str) -> bool:
        try:
            return find_spec(name) is not None
        except ModuleNotFoundError:  # the package around it
            return False

    return tuple(name for name in packages if not found(name))


def require(what: str, absent: tuple[str, ...] | None = None) -> None:
    """Say how to install what is missing.

    Args:
        what: Needs it.
        absent: What is missing, if that is known.

    Raises:
        CcjacError: Something is missing.
    """
    absent = missing() if absent is None else absent
    if absent:
        raise CcjacError(f"{what} needs {', '.join(absent)}; install them with `pip install ccjac[train]`.")
