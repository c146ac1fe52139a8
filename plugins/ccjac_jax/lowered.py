"""Primitives that no table knows, such as those of releases of JAX to come: evaluated as JAX itself evaluates them.

Either the primitive's implementation is a function of other primitives, which is traced and expanded in its place; or
JAX lowers the primitive to a few operations of StableHLO that act on every entry alone, and each of them is one of the
scalar program's.  Nothing is inferred from a name.  Derivatives are never taken through either: an operand that carries
a tangent is left to the primitive's own derivative rule.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex

from ccjac import expand
from ccjac.errors import UnsupportedError
from ccjac.expand import Expander, Forms, Value, is_known, lift, unsupported, zero_forms
from ccjac.limits import RULE_MEMORY
from ccjac.program import Builder, Program

from .derivative import shape_of
from .names import ELEMENTWISE


def inlined(eqn: Any) -> Any:
    """The primitive's implementation as a closed jaxpr, or ``None`` if it is not made of other primitives."""
    return _by_signature(_trace_implementation, eqn)


def composition(eqn: Any) -> Program:
    """The operations on single entries that JAX lowers an equation to.

    Raises:
        UnsupportedError: It lowers it to others.
    """
    program: Program = _by_signature(_lower, eqn)
    return program


def evaluate(ex: Expander, eqn: Any, operands: Sequence[Value]) -> list[Value]:
    """An equation entry by entry; its operands are values without tangents, or tangents themselves.

    Raises:
        UnsupportedError: JAX lowers it to more than operations on single entries, or those are not linear in tangents.
    """
    with_tangents = any(isinstance(v, Forms) for v in operands)
    try:
        composed = composition(eqn)
    except UnsupportedError:
        if with_tangents:
            why = "is applied to tangents in a derivative rule and is not known to be linear"
            raise unsupported(eqn.primitive.name, why) from None
        raise
    if with_tangents:
        # JAX spells out tangents that are zero, which an operand of a rule may be as well as any other number.
        zeros = [Forms(zero_forms(np.shape(v))) if _is_zero(v) else v for v in operands]
        try:
            return _composed(ex, eqn, composed, zeros)
        except UnsupportedError:
            pass
    return _composed(ex, eqn, composed, operands)


def _is_zero(value: Value) -> bool:
    return is_known(value) and expand.is_floating(np.asarray(value).dtype.name) and not np.any(value)


def _composed(ex: Expander, eqn: Any, composition: Program, operands: Sequence[Value]) -> list[Value]:
    values: list[Value] = []
    for node in composition.nodes:
        if node.op == "input":
            values.append(operands[node.param])
            continue
        if node.op == "const":
            values.append(np.asarray(node.param, jax.numpy.dtype(node.dtype)))
            continue
        args = [values[a] for a in node.args]
        shape = np.broadcast_shapes(*(np.shape(v) for v in args))
        if any(isinstance(v, Forms) for v in args):
            values.append(expand.linear.apply(ex, node.op, args, shape, node.dtype))
        else:
            values.append(
                expand.elementwise(ex, node.op, node.param, args, shape, node.dtype, template=_never, label="")
            )
    return [_spread(ex, values[k], var.aval.shape) for k, var in zip(composition.results, eqn.outvars, strict=True)]


def _spread(ex: Expander, value: Value, shape: tuple[int, ...]) -> Value:
    """A result that does not depend on every operand may have fewer entries."""
    if isinstance(value, Forms):
        return Forms(np.broadcast_to(value.entries, shape))
    lifted = lift(ex.builder, value)
    return ex.values(np.broadcast_to(lifted.ids, shape).ravel().tolist(), shape, lifted.dtype)


def _never(active: tuple[int, ...], dtypes: Sequence[str]) -> expand.Template:
    raise AssertionError("an operand with a tangent")


@dataclass(frozen=True)
class _Signature:
    """A primitive with its parameters and the types of its operands."""

    primitive: Any
    params: tuple[tuple[str, Any], ...]
    avals: tuple[jax.ShapeDtypeStruct, ...]

    def bind(self, *operands: Any) -> list[Any]:
        results = self.primitive.bind(*operands, **dict(self.params))
        return list(results) if self.primitive.multiple_results else [results]


def _by_signature(function: Callable[[_Signature], Any], eqn: Any) -> Any:
    """Call a remembered function, or compute anew where parameters cannot be hashed."""
    signature = _Signature(
        eqn.primitive, tuple(sorted(eqn.params.items())), tuple(shape_of(v.aval) for v in eqn.invars)
    )
    try:
        hash(signature)
    except TypeError:
        return function.__wrapped__(signature)  # type: ignore[attr-defined]
    return function(signature)


@functools.lru_cache(RULE_MEMORY)
def _trace_implementation(signature: _Signature) -> Any:
    implementation = getattr(signature.primitive, "impl", None)
    if implementation is None:
        return None
    try:
        closed = jax.make_jaxpr(functools.partial(implementation, **dict(signature.params)))(*signature.avals)
    except Exception:
        # It wants numbers, not tracers.
        return None
    return None if _contains(closed.jaxpr, signature.primitive) else closed


def _contains(jaxpr: Any, primitive: Any) -> bool:
    for eqn in jaxpr.eqns:
        if eqn.primitive is primitive or eqn.effects:
            return True
        for param in jax.tree.leaves(tuple(eqn.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(param) and _contains(getattr(param, "jaxpr", param), primitive):
                return True
    return False


def _is_jaxpr(x: Any) -> bool:
    return isinstance(x, (jex.ClosedJaxpr, jex.Jaxpr))


# -- StableHLO ---------------------------------------------------------------------------------------------------------

_OPERATIONS: dict[str, tuple[str, Any]] = {
    **{
        name: (name, None) for name in "sqrt rsqrt cbrt abs sign tan tanh atan2 floor ceil clamp and or xor not".split()
    },
    **{name: (name, None) for name in "log logistic is_finite shift_left shift_right_arithmetic".split()},
    "add": ("add", None),
    "subtract": ("sub", None),
    "multiply": ("mul", None),
    "divide": ("div", None),
    "negate": ("neg", None),
    "remainder": ("rem", None),
    "power": ("pow", None),
    "maximum": ("max", None),
    "minimum": ("min", None),
    "exponential": ("exp", None),
    "exponential_minus_one": ("expm1", None),
    "log_plus_one": ("log1p", None),
    "sine": ("sin", None),
    "cosine": ("cos", None),
    "round_nearest_afz": ("round", 0),
    "round_nearest_even": ("round", 1),
    "shift_right_logical": ("shift_right_logical", None),
    "convert": ("convert_element_type", None),
    "bitcast_convert": ("bitcast_convert_type", None),
    "popcnt": ("population_count", None),
    "count_leading_zeros": ("clz", None),
}
"""Operations of StableHLO that act on every entry alone -> operation and its parameter."""

_TYPES = {"i1": "bool", "bf16": "bfloat16", "f16": "float16", "f32": "float32", "f64": "float64"}
_TYPES |= {
    f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("ui", "uint")) for bits in (8, 16, 32, 64)
}


@functools.lru_cache(RULE_MEMORY)
def _lower(signature: _Signature) -> Program:
    """What JAX lowers a primitive to, as a program of one entry."""
    name = signature.primitive.name
    try:
        lowered = jax.jit(signature.bind).trace(*signature.avals).lower(lowering_platforms=("cpu",))
        module = lowered.compiler_ir("stablehlo")
    except Exception as error:
        raise unsupported(name, f"has no scalar rule, and cannot be lowered alone ({type(error).__name__})") from None
    functions = {f.attributes["sym_name"].value: f for f in module.body.operations}
    builder = Builder()
    inputs = [builder.input(k, a.dtype.name) for k, a in enumerate(signature.avals)]
    try:
        results = _walk(builder, functions, functions["main"], inputs)
    except UnsupportedError as error:
        raise unsupported(name, f"has no scalar rule ({error})") from None
    return builder.finish(results, len(inputs))


def _walk(builder: Builder, functions: dict[str, Any], function: Any, arguments: Sequence[int]) -> list[int]:
    """One entry of a function's results."""
    block = function.regions[0].blocks[0]
    values: dict[Any, int] = dict(zip(block.arguments, arguments, strict=True))
    for view in block.operations:
        op = view.operation
        operands = [values[v] for v in op.operands]
        if op.name in ("func.return", "stablehlo.return"):
            return operands
        if op.name == "func.call":
            found = _walk(builder, functions, functions[op.attributes["callee"].value], operands)
        elif op.name == "stablehlo.optimization_barrier":
            found = operands
        else:
            found = [_entry(builder, op, operands)]
        values.update(zip(op.results, found, strict=True))
    raise UnsupportedError("a function without a result")


def _entry(builder: Builder, op: Any, operands: list[int]) -> int:
    dialect, _, name = op.name.partition(".")
    shape, dtype = _tensor(op.results[0])
    if name == "constant":
        numbers = np.asarray(op.attributes["value"])
        if not op.attributes["value"].is_splat:
            raise UnsupportedError("an array of different constants")
        return builder.const(numbers.ravel()[0].item(), dtype)
    before = [_tensor(v) for v in op.operands]
    if name == "broadcast_in_dim":
        # Only as operands are broadcast anyway: the last axes of the result are those of the operand.
        places = list(op.attributes["broadcast_dimensions"])
        if places != list(range(len(shape) - len(before[0][0]), len(shape))):
            raise UnsupportedError("an operand is spread over other axes than the first")
        return operands[0]
    # A choice or its bounds may be one number for all entries.
    single = {"select": (0,), "clamp": (0, 2)}.get(name, ())
    if any(s != shape and not (k in single and s == ()) for k, (s, _) in enumerate(before)):
        raise UnsupportedError(f"{op.name} does not act on every entry alone")
    if name == "select":
        return builder.emit("select_n", (operands[0], operands[2], operands[1]), dtype)
    if name == "compare":
        attributes = {a: str(op.attributes[a]) for a in ("comparison_direction", "compare_type") if a in op.attributes}
        direction = re.search(r"\b(EQ|NE|LT|LE|GT|GE)\b", attributes["comparison_direction"])
        if direction is None or "TOTALORDER" in attributes.get("compare_type", ""):
            raise UnsupportedError("a comparison by total order")
        return builder.emit(direction[1].lower(), operands, dtype)
    if dialect == "stablehlo" and name in _OPERATIONS:
        target, param = _OPERATIONS[name]
        return builder.emit(target, operands, dtype, param)
    if dialect == "chlo" and name in ELEMENTWISE.values():
        return builder.emit(name, operands, dtype)
    raise UnsupportedError(f"{op.name} is none of a scalar program's operations")


def _tensor(value: Any) -> tuple[tuple[int, ...], str]:
    """Shape and type of a value of StableHLO."""
    found = re.fullmatch(r"tensor<((?:\d+x)*)(\w+)>", str(value.type))
    if found is None or found[2] not in _TYPES:
        raise UnsupportedError(f"values of type {value.type}")
    return tuple(int(n) for n in found[1].split("x") if n), _TYPES[found[2]]
