"""A Jacobian beside the framework's own modes and finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """One comparison.

    Attributes:
        with_what: ``"forward"``, ``"reverse"`` or ``"finite differences"``.
        error: The largest difference, relative to the largest entry of its block; NaN if it could not be made.
        tolerance: What counts as agreement.
        reason: Why it could not be made.
    """

    with_what: str
    error: float
    tolerance: float
    reason: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the two agree, or there is nothing to compare with."""
        return bool(self.reason) or self.error <= self.tolerance


@dataclass(frozen=True)
class Check:
    """All comparisons of one Jacobian; its ``repr`` is a table."""

    comparisons: tuple[Comparison, ...]

    @property
    def ok(self) -> bool:
        """Whether all that could be compared agrees."""
        return all(c.agrees for c in self.comparisons) and any(not c.reason for c in self.comparisons)

    def __repr__(self) -> str:
        lines = [f"{'compared with':<20}{'error':>10}{'allowed':>10}"]
        for c in self.comparisons:
            verdict = f"not made: {c.reason}" if c.reason else "agrees" if c.agrees else "DIFFERS"
            lines.append(f"{c.with_what:<20}{c.error:>10.1e}{c.tolerance:>10.1e}  {verdict}")
        return "\n".join(lines)


def compared(found: list[np.ndarray], others: dict[str, Callable[[], list[np.ndarray]]]) -> Check:
    """Compare blocks.

    Args:
        found: The Jacobian's blocks.
        others: By name, what gives the same blocks in another way; an error of it is the reason for no comparison.
    """
    return Check(tuple(_comparisons(found, others)))


def _comparisons(found: list[np.ndarray], others: dict[str, Callable[[], list[np.ndarray]]]) -> Iterator[Comparison]:
    precision = max((float(np.finfo(a.dtype).eps) for a in found if a.dtype.kind in "fc"), default=0.0)
    for name, other in others.items():
        # Central differences lose a third of the digits to truncation, as many to rounding.
        tolerance = 1e3 * precision ** (2 / 3) if name == "finite differences" else 1e3 * precision
        try:
            expected = other()
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            yield Comparison(name, float("nan"), tolerance, reason[:60])
            continue
        yield Comparison(name, max(map(_difference, found, expected), default=0.0), tolerance)


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return float("inf")
    a, b = (np.asarray(x, dtype=np.complex128) for x in (found, expected))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        error = np.where(same, 0.0, np.abs(a - b))
        scale = np.max(np.where(np.isfinite(b), np.abs(b), 0.0), initial=0.0)
    return float(np.max(np.nan_to_num(error, nan=np.inf), initial=0.0) / max(scale, 1.0))


def central_differences(
    fun: Callable[[list[np.ndarray]], list[np.ndarray]], operands: list[np.ndarray]
) -> list[np.ndarray]:
    """Blocks ``[*output, *operand]`` of a function between flat lists of arrays, output by output."""
    columns: list[list[list[np.ndarray]]] = []
    for k, operand in enumerate(operands):
        step = float(np.finfo(operand.dtype).eps) ** (1 / 3)
        columns.append([])
        for j in range(operand.size):
            h = step * max(1.0, abs(float(operand.reshape(-1)[j])))
            ends = []
            for sign in (1.0, -1.0):
                moved = operand.copy()
                moved.reshape(-1)[j] += sign * h
                ends.append((moved.reshape(-1)[j], fun([*operands[:k], moved, *operands[k + 1 :]])))
            (right, above), (left, below) = ends
            columns[-1].append([(a - b) / (right - left) for a, b in zip(above, below, strict=True)])
    n_outputs = len(fun(operands))
    return [
        np.stack([column[i] for column in columns[k]], -1).reshape(columns[k][0][i].shape + operand.shape)
        for i in range(n_outputs)
        for k, operand in enumerate(operands)
    ]
