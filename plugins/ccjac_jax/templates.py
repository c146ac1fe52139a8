"""Derivatives of a scalar program's operations, read off JAX's own rules."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from ccjac import expand
from ccjac.expand import Expander, Template
from ccjac.limits import SCALAR_LIMIT
from ccjac.program import Node
from ccjac.program.linearization import Recorder

from . import operations as ops
from .derivative import LocalRule
from .interpreter import run


def template(node: Node, dtypes: tuple[str, ...], active: tuple[int, ...]) -> Template:
    """See :data:`ccjac.program.template.Templates`."""
    return _template(node.op, node.param, node.dtype, dtypes, active)


@functools.cache
def _template(op: str, param: Any, dtype: str, dtypes: tuple[str, ...], active: tuple[int, ...]) -> Template:
    node = Node(op, (), dtype, param)

    def rule(primals: list[Any], tangents: list[Any]) -> Any:
        def of_active(*varied: Any) -> Any:
            merged = list(primals)
            for position, value in zip(active, varied, strict=True):
                merged[position] = value
            return ops.apply(node, merged)

        return jax.jvp(of_active, tuple(primals[k] for k in active), tuple(tangents))

    # Whoever differentiates a program of double precision may have left the context in which it was traced.
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        shapes = [jax.ShapeDtypeStruct((), jnp.dtype(d)) for d in dtypes]
        closed = jax.make_jaxpr(rule)(shapes, [shapes[k] for k in active])
        local = LocalRule(closed, (), active, (0,), 1)
        return expand.derived(Expander(Recorder(0, SCALAR_LIMIT), run), local, dtypes)
