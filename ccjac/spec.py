"""Shape and type of an array, whichever framework it belongs to."""

from __future__ import annotations

import math
from typing import NamedTuple


class Spec(NamedTuple):
    """An array's shape and the name of its type."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)
