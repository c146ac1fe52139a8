"""Derivatives of a scalar program's operations, read off JAX's own rules."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.program import Node
from ccjac.program.linearization import Recorder
from ccjac.program.template import Template

from . import operations as ops
from .derivative import unsupported
from .interpreter import Interpreter
from .values import Forms, Symbolic, is_known, lift, zero_forms

_LIMIT = 10_000


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
        walker = Interpreter(Recorder(len(dtypes), _LIMIT), keep_forms=True)
        builder = walker.recorder.builder
        primals = [Symbolic(np.array(builder.input(k, d)), None, d) for k, d in enumerate(dtypes)]
        value, tangent = walker.run(closed.jaxpr, closed.consts, [*primals, *(_seed(builder, k, dtypes[k]) for k in active)])
    partials: dict[int, int | None] = dict.fromkeys(active)
    if isinstance(tangent, Forms):
        form = tangent.entries[()] or {}
        if any(v not in active for v in form):
            raise unsupported(op, "has a derivative rule that is not a sum of products")
        partials.update(form)
    elif not is_known(tangent) or np.any(np.asarray(tangent)):
        raise unsupported(op, "has a derivative rule that does not depend on the tangents")
    result = int(lift(builder, value).ids)
    return Template(tuple(builder.nodes), result, partials)


def _seed(builder: Any, vertex: int, dtype: str) -> Forms:
    entries = zero_forms(())
    entries[()] = {vertex: builder.const(1.0, dtype)}
    return Forms(entries)
