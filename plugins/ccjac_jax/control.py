"""Control flow: calls and kernels are inlined, loops of known length unrolled, conditionals turned into selections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .derivative import is_float, unsupported
from .kernel import KERNEL, plain_operations
from .linear import choose, linear_entries
from .values import Forms, Symbolic, Value, as_numpy, forms_of_vertices, is_known, lift, zero_forms

if TYPE_CHECKING:
    from .interpreter import Interpreter

ITERATION_LIMIT = 10_000
"""Loop iterations beyond which unrolling is hopeless even for tiny bodies."""

ControlRule = Callable[["Interpreter", Any, list[Value]], list[Value]]


def _call(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key in eqn.params:
            return walker.run_inner(eqn.params[key], operands)
    raise unsupported(eqn.primitive.name)


def _kernel(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    """The Jacobian of a function that computes a Jacobian itself."""
    return walker.run_inner(jax.make_jaxpr(plain_operations(**eqn.params))(*(v.aval for v in eqn.invars)), operands)


def _scan(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    params = eqn.params
    length, n_consts, n_carry = params["length"], params["num_consts"], params["num_carry"]
    if length > ITERATION_LIMIT:
        raise unsupported("scan", f"runs for {length} steps, too many to unroll")
    consts, carry, sequences = (
        operands[:n_consts],
        operands[n_consts : n_consts + n_carry],
        operands[n_consts + n_carry :],
    )
    steps = range(length - 1, -1, -1) if params["reverse"] else range(length)
    collected: dict[int, list[Value]] = {}
    for k in steps:
        walker.recorder.check_size()
        outs = walker.run_inner(params["jaxpr"], [*consts, *carry, *(_row(s, k) for s in sequences)])
        carry, collected[k] = outs[:n_carry], outs[n_carry:]
    stacked = [
        _stack(walker, [collected[k][position] for k in range(length)], var.aval)
        for position, var in enumerate(eqn.outvars[n_carry:])
    ]
    return [*carry, *stacked]


def _row(value: Value, k: int) -> Value:
    if isinstance(value, Symbolic):
        return Symbolic(value.ids[k], None if value.vertices is None else value.vertices[k], value.dtype)
    if isinstance(value, Forms):
        row = value.entries[k]
        entries = zero_forms(value.shape[1:])
        entries[...] = row
        return Forms(entries)
    if jax.numpy.issubdtype(value.dtype, jax.dtypes.extended):
        return value[k]
    return np.asarray(value)[k]


def _stack(walker: Interpreter, parts: list[Value], aval: Any) -> Value:
    if not parts:
        return np.zeros(aval.shape, aval.dtype)
    if any(isinstance(p, Forms) for p in parts):
        entries = zero_forms(aval.shape)
        for k, part in enumerate(parts):
            entries[k] = part.entries if isinstance(part, Forms) else zero_forms(aval.shape[1:])
        return Forms(entries)
    if all(is_known(p) for p in parts):
        return np.stack([as_numpy(p) for p in parts])
    lifted = [lift(walker.recorder.builder, p) for p in parts]
    vertices = np.stack([p.tangent_vertices() for p in lifted]) if any(p.active for p in lifted) else None
    return Symbolic(np.stack([p.ids for p in lifted]), vertices, aval.dtype.name)


def _while(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    """Unrolled as long as the condition is known, whatever the state; such loops count something."""
    params = eqn.params
    n_cond, n_body = params["cond_nconsts"], params["body_nconsts"]
    cond_consts, body_consts = operands[:n_cond], operands[n_cond : n_cond + n_body]
    state = operands[n_cond + n_body :]
    for _ in range(ITERATION_LIMIT):
        walker.recorder.check_size()
        (going,) = walker.run_inner(params["cond_jaxpr"], [*cond_consts, *state])
        if not is_known(going):
            raise unsupported("while", "runs for a number of steps that depends on the arguments")
        if not bool(as_numpy(going)):
            return state
        state = walker.run_inner(params["body_jaxpr"], [*body_consts, *state])
    raise unsupported("while", f"runs for more than {ITERATION_LIMIT} steps, too many to unroll")


def _cond(walker: Interpreter, eqn: Any, operands: list[Value]) -> list[Value]:
    index, *rest = operands
    branches = eqn.params["branches"]
    if is_known(index):
        return walker.run_inner(branches[int(np.clip(int(as_numpy(index)), 0, len(branches) - 1))], rest)
    builder = walker.recorder.builder
    which = lift(builder, index)
    number = int(which.ids)
    if which.dtype != "bool":
        low, high = builder.const(0, which.dtype), builder.const(len(branches) - 1, which.dtype)
        number = builder.emit("clamp", (low, number, high), which.dtype)
        if len(branches) == 2:
            number = builder.emit("ne", (number, low), "bool")
    results = [walker.run_inner(branch, rest) for branch in branches]
    return [
        _selected(walker, eqn, number, [result[k] for result in results], var.aval) for k, var in enumerate(eqn.outvars)
    ]


def _selected(walker: Interpreter, eqn: Any, which: int, cases: list[Value], aval: Any) -> Value:
    builder = walker.recorder.builder
    if any(isinstance(c, Forms) for c in cases):
        forms: list[Any] = [linear_entries(eqn, c) for c in cases]
        entries = zero_forms(aval.shape)
        for place in np.ndindex(aval.shape):
            entries[place] = choose(walker, which, [f[place] for f in forms])
        return Forms(entries)
    lifted = [lift(builder, c) for c in cases]
    dtype = aval.dtype.name
    ids = [
        builder.emit("select_n", (which, *column), dtype)
        for column in zip(*(c.ids.ravel().tolist() for c in lifted), strict=True)
    ]
    if not is_float(aval) or not any(c.active for c in lifted):
        return Symbolic(np.array(ids, dtype=np.int64).reshape(aval.shape), None, dtype)
    forms = [forms_of_vertices(builder, c).entries for c in lifted]
    label = walker.label(eqn)
    vertices = [
        walker.recorder.vertex(choose(walker, which, [f[place] for f in forms]) or {}, label)
        for place in np.ndindex(aval.shape)
    ]
    return walker.symbolic(ids, vertices, aval.shape, dtype)


CONTROL: dict[str, ControlRule] = dict.fromkeys(
    ("jit", "pjit", "closed_call", "core_call", "call", "remat", "remat2", "checkpoint", "custom_lin"), _call
) | {"scan": _scan, "while": _while, "cond": _cond, KERNEL.name: _kernel}
