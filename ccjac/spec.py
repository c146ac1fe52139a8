"""Shape and type of an array, whichever framework it belongs to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple


class Spec(NamedTuple):
    """An array's shape and the name of its type."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Signature:
    """The arrays of a traced call.

    Attributes:
        operands: What a scalar program reads: the call's own operands, differentiated ones first, then captured arrays.
        n_differentiated: How many of them are differentiated.
        n_own: How many of them are the call's own.
        outputs: The differentiated results.
        auxiliary: The auxiliary results.
        typed_by: Whether an entry of the Jacobian has its output's type or its input's.
    """

    operands: tuple[Spec, ...]
    n_differentiated: int
    n_own: int
    outputs: tuple[Spec, ...]
    auxiliary: tuple[Spec, ...]
    typed_by: Literal["output", "input"]
