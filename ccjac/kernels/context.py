"""What the rules of operations share while one function is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .cpu.library import Functions
from .writer import Writer


@dataclass(frozen=True)
class Context:
    """Where a rule writes, and what it may use.

    Attributes:
        writer: Where the instructions go.
        functions: The module's library functions.
        flags: Fast-math flags of arithmetic instructions, ``"contract"`` at least.
        polynomials: Operations computed by :mod:`ccjac.kernels.polynomials`; others call a library.
        apart: Whether polynomials are functions of their own, written once and called.
        angles: Sine and cosine of the angles met so far, by type and name.
    """

    writer: Writer
    functions: Functions
    flags: str
    polynomials: frozenset[str] = frozenset()
    apart: bool = False
    angles: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def on(self, writer: Writer) -> Context:
        """The same for another function."""
        return replace(self, writer=writer, angles={})
