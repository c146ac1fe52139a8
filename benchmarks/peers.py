"""Other packages' Jacobians of the same function, where they are installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np


def asdex_jacobian(function: Callable[..., Any], sample: Any) -> Callable[..., Any] | None:
    """Coloured forward or reverse mode with a dense result, or ``None`` where asdex is missing or does not apply."""
    if find_spec("asdex") is None:
        return None
    import asdex

    # A dense Jacobian has no colouring to gain from; the table shows that already.
    warnings.filterwarnings("ignore", module="asdex")
    try:
        return asdex.jacobian(function, sample, output_format="dense")
    except Exception as error:
        print(f"asdex does not take this function: {error}")
        return None


def casadi_loop(task: Any, rows: Any) -> Callable[[], object] | None:
    """CasADi's Jacobian of the primal scalar program, mapped over the batch in its virtual machine."""
    if find_spec("casadi") is None:
        return None
    import casadi

    from ccjac.backends.protocol import Request
    from ccjac_jax.backend import JaxBackend

    backend = JaxBackend()
    traced = backend.trace(backend.prepare(Request(task.vector("jax"), 0, False, False), (rows[0],), {}))
    linear = traced.linearization
    if linear is None:
        return None
    program = linear.builder.finish(linear.values, linear.n_scalars)
    x = casadi.SX.sym("x", program.n_inputs)
    places: list[Any] = []
    for node in program.nodes:
        if node.op == "input":
            places.append(x[node.param])
        elif node.op == "const":
            places.append(casadi.SX(float(node.param)))
        else:
            value = _apply(casadi, node.op, [places[a] for a in node.args])
            if value is None:
                return None
            places.append(value)
    y = casadi.vertcat(*(places[k] for k in program.results))
    mapped = casadi.Function("jacobian", [x], [casadi.jacobian(y, x)]).map(len(rows))
    points = casadi.DM(np.asarray(rows, np.float64).T)
    return lambda: mapped(points)


def _apply(casadi: Any, op: str, args: list[Any]) -> Any:
    infix = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "pow": lambda a, b: a**b,
        "neg": lambda a: -a,
        "abs": casadi.fabs,
        "max": casadi.fmax,
        "min": casadi.fmin,
        "lt": lambda a, b: a < b,
        "le": lambda a, b: a <= b,
        "gt": lambda a, b: a > b,
        "ge": lambda a, b: a >= b,
        "rsqrt": lambda a: 1 / casadi.sqrt(a),
        "logistic": lambda a: 1 / (1 + casadi.exp(-a)),
        "select_n": lambda which, no, yes: casadi.if_else(which, yes, no),
    }
    named = ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "log1p")
    if op in infix:
        return infix[op](*args)
    if op in (*named, "expm1", "sqrt", "erf", "floor", "ceil", "sign"):
        return getattr(casadi, op)(*args)
    return None
