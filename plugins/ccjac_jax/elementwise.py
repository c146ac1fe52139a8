"""Elementwise primitives: their templates come from JAX's own rule, traced once at shape ``()``."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import jax
import numpy as np

from ccjac import expand
from ccjac.expand import Expander, Value, unsupported
from ccjac.program.template import Template

from .derivative import forward_rule
from .names import ELEMENTWISE, label, parameter
from .settings import setting


def apply(ex: Expander, eqn: Any, operands: Sequence[Value]) -> list[Value]:
    """Evaluate an elementwise equation entry by entry, and give active entries their vertex."""
    name, out = eqn.primitive.name, eqn.outvars[0].aval
    if np.broadcast_shapes(*(v.aval.shape for v in eqn.invars)) != out.shape:
        # A change of type to a narrower one gives several entries for one.
        raise unsupported(name, "does not act on every entry alone")
    return [
        expand.elementwise(
            ex,
            ELEMENTWISE[name],
            parameter(name, eqn.params),
            operands,
            out.shape,
            out.dtype.name,
            template=lambda active, dtypes: template(ex, eqn, active, dtypes),
            label=label(eqn),
        )
    ]


_templates: dict[Hashable, Template] = {}


def template(ex: Expander, eqn: Any, active: tuple[int, ...], dtypes: Sequence[str]) -> Template:
    """The value and the partials of an elementwise equation, for operands of these types of which some are active."""
    name = eqn.primitive.name
    out_dtype = eqn.outvars[0].aval.dtype.name
    key = (name, active, tuple(dtypes), out_dtype, parameter(name, eqn.params), setting("jax_enable_x64"))
    found = _templates.get(key)
    if found is None:
        found = _templates[key] = _derive(ex, eqn, active)
    return found


def _derive(ex: Expander, eqn: Any, active: tuple[int, ...]) -> Template:
    """Trace JAX's rule at shape ``()`` with distinct operands, and read off the coefficients."""
    scalars = [jax.ShapeDtypeStruct((), v.aval.dtype, weak_type=v.aval.weak_type) for v in eqn.invars]
    params = dict(eqn.params)
    # A sharding of the traced shape means nothing for a single number.
    if "sharding" in params:
        params["sharding"] = None
    scalar_eqn = jax.make_jaxpr(lambda *a: eqn.primitive.bind(*a, **params))(*scalars).jaxpr.eqns[-1]
    rule = forward_rule(scalar_eqn, frozenset(scalar_eqn.invars[k] for k in active))
    return expand.derived(ex, rule, [s.dtype.name for s in scalars])
