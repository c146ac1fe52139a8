"""JAX's settings, which its types do not declare."""

from __future__ import annotations

from typing import Any

import jax


def setting(name: str) -> Any:
    """The value of ``jax.config.NAME`` in this thread."""
    return getattr(jax.config, name)
