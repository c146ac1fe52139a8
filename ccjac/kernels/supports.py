"""Whether a program can become a kernel in this process."""

from __future__ import annotations

from ..program.program import Program
from .operations import obstacle


def supports(program: Program) -> str | None:
    """Why ``program`` cannot become a kernel, or ``None`` if it can.

    The reason is a phrase for :meth:`ccjac.Plan.describe`: a missing llvmlite, or what has no rule.
    """
    try:
        import llvmlite.binding  # noqa: F401
    except (ImportError, OSError) as error:
        return f"llvmlite is not usable ({error})"
    return obstacle(program)
