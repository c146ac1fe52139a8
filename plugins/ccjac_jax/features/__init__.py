"""Count what an estimate needs to know of a jaxpr, in one walk that builds nothing.

Every entry that depends on differentiated inputs carries a word of 64 bits, one for each of 64 of the inputs: which of
them it depends on.  Up to 64 inputs that is the exact pattern, above it a sample of the pattern's columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ccjac.errors import UnsupportedError
from ccjac.estimate import Features

from .jaxprs import equations, inner_jaxprs
from .values import Enough, Value, constant
from .walk import Walk

__all__ = ["features", "inner_jaxprs"]

_WORD = 64


def features(closed: Any, n_differentiated: int, n_outputs: int) -> Features:
    """Count.

    Args:
        closed: The function's jaxpr.
        n_differentiated: How many of its operands are differentiated, the first ones.
        n_outputs: How many of its results are differentiated.
    """
    invars = closed.jaxpr.invars
    n_inputs = sum(v.aval.size for v in invars[:n_differentiated])
    counted = Features(inputs=n_inputs, outputs=sum(a.size for a in closed.out_avals[:n_outputs]))
    counted.equations = equations(closed.jaxpr)
    walk = Walk(counted)
    step = max(n_inputs / _WORD, 1.0)
    words = np.zeros(n_inputs, np.uint64)
    # Irregular steps, so that no period of the function's structure is mistaken for the whole.
    drawn = np.sort(np.random.default_rng(0).permutation(n_inputs)[:_WORD])
    words[drawn] = np.uint64(1) << np.arange(len(drawn), dtype=np.uint64)
    walk.scale = step
    operands: list[Value] = []
    start = 0
    for k, var in enumerate(invars):
        size = var.aval.size
        masks = words[start : start + size].reshape(var.aval.shape) if k < n_differentiated else None
        operands.append(Value(var.aval.shape, masks=masks, unit=True))
        start += size
    consts = [constant(c) for c in closed.consts]
    try:
        results = walk.run(closed.jaxpr, consts, operands)
    except Enough:
        return counted
    except UnsupportedError as error:
        counted.obstacle = str(error)
        return counted
    outputs = results[:n_outputs]
    counted.entries = sum(walk.width(r.masks) for r in outputs)
    counted.affine = all(r.masks is None or r.affine for r in outputs)
    return counted
