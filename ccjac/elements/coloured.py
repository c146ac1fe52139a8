"""What is known of a function without cells: where it can have entries, and which derivatives yield them."""

from __future__ import annotations

from dataclasses import dataclass

from ..compression import Compression
from .parts import SparseProgram


@dataclass(frozen=True, eq=False)
class ColouredProgram:
    """A sparse Jacobian by the framework's derivatives.

    Attributes:
        divided: The pattern of dependence, block by block; it has no parts.
        compression: Which derivatives; ``None`` for whole columns or rows.
    """

    divided: SparseProgram
    compression: Compression | None

    @property
    def reason(self) -> str:
        """For a plan."""
        return "its entries are picked out of a dense one" if self.compression is None else self.compression.reason
