"""Operations that are not taken apart but work on every slice of their arrays alone: what each slice may depend on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ccjac.elements.graph import Elements

from .reductions import CUMULATIVE

_ALONG_AN_AXIS = {"sort": "dimension"} | dict.fromkeys((*CUMULATIVE, "cumlogsumexp"), "axis")
_MATRICES = frozenset(
    {"cholesky", "lu", "triangular_solve", "qr", "eigh", "eig", "svd", "geqrf", "householder_product"}
)


def slices_of(eqn: Any, operands: Sequence[Elements]) -> tuple[np.ndarray, list[np.ndarray]] | None:
    """The elements ``[slices, elements]`` that every slice reads, and for each result the slice of every entry.

    ``None`` if the operation does not work slice by slice.
    """
    name = eqn.primitive.name
    shapes = [v.aval.shape for v in eqn.outvars]
    if name in _ALONG_AN_AXIS:
        inner = eqn.params[_ALONG_AN_AXIS[name]] % len(shapes[0])
        outer = [axis for axis in range(len(shapes[0])) if axis != inner]
        if len({*shapes, *(v.shape for v in operands)}) != 1:
            return None
    elif name in _MATRICES:
        sizes = operands[0].shape[:-2]
        outer = list(range(len(sizes)))
        if not sizes or any(shape[: len(sizes)] != sizes for shape in (*shapes, *(v.shape for v in operands))):
            return None
    else:
        return None
    count = int(np.prod([shapes[0][axis] for axis in outer], dtype=np.int64))
    tables = []
    for v in operands:
        ids = v.ids.transpose([*outer, *[axis for axis in range(v.ids.ndim) if axis not in outer]])
        tables.append(ids.reshape(count, -1))
    arranged = []
    for shape in shapes:
        numbers = np.arange(count).reshape([n if axis in outer else 1 for axis, n in enumerate(shape)])
        arranged.append(np.ascontiguousarray(np.broadcast_to(numbers, shape)))
    return np.concatenate(tables, axis=1), arranged
