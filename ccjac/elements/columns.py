"""Columns of element numbers: what all members of a class read at one place of their common program.

Members of a class of stencil outputs read elements that lie at fixed distances, so most columns differ by an offset
only.  Columns are therefore kept by content up to an offset, as *roots*: two columns are equal if and only if their
keys are, which is how sharing inside a cell is seen.
"""

from __future__ import annotations

import numpy as np

Key = tuple[int, int]
"""``(root, offset)``, or ``(LITERAL, number)`` for a column of one literal."""

LITERAL = -1
"""In place of a root."""

_MULTIPLIER, _ADDEND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
_weights = np.empty(0, np.uint64)


def is_literal(key: Key) -> bool:
    """Whether the column is one literal for all members."""
    return key[0] == LITERAL


class Columns:
    """The columns of one class of ``members`` members."""

    def __init__(self, members: int) -> None:
        self.members = members
        self._roots: list[np.ndarray] = []
        self._extents: list[tuple[int, int]] = []
        self._known: dict[int, list[int]] = {}

    def key(self, column: np.ndarray) -> Key:
        """The key of a column of element numbers ``[members]``."""
        offset = int(column[0])
        root = column - offset
        digest = int(np.dot(root.view(np.uint64), _words(root.size)))
        # Equal digests are compared: a collision costs time, nothing else.
        for k in self._known.get(digest, ()):
            if np.array_equal(self._roots[k], root):
                return k, offset
        self._roots.append(root)
        self._extents.append((int(root.min()), int(root.max())))
        self._known.setdefault(digest, []).append(len(self._roots) - 1)
        return len(self._roots) - 1, offset

    def root(self, key: Key) -> np.ndarray:
        """The column less its offset."""
        return self._roots[key[0]]

    def values(self, key: Key) -> np.ndarray:
        """The element numbers ``[members]``."""
        return self._roots[key[0]] + key[1]

    def extent(self, key: Key) -> tuple[int, int]:
        """The smallest and the largest element number."""
        low, high = self._extents[key[0]]
        return low + key[1], high + key[1]


def _words(size: int) -> np.ndarray:
    """Odd pseudo-random words, one per member (multiplicative hashing, Knuth, TAOCP 6.4)."""
    global _weights
    if _weights.size < size:
        words = np.arange(1, 2 * size + 1, dtype=np.uint64)
        with np.errstate(over="ignore"):
            words = (words * _MULTIPLIER) ^ _ADDEND
            words *= np.uint64(0xBF58476D1CE4E5B9)
        _weights = words | np.uint64(1)
    return _weights[:size]
