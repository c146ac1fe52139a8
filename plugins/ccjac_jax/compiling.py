"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from ccjac.accumulate import JacobianProgram
from ccjac.errors import BackendError, UnsupportedError
from ccjac.scalar.kernel import Layout, Operand, Result

from . import kernel, ops
from .tracing import JaxTraced

Run = Callable[..., Any]
"""From the call's operands to the user's containers."""

Arrays = Callable[..., list[Any]]
"""From the operands (captured values last) to the flat results: values, then Jacobian blocks."""


OPERATIONS_LIMIT = 6_000
"""Operations beyond which XLA would need minutes to compile a program one by one."""


def select_executor(jacobian: JacobianProgram, wanted: str) -> tuple[str, str]:
    """``"kernel"`` or ``"ops"``, and why it is not the kernel.

    Raises:
        BackendError: ``"kernel"`` was asked for and is not possible.
        UnsupportedError: The program is too large for plain operations.
    """
    if wanted == "ops":
        return "ops", "asked for"
    reason = kernel.obstacle(jacobian.program)
    if reason is None:
        return "kernel", ""
    if wanted == "kernel":
        raise BackendError(f'`executor="kernel"` cannot run this program: {reason}. Use executor="auto".')
    if jacobian.program.operations > OPERATIONS_LIMIT:
        raise UnsupportedError(
            f"the program has {jacobian.program.operations} operations, too many without a kernel ({reason})"
        )
    return "ops", reason


def compiled(traced: JaxTraced, jacobian: JacobianProgram, executor: str) -> Run:
    """The program as a function of the call's operands, by the executor that :func:`select_executor` named."""
    flat = jax.jit((_with_kernel if executor == "kernel" else _with_operations)(traced, jacobian))
    captured, n_values = traced.captured, traced.n_values

    def run(*operands: Any) -> Any:
        results = flat(*operands, *captured)
        return nest(traced, results[:n_values], results[n_values:])

    return run


def _shapes(traced: JaxTraced, jacobian: JacobianProgram) -> tuple[list[np.ndarray], list[tuple[tuple[int, ...], Any]]]:
    """For every array that the program returns: positions among its results, and shape and type."""
    places: list[np.ndarray] = []
    kinds: list[tuple[tuple[int, ...], Any]] = []
    start = 0
    if traced.with_values:
        for aval in (*traced.outputs, *traced.auxiliary):
            places.append(np.arange(start, start + aval.size))
            kinds.append((aval.shape, aval.dtype))
            start += aval.size
    for rows, out in _ranges(traced.outputs):
        for columns, arg in _ranges(traced.call.avals[: traced.call.n_differentiated]):
            places.append(jacobian.entries[rows, columns].ravel())
            kinds.append(((*out.shape, *arg.shape), out.dtype))
    return places, kinds


def _with_operations(traced: JaxTraced, jacobian: JacobianProgram) -> Arrays:
    wanted = ops.used_inputs(jacobian.program)
    places, kinds = _shapes(traced, jacobian)

    def flat(*operands: Any) -> list[Any]:
        scalars: list[Any] = [None] * jacobian.program.n_inputs
        first = 0
        for operand in operands:
            for k, scalar in ops.split(operand, wanted, first).items():
                scalars[k] = scalar
            first += int(np.prod(np.shape(operand), dtype=np.int64))
        results = ops.run(jacobian.program, scalars)
        return [ops.assemble(p, results, shape, dtype) for p, (shape, dtype) in zip(places, kinds, strict=True)]

    return flat


def _with_kernel(traced: JaxTraced, jacobian: JacobianProgram) -> Arrays:
    places, kinds = _shapes(traced, jacobian)
    avals = [jax.typeof(x) for x in (*traced.call.avals, *traced.captured)]
    operands = tuple(Operand(tuple(range(where.start, where.stop)), aval.dtype.name) for where, aval in _ranges(avals))
    results = tuple(
        Result(tuple(p.tolist()), np.dtype(dtype).name) for p, (_, dtype) in zip(places, kinds, strict=True)
    )
    call = kernel.kernel_call(
        jacobian.program,
        Layout(operands, results),
        [aval.shape for aval in avals],
        [shape for shape, _ in kinds],
        _with_operations(traced, jacobian),
    )
    return lambda *operands: call(*(jax.numpy.asarray(x) for x in operands))


def _ranges(avals: Sequence[Any]) -> list[tuple[slice, Any]]:
    ranges, start = [], 0
    for aval in avals:
        ranges.append((slice(start, start + aval.size), aval))
        start += aval.size
    return ranges


def nest(traced: JaxTraced, values: Sequence[Any], blocks: Sequence[Any]) -> Any:
    """Put flat results into the containers that ``jax.jacfwd`` returns: output outside, then ``argnums``, then
    argument.
    """
    call, request = traced.call, traced.call.request
    per_output: list[Any] = []
    remaining = iter(blocks)
    for _ in traced.outputs:
        parts = [
            jax.tree.unflatten(tree, [next(remaining) for _ in range(tree.num_leaves)]) for tree in call.argument_trees
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
    """JAX's own Jacobian of the same call: forward mode unless there are fewer outputs than inputs and reverse mode
    works.
    """
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
        return _jitted(other, traced), second
    return _jitted(run, traced), first


def _jitted(run: Run, traced: JaxTraced) -> Run:
    return run if traced.captured else jax.jit(run)
