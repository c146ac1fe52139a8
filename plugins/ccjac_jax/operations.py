"""Run a scalar program as plain JAX operations: correct on every platform and under every transformation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core as jex

from ccjac.program import Node, Program

from .shard_map import axes_of, varied


def run(program: Program, scalars: Sequence[Any]) -> list[Any]:
    """Evaluate a program.

    Args:
        program: The program.
        scalars: One scalar array per input; ``None`` where the program does not use it.

    Returns:
        One scalar array per result.
    """
    table: list[Any] = []
    for node in program.nodes:
        if node.op == "input":
            table.append(scalars[node.param])
        elif node.op == "const":
            table.append(np.asarray(node.param, dtype=jnp.dtype(node.dtype)))
        else:
            table.append(apply(node, [table[a] for a in node.args]))
    return [table[k] for k in program.results]


def used_inputs(program: Program) -> frozenset[int]:
    """The input scalars that a program reads."""
    return frozenset(n.param for n in program.nodes if n.op == "input")


def apply(node: Node, args: list[Any]) -> Any:
    """One operation of a scalar program on scalar arrays."""
    rule = _SPECIAL.get(node.op)
    if rule is not None:
        return rule(node, args)
    primitive = _primitives()[node.op]
    params = dict(node.param) if isinstance(node.param, tuple) else {}
    # A primitive wants operands, never all constants of numpy, and in ``shard_map`` all of the same mesh axes.
    operands = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    return primitive.bind(*varied(operands, axes_of(operands)), **params)


_SPECIAL: dict[str, Callable[[Node, list[Any]], Any]] = {
    "add": lambda node, a: lax.add(*a),
    "sub": lambda node, a: lax.sub(*a),
    "mul": lambda node, a: lax.mul(*a),
    "div": lambda node, a: lax.div(*a),
    "neg": lambda node, a: lax.neg(*a),
    "convert_element_type": lambda node, a: lax.convert_element_type(a[0], jnp.dtype(node.dtype)),
    "bitcast_convert_type": lambda node, a: lax.bitcast_convert_type(a[0], jnp.dtype(node.dtype)),
    "select_n": lambda node, a: lax.select_n(*a),
    "round": lambda node, a: lax.round(a[0], lax.RoundingMethod(node.param or 0)),
    "clamp": lambda node, a: lax.clamp(*a),
    "copy": lambda node, a: a[0],
    "integer_pow": lambda node, a: lax.integer_pow(a[0], node.param),
    # No primitive that is public.
    "random_gamma_grad": lambda node, a: lax.random_gamma_grad(*a),
    "sin": lambda node, a: lax.sin(*a),
    "cos": lambda node, a: lax.cos(*a),
    "tan": lambda node, a: lax.tan(*a),
    "exp": lambda node, a: lax.exp(*a),
    "exp2": lambda node, a: lax.exp2(*a),
    "log": lambda node, a: lax.log(*a),
    "log1p": lambda node, a: lax.log1p(*a),
    "expm1": lambda node, a: lax.expm1(*a),
    "sqrt": lambda node, a: lax.sqrt(*a),
    "rsqrt": lambda node, a: lax.rsqrt(*a),
    "cbrt": lambda node, a: lax.cbrt(*a),
    "tanh": lambda node, a: lax.tanh(*a),
    "logistic": lambda node, a: lax.logistic(*a),
}
"""Operations whose primitives take parameters that differ between releases of JAX go through their public functions."""


@functools.cache
def _primitives() -> dict[str, Any]:
    """All public primitives by name."""
    return {p.name: p for p in vars(jex.primitives).values() if isinstance(p, jex.Primitive)}


def assemble(entries: np.ndarray, results: Sequence[Any], shape: tuple[int, ...], dtype: Any, *, fused: bool) -> Any:
    """An array from scalars.

    Args:
        entries: Flat positions among ``results``, negative for zero.
        results: Scalar arrays.
        shape: The array's shape.
        dtype: The array's type.
        fused: Concatenate rows, and then those.  XLA makes one loop of what computes the entries and of concatenations
            of few arrays each, but stores the entries apart if there is one concatenation of many.
    """
    if entries.size == 0 or (entries < 0).all():
        return jnp.zeros(shape, dtype)
    if fused and len(shape) > 1:
        rows = [assemble(r, results, (1, shape[-1]), dtype, fused=False) for r in entries.reshape(-1, shape[-1])]
        return lax.reshape(lax.concatenate(rows, 0), shape)
    # Constants are made by JAX, not by numpy: on a mesh with explicit axes they must belong to the mesh.
    pieces: list[Any] = []
    zeros = 0
    for k in [*entries.tolist(), None]:
        if k is not None and k < 0:
            zeros += 1
            continue
        if zeros:
            pieces.append(jnp.zeros(zeros, dtype))
            zeros = 0
        if k is not None:
            known = isinstance(results[k], np.ndarray)
            pieces.append(
                jnp.full(1, results[k], dtype) if known else lax.reshape(jnp.asarray(results[k], dtype), (1,))
            )
    return lax.reshape(lax.concatenate(pieces, 0) if len(pieces) > 1 else jnp.asarray(pieces[0]), shape)


def split(array: Any, wanted: frozenset[int], first: int) -> dict[int, Any]:
    """The scalars of one operand that a program reads, numbered from ``first``."""
    array = jnp.asarray(array)
    if array.ndim == 0:
        return {first: array} if first in wanted else {}
    flat = lax.reshape(array, (array.size,))
    return {
        first + k: lax.squeeze(lax.slice(flat, (k,), (k + 1,)), (0,)) for k in range(array.size) if first + k in wanted
    }
