"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from ccjac.accumulate import JacobianProgram

from . import ops
from .tracing import JaxTraced

Run = Callable[..., Any]


def as_operations(traced: JaxTraced, jacobian: JacobianProgram) -> Run:
    """The program as plain operations under ``jax.jit``."""
    wanted = ops.used_inputs(jacobian.program)
    call = traced.call
    value_avals = (*traced.outputs, *traced.auxiliary)

    def flat(*operands: Any) -> tuple[list[Any], list[Any]]:
        scalars: list[Any] = [None] * jacobian.program.n_inputs
        first = 0
        for operand in operands:
            for k, scalar in ops.split(operand, wanted, first).items():
                scalars[k] = scalar
            first += int(np.prod(np.shape(operand), dtype=np.int64))
        results = ops.run(jacobian.program, scalars)
        values: list[Any] = []
        start = 0
        if traced.with_values:
            for aval in value_avals:
                places = np.arange(start, start + aval.size)
                values.append(ops.assemble(places, results, aval.shape, aval.dtype))
                start += aval.size
        blocks = [
            ops.assemble(jacobian.entries[rows, columns].ravel(), results, (*out.shape, *arg.shape), out.dtype)
            for rows, out in _ranges(traced.outputs)
            for columns, arg in _ranges(call.avals[: call.n_differentiated])
        ]
        return values, blocks

    compiled = jax.jit(flat)
    captured = traced.captured

    def run(*operands: Any) -> Any:
        values, blocks = compiled(*operands, *captured)
        return nest(traced, values, blocks)

    return run


def _ranges(avals: Sequence[Any]) -> list[tuple[slice, Any]]:
    ranges, start = [], 0
    for aval in avals:
        ranges.append((slice(start, start + aval.size), aval))
        start += aval.size
    return ranges


def nest(traced: JaxTraced, values: Sequence[Any], blocks: Sequence[Any]) -> Any:
    """Put flat results into the containers that ``jax.jacfwd`` returns: output outside, then ``argnums``, then argument."""
    call, request = traced.call, traced.call.request
    per_output: list[Any] = []
    remaining = iter(blocks)
    for _ in traced.outputs:
        parts = [
            jax.tree.unflatten(tree, [next(remaining) for _ in range(tree.num_leaves)])
            for tree in call.argument_trees
        ]
        per_output.append(tuple(parts) if isinstance(request.argnums, tuple) else parts[0])
    result = jax.tree.unflatten(traced.output_tree, per_output)
    if not traced.with_values:
        return result
    n = len(traced.outputs)
    auxiliary = jax.tree.unflatten(traced.auxiliary_tree, values[n:])
    if not request.with_value:
        return result, auxiliary
    value = jax.tree.unflatten(traced.output_tree, values[:n])
    return ((value, auxiliary), result) if request.has_aux else (value, result)


def framework_mode(traced: JaxTraced) -> tuple[Run, str]:
    """JAX's own Jacobian of the same call: forward mode unless there are fewer outputs than inputs and reverse mode works."""
    call, request = traced.call, traced.call.request
    n_inputs = sum(a.size for a in call.avals[: call.n_differentiated])
    n_outputs = sum(a.size for a in traced.outputs)
    first, second = ("forward", "reverse") if n_inputs <= n_outputs else ("reverse", "forward")

    def with_mode(mode: str) -> Run:
        differentiate = jax.jacfwd if mode == "forward" else jax.jacrev

        def run(*operands: Any) -> Any:
            args, kwargs = call.rebuild(operands)

            def fun(*args: Any, **kwargs: Any) -> Any:
                output = request.fun(*args, **kwargs)
                main, auxiliary = output if request.has_aux else (output, ())
                return main, (main, auxiliary)

            result, (value, auxiliary) = differentiate(fun, argnums=request.argnums, has_aux=True)(*args, **kwargs)
            if request.with_value:
                return ((value, auxiliary), result) if request.has_aux else (value, result)
            return (result, auxiliary) if request.has_aux else result

        return run

    run = with_mode(first)
    try:
        jax.eval_shape(run, *call.avals)
    except Exception as error:
        # A while loop has no reverse mode, a custom_vjp no forward mode: the other one may work.
        other = with_mode(second)
        try:
            jax.eval_shape(other, *call.avals)
        except Exception:
            raise error from None
        return _compiled(other, traced), second
    return _compiled(run, traced), first


def _compiled(run: Run, traced: JaxTraced) -> Run:
    return run if traced.captured else jax.jit(run)
