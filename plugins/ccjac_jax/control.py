"""Control flow: calls are inlined, loops of known length unrolled, conditionals turned into selections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ccjac.expand import Expander, Value, as_numpy, clamped_case, is_known, row, select, stack, unsupported
from ccjac.settings import limits

from .names import label

ControlRule = Callable[[Expander, Any, list[Value]], list[Value]]


def _call(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key in eqn.params:
            return ex.run(eqn.params[key], operands)
    raise unsupported(eqn.primitive.name)


def _polynomial(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    """A polynomial by Horner's rule: the argument, then its coefficients, that of the lowest power first."""

    def horner(x: Any, *coefficients: Any) -> Any:
        total = jax.numpy.broadcast_to(coefficients[-1], eqn.outvars[0].aval.shape)
        for coefficient in reversed(coefficients[:-1]):
            total = total * x + coefficient
        return total

    kinds = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in eqn.invars]
    return ex.run(jax.make_jaxpr(horner)(*kinds), operands)


def _scan(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    params = eqn.params
    length = params["length"]
    n_consts, n_carry = parts_of_scan(eqn)
    if length > limits().loop_iterations:
        raise unsupported("scan", f"runs for {length} steps, too many to unroll")
    consts, carry, sequences = (
        operands[:n_consts],
        operands[n_consts : n_consts + n_carry],
        operands[n_consts + n_carry :],
    )
    steps = range(length - 1, -1, -1) if params["reverse"] else range(length)
    collected: dict[int, list[Value]] = {}
    for k in steps:
        ex.recorder.check_size()
        outs = ex.run(params["jaxpr"], [*consts, *carry, *(row(s, k) for s in sequences)])
        carry, collected[k] = outs[:n_carry], outs[n_carry:]
    stacked = [
        stack(ex.builder, [collected[k][position] for k in range(length)], var.aval.shape, var.aval.dtype.name)
        for position, var in enumerate(eqn.outvars[n_carry:])
    ]
    return [*carry, *stacked]


def parts_of_scan(eqn: Any) -> tuple[int, int]:
    """How many of a scan's operands are the same in every step, and how many are carried.

    Releases of JAX say so in different ways, but what is cut into rows has one axis less inside.
    """
    body = eqn.params["jaxpr"]
    body = getattr(body, "jaxpr", body)

    def cut(outside: Any, inside: Any) -> int:
        return sum(len(o.aval.shape) > len(i.aval.shape) for o, i in zip(outside, inside, strict=True))

    n_carry = len(eqn.outvars) - cut(eqn.outvars, body.outvars)
    return len(eqn.invars) - n_carry - cut(eqn.invars, body.invars), n_carry


def _while(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    """Unrolled as long as the condition is known, whatever the state; such loops count something."""
    params = eqn.params
    n_cond, n_body = params["cond_nconsts"], params["body_nconsts"]
    cond_consts, body_consts = operands[:n_cond], operands[n_cond : n_cond + n_body]
    state = operands[n_cond + n_body :]
    most = limits().loop_iterations
    for _ in range(most):
        ex.recorder.check_size()
        (going,) = ex.run(params["cond_jaxpr"], [*cond_consts, *state])
        if not is_known(going):
            raise unsupported("while", "runs for a number of steps that depends on the arguments")
        if not bool(as_numpy(going)):
            return state
        state = ex.run(params["body_jaxpr"], [*body_consts, *state])
    raise unsupported("while", f"runs for more than {most} steps, too many to unroll")


def _cond(ex: Expander, eqn: Any, operands: list[Value]) -> list[Value]:
    index, *rest = operands
    branches = eqn.params["branches"]
    if is_known(index):
        return ex.run(branches[int(np.clip(int(as_numpy(index)), 0, len(branches) - 1))], rest)
    which = clamped_case(ex, index, len(branches))
    results = [ex.run(branch, rest) for branch in branches]
    return [
        select(ex, which, cases, var.aval.shape, var.aval.dtype.name, label(eqn))
        for var, *cases in zip(eqn.outvars, *results, strict=True)
    ]


CALLS = frozenset(
    ("jit", "pjit", "closed_call", "eval_jaxpr", "core_call", "call", "remat", "remat2", "checkpoint", "custom_lin")
)
"""Primitives that call a function and do nothing else."""

CONTROL: dict[str, ControlRule] = dict.fromkeys(CALLS, _call) | {
    "polynomial": _polynomial,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
