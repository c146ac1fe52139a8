"""A Jacobian that does not depend on the operands: computed once, while the function that returns it is traced."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ccjac.expand import unforeseen

from .framework import known, whole
from .modes import fallback, mode
from .results import finished
from .tracing import JaxTraced


def constant(traced: JaxTraced) -> Callable[..., Any]:
    """The traced function of its operands and captured values, with its Jacobian as an array.

    The Jacobian is taken at two points: if they give different ones, it is no constant, and JAX's own mode runs.
    """
    types, function = traced.types(), whole(traced)
    blocks, others = _blocks(traced)
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(blocks, others, strict=True)):
        unforeseen(AssertionError("a Jacobian was taken to be constant"), traced.name)
        return fallback(traced, mode(traced))

    def run(*operands: Any) -> Any:
        values = function(*operands) if types.values else []
        return finished(types, [*values, *map(jax.numpy.asarray, blocks)])

    return run


def _blocks(traced: JaxTraced) -> list[list[np.ndarray]]:
    """The Jacobian's blocks where all operands are zero, and where they are one.

    The unit vectors are an operand: XLA would fold a function of constants operation by operation, which took 8 s for
    the running sums of 500 numbers.
    """
    n, n_outputs = traced.call.n_differentiated, len(traced.outputs)
    # Arrays that a guard watches have their values here; what has none the Jacobian does not depend on.
    function = known(traced)
    inputs = [(tuple(t.shape), np.dtype(t.dtype)) for t in traced.call.types[:n]]
    outputs = [(tuple(a.shape), np.dtype(a.dtype)) for a in traced.outputs]
    forward = mode(traced) == "forward"

    def swept(point: list[Any], basis: list[Any]) -> list[Any]:
        def of_differentiated(*varying: Any) -> list[Any]:
            return function(*varying, *point[n:])[:n_outputs]

        if forward:
            return list(jax.vmap(lambda *t: jax.jvp(of_differentiated, tuple(point[:n]), t)[1])(*basis))
        return list(jax.vmap(lambda *t: jax.vjp(of_differentiated, *point[:n])[1](list(t)))(*basis))

    seeds, results = (inputs, outputs) if forward else (outputs, inputs)
    total = sum(math.prod(shape) for shape, _ in seeds)
    bounds = np.cumsum([0, *(math.prod(shape) for shape, _ in seeds)])
    basis = [
        np.eye(total, dtype=dtype)[:, a:b].reshape(total, *shape)
        for (shape, dtype), a, b in zip(seeds, bounds[:-1], bounds[1:], strict=True)
    ]
    points = [[np.full(t.shape, value, t.dtype) for t in (*traced.call.types, *traced.read_types)] for value in (0, 1)]
    # Compiled ahead: a call of `jax.jit` would become part of the enclosing trace, or run operation by operation.
    compiled = jax.jit(swept).lower(points[0], basis).compile()
    found: list[list[np.ndarray]] = []
    for point in points:
        rows = [np.asarray(r) for r in compiled(point, basis)]
        pieces = [[r[a:b] for r in rows] for a, b in itertools.pairwise(bounds)]
        if forward:
            columns = [
                [np.moveaxis(p, 0, -1).reshape(*out[0], *arg[0]) for p, out in zip(piece, results, strict=True)]
                for piece, arg in zip(pieces, seeds, strict=True)
            ]
            found.append([columns[j][k] for k in range(len(outputs)) for j in range(n)])
        else:
            found.append(
                [
                    p.reshape(*out[0], *arg[0])
                    for piece, out in zip(pieces, seeds, strict=True)
                    for p, arg in zip(piece, results, strict=True)
                ]
            )
    return found
