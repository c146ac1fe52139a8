"""A kernel with a known result, run once before kernels are relied on.

It has batched, common and integer operands and two results.  The numbers are small and whole, so that products and sums
are exact whatever computes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..program.program import Builder, Program
from .layout import Layout, Operand, Result

_TYPE = "float32"


def program() -> tuple[Program, Layout]:
    """``(a, b, c), s, k -> ((a b, c), c + k s)`` with a whole number ``k`` and a number ``s`` common to all samples."""
    b = Builder()
    first, second, third, common = (b.input(k, _TYPE) for k in range(4))
    count = b.emit("convert_element_type", (b.input(4, "int32"),), _TYPE)
    product = b.emit("mul", (first, second), _TYPE)
    total = b.emit("add", (third, b.emit("mul", (count, common), _TYPE)), _TYPE)
    operands = (Operand((0, 1, 2), _TYPE), Operand((3,), _TYPE, batched=False), Operand((4,), "int32"))
    return b.finish([product, third, total], 5), Layout(operands, (Result((0, 1), _TYPE), Result((2,), _TYPE)))


def operands(samples: int) -> list[np.ndarray]:
    """The arrays to compute from: ``[samples, 3]``, ``[1]`` and ``[samples, 1]``."""
    n = np.arange(samples)
    rows = np.stack([n, n + 1, 3 * n], axis=1).astype(np.float32)
    return [rows, np.array([5], np.float32), (n % 7).astype(np.int32).reshape(-1, 1)]


def difference(found: Sequence[np.ndarray]) -> str | None:
    """What is wrong with the results ``[samples, 2]`` and ``[samples, 1]``, or ``None``."""
    n = np.arange(len(found[0]))
    expected = [np.stack([n * (n + 1), 3 * n], axis=1), (3 * n + 5 * (n % 7)).reshape(-1, 1)]
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        if not np.array_equal(a, b):
            return f"result {k} differs at {np.argwhere(a != b)[0].tolist()}"
    return None
