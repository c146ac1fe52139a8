"""Operators that act on every entry alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import Forms, Symbolic, Value, elementwise, is_floating, is_known, lift, linear

from ..shadows import TYPES, type_name
from .operation import Operation, Rule
from .templates import remembered

aten = torch.ops.aten


def apply(
    op: Operation,
    scalar: str,
    operands: Sequence[Value],
    *,
    dtype: str | None = None,
    shape: tuple[int, ...] | None = None,
    param: Any = None,
    call: Callable[..., Any] | None = None,
    key: Any = None,
) -> Value:
    """The scalar operation ``scalar`` on every entry, with torch's own derivative.

    Args:
        op: The operator.
        scalar: An operation of scalar programs.
        operands: Its operands, of the types that the operation wants.
        dtype, shape: Of the result; the operator's by default.
        param: The scalar operation's parameter.
        call: What torch differentiates, by default the operator itself.
        key: Names ``call``, by default the operator's name.
    """
    dtype = op.dtype if dtype is None else dtype
    shape = op.shape if shape is None else shape
    if any(isinstance(v, Forms) for v in operands):
        spread = [_spread(v, shape) for v in operands]
        return linear.apply(op.ex, scalar, spread, shape, dtype)
    call = op.function if call is None else call
    return elementwise(
        op.ex,
        scalar,
        param,
        operands,
        shape,
        dtype,
        template=lambda active, dtypes: remembered(
            (op.name if key is None else key, scalar, param, dtype), op.tracing, call, active, dtypes
        ),
        label=op.label,
    )


def fused(
    op: Operation, value: Callable[..., Any], call: Callable[..., Any], key: Any, tensors: Sequence[Any]
) -> Value:
    """An operator that is one vertex, but whose value takes several scalar operations.

    Args:
        op: The operator.
        value: The operator's value, by other operators.
        call: The operator itself, which torch differentiates.
        key: Names the two, with all their parameters.
        tensors: Their operands, tensors and numbers.
    """
    dtype, ex = op.dtype, op.ex
    operands = [op.value(x, dtype) for x in tensors]
    if any(isinstance(v, Forms) for v in operands):
        raise UnsupportedError(f"a derivative rule applies `{op.name}` to tangents")
    if not any(isinstance(v, Symbolic) and v.active for v in operands):
        with op.tracing.nested(ex) as trace:
            ready = [_stand_in(trace, lift(ex.builder, v)) for v in operands]
            return trace.value(value(*ready))
    return elementwise(
        ex,
        "copy",
        None,
        operands,
        op.shape,
        dtype,
        template=lambda active, dtypes: remembered((key, dtype), op.tracing, call, active, dtypes),
        label=op.label,
    )


def _stand_in(trace: Any, value: Symbolic) -> torch.Tensor:
    tensor = torch.full(value.shape, 0.40625, dtype=TYPES[value.dtype])
    trace.shadows.put(tensor, value)
    return tensor


def _spread(value: Value, shape: tuple[int, ...]) -> Value:
    """Operands of linear rules have the result's shape."""
    if isinstance(value, Forms):
        return Forms(np.broadcast_to(value.entries, shape))
    if isinstance(value, Symbolic):
        vertices = None if value.vertices is None else np.broadcast_to(value.vertices, shape)
        return Symbolic(np.broadcast_to(value.ids, shape), vertices, value.dtype)
    return np.broadcast_to(value, shape)


# -- tables ---------------------------------------------------------------------------------------------------------


def _simple(scalar: str, n: int = 1, param: Any = None) -> Rule:
    """An operator whose first ``n`` arguments are a scalar operation's operands; others must have their defaults."""

    def rule(op: Operation) -> Value:
        if any(x is not None for x in op.args[n:]) or any(v is not None for v in op.kwargs.values()):
            raise UnsupportedError(f"the operation `{op.name}` has no scalar rule with these options")
        operands = [op.value(x, op.dtype) for x in op.args[:n]]
        if not is_floating(op.dtype) and scalar not in _INTEGERS:
            raise UnsupportedError(f"the operation `{op.name}` has no scalar rule for {op.dtype}")
        return apply(op, scalar, operands, param=param)

    return rule


_INTEGERS = frozenset({"add", "sub", "mul", "neg", "abs", "max", "min", "sign", "and", "or", "xor", "not", "square"})


def _sum(scalar: str, *, swapped: bool = False) -> Rule:
    """``a + alpha * b`` and its like."""

    def rule(op: Operation) -> Value:
        named = op.named
        left, right = (op.value(named[k], op.dtype) for k in ("self", "other"))
        alpha = named.get("alpha", 1)
        factor = left if swapped else right
        if alpha != 1:
            factor = apply(op, "mul", [factor, op.value(alpha, op.dtype)], shape=np.shape(_ids(factor)), **_MUL)
        if swapped:
            return apply(op, scalar, [right, factor], call=torch.sub, key="sub")
        return apply(op, scalar, [left, factor], call=getattr(torch, scalar), key=scalar)

    return rule


_MUL: dict[str, Any] = {"call": torch.mul, "key": "mul"}


def _ids(value: Value) -> Any:
    return value.ids if isinstance(value, Symbolic) else value.entries if isinstance(value, Forms) else value


def _divided(op: Operation) -> Value:
    mode = op.named.get("rounding_mode")
    operands = [op.value(op.named[k], op.dtype) for k in ("self", "other")]
    if not is_floating(op.dtype):
        return _integers_divided(op, mode)[0]
    if mode is None:
        return apply(op, "div", operands)
    quotient = apply(op, "div", operands, call=torch.div, key="div")
    if isinstance(quotient, Forms):
        raise UnsupportedError("a derivative rule rounds a tangent")
    return _rounded(op, quotient, "floor" if mode == "floor" else "trunc")


def _integers_divided(op: Operation, how: str | None) -> tuple[Symbolic, Symbolic]:
    """The quotient, towards minus infinity (``"floor"``) or zero, and what is left of the first operand."""
    dtype, emit, const = op.dtype, op.ex.builder.emit, op.ex.builder.const
    left, right = (lift(op.ex.builder, op.value(x, dtype)) for x in op.args[:2])
    divisors = _numbers(op, right)
    if divisors is None or not divisors.all():
        raise UnsupportedError(f"the operation `{op.name}` has no scalar rule for integers that may be divided by zero")
    zero, one = const(0, dtype), const(1, dtype)
    quotients, rests = [], []
    pairs = zip(np.broadcast_to(left.ids, op.shape).ravel(), np.broadcast_to(right.ids, op.shape).ravel(), strict=True)
    for x, y in ((int(a), int(b)) for a, b in pairs):
        quotient, rest = emit("div", (x, y), dtype), emit("rem", (x, y), dtype)
        if how == "floor":
            signs = emit("ne", (emit("lt", (rest, zero), "bool"), emit("lt", (y, zero), "bool")), "bool")
            below = emit("and", (emit("ne", (rest, zero), "bool"), signs), "bool")
            quotient = emit("select_n", (below, quotient, emit("sub", (quotient, one), dtype)), dtype)
            rest = emit("select_n", (below, rest, emit("add", (rest, y), dtype)), dtype)
        quotients.append(quotient)
        rests.append(rest)
    return op.ex.values(quotients, op.shape, dtype), op.ex.values(rests, op.shape, dtype)


def _rounded(op: Operation, value: Symbolic, how: str) -> Symbolic:
    """Towards minus infinity or towards zero; no derivative."""
    ex, dtype = op.ex, op.dtype
    flat = lift(ex.builder, value).ids.ravel().tolist()
    emit = ex.builder.emit
    down = [emit("floor", (k,), dtype) for k in flat]
    if how == "trunc":
        zero = ex.builder.const(0.0, dtype)
        up = [emit("ceil", (k,), dtype) for k in flat]
        sign = [emit("lt", (k, zero), "bool") for k in flat]
        down = [emit("select_n", (s, d, u), dtype) for s, d, u in zip(sign, down, up, strict=True)]
    return ex.values(down, value.shape, dtype)


def _trunc(op: Operation) -> Value:
    return _rounded(op, op.value(op.args[0], op.dtype), "trunc")


def _power(op: Operation) -> Value:
    """A constant integral exponent is a product of factors, as in JAX; other exponents are operands."""
    base, exponent = op.args[0], op.args[1]
    dtype = op.dtype
    if not is_floating(dtype):
        raise UnsupportedError("the operation `pow` has no scalar rule for integers")
    power = op.value(exponent, dtype)
    numbers = _numbers(op, power)
    if numbers is not None and numbers.size == 1 and not isinstance(op.value(base, dtype), Forms):
        number = float(numbers.ravel()[0])
        if number.is_integer() and abs(number) < _LARGEST_POWER:
            n = int(number)
            call = _integer_power(n)
            return apply(op, "integer_pow", [op.value(base, dtype)], param=n, call=call, key=("power", n))
    return apply(op, "pow", [op.value(base, dtype), power], call=torch.pow, key="pow")


_LARGEST_POWER = 1000


def _integer_power(n: int) -> Callable[..., Any]:
    return lambda x: aten.pow.Tensor_Scalar(x, n)


def _numbers(op: Operation, value: Value) -> np.ndarray | None:
    """The numbers behind a value without inputs in it."""
    if is_known(value):
        return np.asarray(value)
    if isinstance(value, Symbolic):
        constants = [op.ex.builder.constant_value(k) for k in value.ids.ravel().tolist()]
        if not any(c is None for c in constants):
            return np.array(constants, dtype=np.float64).reshape(value.shape)
    return None


def _compare(scalar: str) -> Rule:
    def rule(op: Operation) -> Value:
        kind = type_name(torch.result_type(op.args[0], op.args[1]))
        return apply(op, scalar, [op.value(x, kind) for x in op.args[:2]], dtype="bool")

    return rule


def _logical(scalar: str) -> Rule:
    """Of truth values; other numbers are compared with zero first.  Bitwise operators keep integers."""

    def rule(op: Operation) -> Value:
        kind = "bool" if op.name.startswith("logical") else op.dtype
        operands = []
        for x in op.args:
            value = op.value(x) if isinstance(x, torch.Tensor) else op.value(x, kind)
            if kind == "bool" and not is_known(value) and value.dtype != "bool":
                zero = op.ex.builder.const(0.0 if is_floating(value.dtype) else 0, value.dtype)
                ids = [op.ex.builder.emit("ne", (k, zero), "bool") for k in value.ids.ravel().tolist()]
                value = op.ex.values(ids, value.shape, "bool")
            operands.append(op.converted(value, kind))
        return apply(op, scalar, operands)

    return rule


def _where(op: Operation) -> Value:
    condition, yes, no = op.args
    dtype = op.dtype
    which, cases = op.value(condition, "bool"), [op.value(x, dtype) for x in (no, yes)]
    if is_known(which) and not any(isinstance(c, Forms) for c in cases):
        return _picked(op, np.asarray(which), cases)
    return apply(op, "select_n", [which, *cases], call=_choose, key="where")


def _choose(which: torch.Tensor, no: torch.Tensor, yes: torch.Tensor) -> torch.Tensor:
    return torch.where(which, yes, no)


def _picked(op: Operation, which: np.ndarray, cases: Sequence[Value]) -> Value:
    """A choice that does not depend on the inputs moves entries."""
    from ccjac.expand import move, picked

    shape = op.shape
    spread = [_spread(lift(op.ex.builder, c), shape) for c in cases]
    return move(op.ex, spread, picked(np.broadcast_to(which, shape), 2), op.dtype)


def _converted(op: Operation) -> Value:
    return op.converted(op.value(op.args[0]), op.dtype)


def _clamped(op: Operation) -> Value:
    """The larger, then the smaller one: two vertices, as in JAX."""
    named = op.named
    low, high = named.get("min"), named.get("max")
    value = op.value(named["self"], op.dtype)
    for bound, scalar, call in ((low, "max", aten.clamp_min), (high, "min", aten.clamp_max)):
        if bound is not None:
            function = getattr(call, "Tensor")  # noqa: B009
            value = apply(op, scalar, [value, op.value(bound, op.dtype)], call=function, key=("clamp", scalar))
    return value


def _no_derivative(scalar: str, param: Any = None) -> Rule:
    """A step function."""

    def rule(op: Operation) -> Value:
        value = lift(op.ex.builder, op.value(op.args[0], op.dtype))
        emit = op.ex.builder.emit
        return op.ex.values(
            [emit(scalar, (k,), op.dtype, param) for k in value.ids.ravel().tolist()], op.shape, op.dtype
        )

    return rule


def _round(op: Operation) -> Value:
    if op.named.get("decimals", 0) != 0:
        raise UnsupportedError("the operation `round` has no scalar rule with decimals")
    return _no_derivative("round", 1)(op)


def _polygamma(op: Operation) -> Value:
    order = int(op.named["n"])
    operands = [op.value(float(order), op.dtype), op.value(op.named["self"], op.dtype)]
    if order == 0:
        return apply(op, "digamma", operands[1:], call=torch.digamma, key="digamma")

    def call(_: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.polygamma(order, x)

    return apply(op, "polygamma", operands, param=order, call=call, key=("polygamma", order))


def _test(op: Operation) -> Value:
    """``isnan`` and its like."""
    value = lift(op.ex.builder, op.value(op.args[0]))
    emit, const = op.ex.builder.emit, op.ex.builder.const
    flat = value.ids.ravel().tolist()
    if not is_floating(value.dtype):
        return op.ex.values([const(op.name == "isfinite", "bool")] * len(flat), op.shape, "bool")
    infinity = const(float("inf"), value.dtype)
    tests: dict[str, Callable[[int], int]] = {
        "isnan": lambda k: emit("ne", (k, k), "bool"),
        "isfinite": lambda k: emit("is_finite", (k,), "bool"),
        "isinf": lambda k: emit("eq", (emit("abs", (k,), value.dtype), infinity), "bool"),
        "signbit": lambda k: _is_negative(op, k, value.dtype),
    }
    return op.ex.values([tests[op.name](k) for k in flat], op.shape, "bool")


def _is_negative(op: Operation, k: int, dtype: str) -> int:
    """Also of a zero with a sign, which its reciprocal shows."""
    emit, const = op.ex.builder.emit, op.ex.builder.const
    zero = const(0.0, dtype)
    turned = emit("div", (const(1.0, dtype), k), dtype)
    is_zero = emit("and", (emit("eq", (k, zero), "bool"), emit("lt", (turned, zero), "bool")), "bool")
    return emit("or", (emit("lt", (k, zero), "bool"), is_zero), "bool")


def _remainder(op: Operation) -> Value:
    """``x - y * floor(x / y)``, or with the quotient cut off for ``fmod``; one vertex."""
    how = "floor" if op.name == "remainder" else "trunc"
    if not is_floating(op.dtype):
        return _integers_divided(op, how)[1]
    call = torch.remainder if op.name == "remainder" else torch.fmod

    def value(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x - y * torch.div(x, y, rounding_mode=how)

    return fused(op, value, call, op.name, op.args[:2])


def _composed(value: Callable[..., Any], n: int) -> Rule:
    """One vertex, with a value of several operations; further arguments are parameters."""

    def rule(op: Operation) -> Value:
        parameters, options = op.args[n:], op.kwargs

        def whole(*tensors: Any) -> Any:
            return value(*tensors, *parameters, **options)

        def call(*tensors: Any) -> Any:
            return op.function(*tensors, *parameters, **options)

        return fused(op, whole, call, (op.name, repr(parameters), repr(sorted(options.items()))), op.args[:n])

    return rule


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    # Above the threshold torch takes x itself, which the formula gives to the last digit.
    scaled = x if beta == 1.0 else x * beta
    soft = torch.clamp_min(scaled, 0.0) + torch.log1p(torch.exp(-torch.abs(scaled)))
    return soft if beta == 1.0 else soft / beta


def _logaddexp(x: Any, y: Any) -> Any:
    return torch.maximum(x, y) + torch.log1p(torch.exp(-torch.abs(x - y)))


def _xlogy(x: Any, y: Any) -> Any:
    return torch.where(x == 0.0, torch.zeros_like(x), x * torch.log(y))


def _logit(x: Any, eps: float | None = None) -> Any:
    inside = x if eps is None else torch.clamp(x, eps, 1.0 - eps)
    return torch.log(inside / (1.0 - inside))


def _hypot(x: Any, y: Any) -> Any:
    larger, smaller = torch.maximum(x.abs(), y.abs()), torch.minimum(x.abs(), y.abs())
    ratio = smaller / torch.where(larger == 0.0, torch.ones_like(larger), larger)
    return larger * torch.sqrt(1.0 + ratio * ratio)


def _hardtanh(op: Operation) -> Value:
    """Between two bounds, as ``clamp``; ``relu6`` is one vertex, as in JAX."""
    named = op.named
    low, high = named.get("min_val", -1), named.get("max_val", 1)
    if (low, high) == (0, 6):
        return _composed(torch.clamp, 1)(op)
    value = op.value(named["self"], op.dtype)
    # Unlike that of `clamp`, the derivative at a bound is zero.
    for bound, scalar, call in ((low, "max", _above), (high, "min", _below)):
        value = apply(op, scalar, [value, op.value(bound, op.dtype)], call=call, key=("hardtanh", scalar))
    return value


def _above(x: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    return torch.where(x > bound, x, bound)


def _below(x: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    return torch.where(x < bound, x, bound)


ELEMENTWISE: dict[str, Rule] = {
    **{
        name: _simple(scalar)
        for name, scalar in {
            "neg": "neg",
            "sin": "sin",
            "cos": "cos",
            "tan": "tan",
            "asin": "asin",
            "acos": "acos",
            "atan": "atan",
            "sinh": "sinh",
            "cosh": "cosh",
            "tanh": "tanh",
            "asinh": "asinh",
            "acosh": "acosh",
            "atanh": "atanh",
            "exp": "exp",
            "exp2": "exp2",
            "expm1": "expm1",
            "log": "log",
            "log1p": "log1p",
            "sqrt": "sqrt",
            "rsqrt": "rsqrt",
            "abs": "abs",
            "sigmoid": "logistic",
            "erf": "erf",
            "erfc": "erfc",
            "erfinv": "erf_inv",
            "lgamma": "lgamma",
            "digamma": "digamma",
            "special_i0e": "bessel_i0e",
            "special_i1e": "bessel_i1e",
            "bitwise_not": "not",
        }.items()
    },
    "mul": _simple("mul", 2),
    "maximum": _simple("max", 2),
    "minimum": _simple("min", 2),
    "atan2": _simple("atan2", 2),
    "nextafter": _simple("nextafter", 2),
    "add": _sum("add"),
    "sub": _sum("sub"),
    "rsub": _sum("sub", swapped=True),
    "div": _divided,
    "true_divide": _divided,
    "pow": _power,
    "reciprocal": lambda op: apply(
        op, "div", [op.value(1.0, op.dtype), op.value(op.args[0], op.dtype)], call=torch.div, key="div"
    ),
    "square": lambda op: apply(op, "square", [op.value(op.args[0], op.dtype)], call=torch.square, key="square"),
    **{name: _compare(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{f"{kind}_{name}": _logical(name) for kind in ("logical", "bitwise") for name in ("and", "or", "xor")},
    "logical_not": _logical("not"),
    "where": _where,
    "clamp": _clamped,
    "clamp_min": _clamped,
    "clamp_max": _clamped,
    "hardtanh": _hardtanh,
    "relu": lambda op: apply(
        op, "max", [op.value(op.args[0], op.dtype), op.value(0.0, op.dtype)], call=_relu, key="relu"
    ),
    "sign": _no_derivative("sign"),
    "sgn": _no_derivative("sign"),
    "floor": _no_derivative("floor"),
    "ceil": _no_derivative("ceil"),
    "trunc": _trunc,
    "fix": _trunc,
    "round": _round,
    **dict.fromkeys(("isnan", "isfinite", "isinf", "signbit"), _test),
    "polygamma": _polygamma,
    "remainder": _remainder,
    "fmod": _remainder,
    "softplus": _composed(_softplus, 1),
    "logaddexp": _composed(_logaddexp, 2),
    "xlogy": _composed(_xlogy, 2),
    "logit": _composed(_logit, 1),
    "hypot": _composed(_hypot, 2),
    "_to_copy": _converted,
    "convert_element_type": _converted,
}


def _relu(x: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    return torch.relu(x)
