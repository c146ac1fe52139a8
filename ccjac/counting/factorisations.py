"""Count factorisations and substitutions of small matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..expand import is_floating
from ..spec import Spec
from .tally import Tally
from .values import Value, joined


def factored(tally: Tally, name: str, outs: Sequence[Spec], operands: Sequence[Value]) -> list[Value]:
    """Operations of the values, and the local partials that the framework's derivative rules make.

    Args:
        tally: The counts.
        name: ``"lu"``, ``"cholesky"``, ``"triangular_solve"`` or another, which counts as an orthogonal factorisation.
        outs: The results.
        operands: A matrix, and a right-hand side where there is one.
    """
    *batch, m, n = operands[0].shape if len(operands[0].shape) > 1 else (1, *operands[0].shape)
    stack, least = float(math.prod(batch)), min(m, n)
    if name == "triangular_solve":
        columns = math.prod(operands[1].shape) / max(stack * n, 1)
        size, edges = n * n * columns, n * n / 2 * columns
        partials = 2 * n * n if operands[0].masks is not None else n
        edges *= sum(v.masks is not None for v in operands)
    elif name == "lu":
        size = sum((m - k) * (3 + 2 * n + 2 * (n - k)) for k in range(least))
        edges, partials = 2.0 * m * n * least, m * n
    elif name == "cholesky":
        size, edges, partials = n**3 / 3 + n * n, 1.3 * n**3, n * n
    elif name == "lu_pivots_to_permutation":
        size, edges, partials = 3.0 * n * outs[0].shape[-1], 0, 0
    else:
        size, edges, partials = 4.0 * m * n * least, 4.0 * m * n * least, m * n
    active = [v for v in operands if v.masks is not None]
    if not active:
        tally.count(stack * size, active=False)
        return [Value(a.shape) for a in outs]
    tally.counted.contractions += tally.weight * stack * edges
    word = joined(active)
    mean = max(tally.width(v.masks) / max(math.prod(v.shape), 1) for v in active)
    # A solve is linear in its right-hand side.
    affine = name == "triangular_solve" and operands[0].known and operands[1].affine
    tally.count(
        stack * size,
        active=True,
        partials=0.0 if affine else stack * partials,
        edges=stack * edges,
        forward=2 * stack * edges * max(mean, float(np.bitwise_count(word)) * tally.scale / 2),
        folded=affine,
    )
    return [
        Value(a.shape, masks=np.full(a.shape, word), affine=affine) if is_floating(a.dtype) else Value(a.shape)
        for a in outs
    ]
