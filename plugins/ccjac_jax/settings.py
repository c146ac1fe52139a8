"""JAX's settings, which its types do not declare, and the platform that they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax


def setting(name: str) -> Any:
    """The value of ``jax.config.NAME`` in this thread."""
    return getattr(jax.config, name)


def platform_of(operands: Sequence[Any]) -> str:
    """The platform of the first array that lies on one, or JAX's default: what a computation on them would run on."""
    for operand in operands:
        if isinstance(operand, jax.Array) and not isinstance(operand, jax.core.Tracer):
            return str(next(iter(operand.devices())).platform)
    default = setting("jax_default_device")
    return str(getattr(default, "platform", default or jax.default_backend()))
