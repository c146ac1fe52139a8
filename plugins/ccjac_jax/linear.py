"""Rules for equations that are linear in tangents: what JAX's derivative rules consist of.

An operand is either :class:`Forms` (linear in the tangents) or a primal value (a residual).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ccjac.program.linearization import Form

from .derivative import unsupported
from .reductions import contraction, matrix_of, rows, running
from .structural import scatter_positions
from .values import Forms, Value, as_numpy, is_known, lift, zero_forms

if TYPE_CHECKING:
    from .interpreter import Interpreter

LinearRule = Callable[["Interpreter", Any, list[Value]], list[Value]]


def linear_entries(eqn: Any, value: Value) -> np.ndarray:
    """The entries of an operand that must be linear: forms, or a constant zero."""
    if isinstance(value, Forms):
        return value.entries
    if is_known(value) and not as_numpy(value).any():
        return zero_forms(np.shape(value))
    raise unsupported(eqn.primitive.name, "mixes tangents with values in a derivative rule")


def add(walker: Interpreter, a: Form | None, b: Form | None) -> Form | None:
    """The sum of two forms."""
    if not a or not b:
        return a or b
    builder = walker.recorder.builder
    merged = dict(a)
    for v, c in b.items():
        merged[v] = builder.emit("add", (merged[v], c), builder.nodes[c].dtype) if v in merged else c
    return merged


def scale(walker: Interpreter, form: Form | None, factor: int, op: str = "mul") -> Form | None:
    """A form times (or divided by) a residual.

    A sum of several terms becomes a vertex first, so that the factor is applied once, not once per term.
    """
    builder = walker.recorder.builder
    number = builder.constant_value(factor)
    if not form or (op == "mul" and number == 0):
        return None
    if number not in (1.0, -1.0):
        form = walker.settled(form)
    return {v: builder.emit(op, (c, factor), builder.nodes[factor].dtype) for v, c in form.items()}


def choose(walker: Interpreter, which: int, cases: list[Form | None]) -> Form | None:
    """``select_n`` of forms by a program value: every coefficient is switched off outside its own case."""
    builder = walker.recorder.builder
    settled = [walker.settled(case) if case else {} for case in cases]
    chosen: Form = {}
    for v in dict.fromkeys(v for case in settled for v in case):
        dtype = next(builder.nodes[case[v]].dtype for case in settled if v in case)
        zero = builder.const(0.0, dtype)
        chosen[v] = builder.emit("select_n", (which, *(case.get(v, zero) for case in settled)), dtype)
    return chosen or None


def _map(function: Callable[..., Any], shape: tuple[int, ...], *arrays: np.ndarray) -> Forms:
    out = zero_forms(shape)
    spread = [np.broadcast_to(a, shape) for a in arrays]
    for place in np.ndindex(shape):
        out[place] = function(*(a[place] for a in spread))
    return Forms(out)


def _add(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    a, b = (linear_entries(eqn, v) for v in operands)
    return [_map(lambda x, y: add(walker, x, y), eqn.outvars[0].aval.shape, a, b)]


def _neg(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    minus = walker.recorder.builder.const(-1.0, eqn.outvars[0].aval.dtype.name)
    return [_map(lambda x: scale(walker, x, minus), eqn.outvars[0].aval.shape, linear_entries(eqn, operands[0]))]


def _sub(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    minus = walker.recorder.builder.const(-1.0, eqn.outvars[0].aval.dtype.name)
    a, b = (linear_entries(eqn, v) for v in operands)
    return [_map(lambda x, y: add(walker, x, scale(walker, y, minus)), eqn.outvars[0].aval.shape, a, b)]


def _mul(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    a, b = operands
    if isinstance(a, Forms) and isinstance(b, Forms):
        raise unsupported("mul", "multiplies two tangents in a derivative rule")
    form, factor = (a, b) if isinstance(a, Forms) else (b, a)
    ids = lift(walker.recorder.builder, factor).ids
    return [_map(lambda x, c: scale(walker, x, int(c)), eqn.outvars[0].aval.shape, form.entries, ids)]


def _div(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    form, divisor = operands
    if isinstance(divisor, Forms):
        raise unsupported("div", "divides by a tangent in a derivative rule")
    ids = lift(walker.recorder.builder, divisor).ids
    return [_map(lambda x, c: scale(walker, x, int(c), "div"), eqn.outvars[0].aval.shape, form.entries, ids)]


def _select(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    which, *cases = operands
    if isinstance(which, Forms):
        raise unsupported("select_n", "selects by a tangent in a derivative rule")
    ids = lift(walker.recorder.builder, which).ids
    builder = walker.recorder.builder

    def pick(k: int, *forms: Form | None) -> Form | None:
        number = builder.constant_value(k)
        return forms[int(number)] if number is not None else choose(walker, k, list(forms))

    return [
        _map(lambda k, *f: pick(int(k), *f), eqn.outvars[0].aval.shape, ids, *(linear_entries(eqn, c) for c in cases))
    ]


def _convert(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    # Coefficients keep their own type; products meet in the wider one.
    return [Forms(linear_entries(eqn, operands[0]))]


def _total(walker: Interpreter, terms: Any) -> Form | None:
    result: Form | None = None
    for term in terms:
        result = add(walker, result, term)
    return result


def _reduce_sum(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    table, shape = rows(linear_entries(eqn, operands[0]), tuple(eqn.params["axes"]))
    out = zero_forms((len(table),))
    for k, row in enumerate(table):
        out[k] = _total(walker, row)
    return [Forms(out.reshape(shape))]


def _cumsum(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    entries = linear_entries(eqn, operands[0])
    combined = running(lambda a, b: add(walker, a, b), entries, eqn.params["axis"], eqn.params["reverse"])
    return [Forms(combined)]


def _dot_general(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    builder = walker.recorder.builder
    flipped = isinstance(operands[1], Forms)
    if flipped and isinstance(operands[0], Forms):
        raise unsupported("dot_general", "multiplies two tangents in a derivative rule")
    left, right = (v.entries if isinstance(v, Forms) else lift(builder, v).ids for v in operands)
    a, b, shape = contraction(left, right, eqn.params["dimension_numbers"])
    walker.recorder.check_size(2 * a.shape[0] * a.shape[1] * b.shape[1] * a.shape[2])
    out = zero_forms((a.shape[0], a.shape[1], b.shape[1]))
    for batch, i, j in np.ndindex(out.shape):
        pairs = zip(a[batch, i], b[batch, j], strict=True)
        out[batch, i, j] = _total(
            walker, (scale(walker, y, int(x)) if flipped else scale(walker, x, int(y)) for x, y in pairs)
        )
    return [Forms(out.reshape(shape))]


def _scatter_add(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    operand, where, updates = operands
    if not is_known(where):
        raise unsupported(eqn.primitive.name, "has indices that depend on the arguments")
    base, extra = linear_entries(eqn, operand), linear_entries(eqn, updates)
    flat = base.ravel().copy()
    target = scatter_positions(eqn.params, np.asarray(where), base.shape, extra.shape).ravel()
    for position, update in zip(target.tolist(), extra.ravel(), strict=True):
        if position >= 0:
            flat[position] = add(walker, flat[position], update)
    return [Forms(flat.reshape(base.shape))]


def _scatter_mul(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    operand, where, factors = operands
    if not is_known(where) or isinstance(factors, Forms):
        raise unsupported(eqn.primitive.name, "has indices or factors that depend on the tangents")
    base, ids = linear_entries(eqn, operand), lift(walker.recorder.builder, factors).ids
    flat = base.ravel().copy()
    target = scatter_positions(eqn.params, np.asarray(where), base.shape, ids.shape).ravel()
    for position, factor in zip(target.tolist(), ids.ravel().tolist(), strict=True):
        if position >= 0:
            flat[position] = scale(walker, flat[position], factor)
    return [Forms(flat.reshape(base.shape))]


def apply(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    """Evaluate an equation with forms among its operands.

    Raises:
        UnsupportedError: The operation is not linear, or not known to be: a user's derivative rule may clip, for
        example.
    """
    name = eqn.primitive.name
    if name not in LINEAR:
        raise unsupported(name, "is applied to tangents in a derivative rule and is not known to be linear")
    return LINEAR[name](walker, eqn, operands)


def _by_basis(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    """A linear operation whose other operands are known: apply it to the unit vectors, for a linear map is its
    matrix.
    """
    place, matrix = matrix_of(walker, eqn, [isinstance(v, Forms) for v in operands], operands)
    forms = operands[place].entries.ravel()
    builder, aval = walker.recorder.builder, eqn.outvars[0].aval
    out = zero_forms((aval.size,))
    for row in range(aval.size):
        columns = np.flatnonzero(matrix[row])
        factors = (builder.const(float(matrix[row, c]), aval.dtype.name) for c in columns)
        out[row] = _total(walker, (scale(walker, forms[c], f) for c, f in zip(columns, factors, strict=True)))
    return [Forms(out.reshape(aval.shape))]


LINEAR: dict[str, LinearRule] = {
    "add": _add,
    "add_any": _add,
    "sub": _sub,
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "select_n": _select,
    "convert_element_type": _convert,
    "reduce_sum": _reduce_sum,
    "cumsum": _cumsum,
    "dot_general": _dot_general,
    "scatter-add": _scatter_add,
    "scatter_add": _scatter_add,
    "scatter-mul": _scatter_mul,
    "scatter_mul": _scatter_mul,
} | dict.fromkeys(("conv_general_dilated", "reduce_precision", "reduce_window_sum", "triangular_solve"), _by_basis)
"""Primitive name -> rule; structural primitives are handled before."""
