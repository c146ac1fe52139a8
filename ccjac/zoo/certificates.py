"""Why a stored bound is said to hold, as the searchers say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

from ..ordering.protocol import Certificate, Proof
from .entry import StoredOrder


def certificate_of(stored: StoredOrder, renumber: Callable[[Iterable[int]], tuple[int, ...]] = tuple) -> Certificate:
    """Why a stored bound is said to hold, in the numbering to which ``renumber`` leads from the canonical one."""
    if stored.proof not in get_args(Proof):
        return Certificate()
    return Certificate(stored.proof, tuple(renumber(group) for group in stored.groups))  # type: ignore[arg-type]
