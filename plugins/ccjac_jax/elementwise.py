"""Elementwise primitives: one template per operation, stamped out for every entry.

The template's partials come from JAX's own rule, traced once at shape ``()``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ccjac.program import Builder, Node
from ccjac.program.linearization import NO_TANGENT, Form

from .derivative import forward_rule, is_float, unsupported
from .settings import setting
from .values import Symbolic, Value, lift

if TYPE_CHECKING:
    from .interpreter import Interpreter

# fmt: off
ELEMENTWISE = frozenset((
    # arithmetic and powers
    "add", "add_any", "sub", "mul", "div", "neg", "rem", "abs", "sign", "square", "sqrt", "rsqrt", "cbrt", "pow",
    "integer_pow",
    # exponentials
    "exp", "exp2", "expm1", "log", "log1p", "logistic",
    # angles
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    # special functions
    "erf", "erfc", "erf_inv", "lgamma", "digamma", "polygamma", "zeta", "igamma", "igammac", "igamma_grad_a",
    "random_gamma_grad", "regularized_incomplete_beta", "bessel_i0e", "bessel_i1e",
    # comparison and choice
    "max", "min", "clamp", "select_n", "eq", "ne", "lt", "le", "gt", "ge", "eq_to", "lt_to", "le_to", "is_finite",
    # rounding and types
    "floor", "ceil", "round", "nextafter", "reduce_precision", "convert_element_type", "stop_gradient",
    # integers and bits
    "and", "or", "xor", "not", "shift_left", "shift_right_arithmetic", "shift_right_logical", "clz",
    "population_count",
))
# fmt: on
"""Primitives that act on every entry alone; a scalar operand may accompany arrays."""

_NO_PARAM = frozenset({"convert_element_type"})
_SAME = {"add_any": "add", "stop_gradient": None}


def parameters(name: str, params: dict[str, Any]) -> Hashable:
    """An operation's parameters as a node's ``param``: nothing, the one that matters, or all of them."""
    if name in _NO_PARAM:
        return None
    kept = {k: v for k, v in params.items() if k not in ("accuracy", "sharding") and v is not None}
    if not kept:
        return None
    if name == "integer_pow":
        return int(kept["y"])
    if name == "round":
        return int(kept["rounding_method"])
    return tuple(sorted(kept.items()))


def emit_elementwise(builder: Builder, name: str, args: Sequence[int], dtype: str, params: dict[str, Any]) -> int:
    """One entry of an elementwise primitive."""
    if name in _SAME:
        same = _SAME[name]
        return args[0] if same is None else builder.emit(same, args, dtype)
    return builder.emit(name, args, dtype, parameters(name, params))


@dataclass(frozen=True)
class _Template:
    """A small program over placeholders: the result's value, and the partial by every active operand (or ``None``
    for zero).
    """

    nodes: tuple[Node, ...]
    result: int
    partials: dict[int, int | None]


def apply(walker: Interpreter, eqn: Any, operands: Sequence[Value]) -> list[Value]:
    """Evaluate an elementwise equation entry by entry, and give active entries their vertex."""
    name, (out,) = eqn.primitive.name, eqn.outvars
    builder, dtype = walker.recorder.builder, out.aval.dtype.name
    shape = out.aval.shape
    lifted = [lift(builder, v) for v in operands]
    walker.recorder.check_size(out.aval.size)
    columns = [np.broadcast_to(v.ids, shape).ravel().tolist() for v in lifted]
    active = [k for k, v in enumerate(lifted) if v.active] if is_float(out.aval) else []
    ids: list[int] = []
    if not active:
        ids = [emit_elementwise(builder, name, args, dtype, eqn.params) for args in zip(*columns, strict=True)]
        return [Symbolic(np.array(ids, dtype=np.int64).reshape(shape), None, dtype)]
    template = _template(walker, eqn, tuple(active), [v.dtype for v in lifted])
    sources = {k: np.broadcast_to(lifted[k].tangent_vertices(), shape).ravel().tolist() for k in active}
    vertices: list[int] = []
    label = walker.label(eqn)
    for position, args in enumerate(zip(*columns, strict=True)):
        place = _stamp(builder, template, args)
        ids.append(place[template.result])
        form: dict[int, int] = {}
        for k in active:
            source, partial = sources[k][position], template.partials[k]
            if source != NO_TANGENT and partial is not None:
                coefficient = place[partial]
                if source in form:
                    coefficient = builder.emit("add", (form[source], coefficient), builder.nodes[coefficient].dtype)
                form[source] = coefficient
        vertices.append(walker.recorder.vertex(form, label))
    return [walker.symbolic(ids, vertices, shape, dtype)]


def _stamp(builder: Builder, template: _Template, args: Sequence[int]) -> list[int]:
    place: list[int] = []
    for op, inner, dtype, param in template.nodes:
        if op == "input":
            place.append(args[param])
        elif op == "const":
            place.append(builder.const(param, dtype))
        else:
            place.append(builder.emit(op, [place[a] for a in inner], dtype, param))
    return place


_templates: dict[Hashable, _Template] = {}


def _template(walker: Interpreter, eqn: Any, active: tuple[int, ...], dtypes: Sequence[str]) -> _Template:
    name = eqn.primitive.name
    out_dtype = eqn.outvars[0].aval.dtype.name
    key = (name, active, tuple(dtypes), out_dtype, parameters(name, eqn.params), setting("jax_enable_x64"))
    found = _templates.get(key)
    if found is None:
        found = _templates[key] = _derive(walker, eqn, active)
    return found


def _derive(walker: Interpreter, eqn: Any, active: tuple[int, ...]) -> _Template:
    """Trace JAX's rule at shape ``()`` with distinct operands, and read off the coefficients."""
    scalars = [jax.ShapeDtypeStruct((), v.aval.dtype, weak_type=v.aval.weak_type) for v in eqn.invars]
    params = dict(eqn.params)
    # A sharding of the traced shape means nothing for a single number.
    if "sharding" in params:
        params["sharding"] = None
    scalar_eqn = jax.make_jaxpr(lambda *a: eqn.primitive.bind(*a, **params))(*scalars).jaxpr.eqns[-1]
    invars = list(scalar_eqn.invars)
    rule = forward_rule(scalar_eqn, frozenset(invars[k] for k in active))
    mini = walker.scratch(len(invars))
    places = [mini.recorder.builder.input(k, v.aval.dtype.name) for k, v in enumerate(invars)]
    primals = [Symbolic(np.array(p), None, v.aval.dtype.name) for p, v in zip(places, invars, strict=True)]
    order = [invars.index(v) for v in rule.operands]
    values, tangents = mini.run_rule(rule, [primals[k] for k in order], [order[k] for k in rule.active])
    result = lift(mini.recorder.builder, values[0])
    partials: dict[int, int | None] = dict.fromkeys(active)
    if rule.differentiable:
        entry: Any = tangents[0].entries[()]
        form: Form = entry or {}
        if any(v not in active for v in form):
            raise unsupported(eqn.primitive.name, "has a derivative rule that is not a sum of products")
        partials.update(form)
    return _Template(tuple(mini.recorder.builder.nodes), int(result.ids), partials)
