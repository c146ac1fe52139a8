"""The agent computes in single precision, whatever the program around it has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def single() -> Iterator[None]:
    """Within it 64-bit types are off and types are promoted in the standard way, for this thread."""
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        yield
