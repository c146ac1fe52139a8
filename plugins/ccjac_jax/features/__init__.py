"""Count what an estimate needs to know of a jaxpr; see :mod:`ccjac.counting`."""

from __future__ import annotations

from typing import Any

from ccjac.counting import finished, inputs
from ccjac.estimate import Features

from ..jaxprs import equations
from .rules import constant
from .walk import Walk

__all__ = ["features"]


def features(closed: Any, n_differentiated: int, n_outputs: int) -> Features:
    """Count.

    Args:
        closed: The function's jaxpr.
        n_differentiated: How many of its operands are differentiated, the first ones.
        n_outputs: How many of its results are differentiated.
    """
    shapes = [v.aval.shape for v in closed.jaxpr.invars]
    n_inputs = sum(v.aval.size for v in closed.jaxpr.invars[:n_differentiated])
    counted = Features(inputs=n_inputs, outputs=sum(a.size for a in closed.out_avals[:n_outputs]))
    counted.equations = equations(closed.jaxpr)
    walk = Walk(counted)
    operands = inputs(walk, shapes, n_differentiated)
    consts = [constant(c) for c in closed.consts]
    return finished(walk, lambda: walk.run(closed.jaxpr, consts, operands)[:n_outputs])
