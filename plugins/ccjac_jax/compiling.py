"""From a finished program to a function of the call's operands that returns the user's containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.errors import BackendError, UnsupportedError
from ccjac.kernels import Layout, Operand, Result
from ccjac.program.accumulate import STRUCTURAL_ZERO, JacobianProgram

from . import kernel
from . import operations as ops
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


def compiled(traced: JaxTraced, jacobian: JacobianProgram, executor: str, *, fastmath: bool = False) -> Run:
    """The program as a function of the call's operands, by the executor that :func:`select_executor` named."""
    arrays = _arrays(traced, jacobian, sparse_from=_SPARSE_FROM[executor])

    def finished(computed: Arrays) -> Arrays:
        return jax.jit(lambda *operands: [a.finished(x) for a, x in zip(arrays, computed(*operands), strict=True)])

    if executor == "kernel":
        alone = finished(_with_kernel(traced, jacobian, arrays, fusible=False, fastmath=fastmath))
        fusible = ops.is_one_fusion(jacobian.program)
        within = finished(_with_kernel(traced, jacobian, arrays, fusible=fusible, fastmath=fastmath))
    else:
        alone = within = finished(_with_operations(traced, jacobian, arrays))
    captured, n_values = traced.captured, traced.n_values

    def run(*operands: Any) -> Any:
        transformed = any(isinstance(x, jax.core.Tracer) for x in operands)
        results = (within if transformed else alone)(*operands, *captured)
        return nest(traced, results[:n_values], results[n_values:])

    return run


@dataclass(frozen=True)
class _Array:
    """One array of the result.

    Attributes:
        places: Which of the program's results its computed entries are, ``STRUCTURAL_ZERO`` for zero.
        shape, dtype: Of the array.
        spread: If only the nonzero entries are computed: for every entry of the array its place among them; the zeros
            point behind the last.
    """

    places: np.ndarray
    shape: tuple[int, ...]
    dtype: Any
    spread: np.ndarray | None = None

    @property
    def computed_shape(self) -> tuple[int, ...]:
        """Shape before spreading."""
        return self.shape if self.spread is None else (self.places.size,)

    def finished(self, computed: Any) -> Any:
        """The array from its computed entries."""
        if self.spread is None:
            return computed
        padded = jnp.concatenate([computed, jnp.zeros(1, self.dtype)])
        return padded.at[self.spread].get(mode="promise_in_bounds").reshape(self.shape)


_SPARSE_FROM = {"kernel": 2048, "ops": 512}
"""Entries from which a block that is mostly zero is computed packed, because executors unroll what they write, and
spread out by XLA afterwards.  That takes ten times as long as a kernel that writes the zeros itself."""


def _arrays(traced: JaxTraced, jacobian: JacobianProgram, *, sparse_from: int) -> list[_Array]:
    """Everything that the compiled function returns: values, then Jacobian blocks."""
    arrays: list[_Array] = []
    start = 0
    if traced.with_values:
        for aval in (*traced.outputs, *traced.auxiliary):
            arrays.append(_Array(np.arange(start, start + aval.size), aval.shape, aval.dtype))
            start += aval.size
    for rows, out in _ranges(traced.outputs):
        for columns, arg in _ranges(traced.call.avals[: traced.call.n_differentiated]):
            places, shape = jacobian.entries[rows, columns].ravel(), (*out.shape, *arg.shape)
            nonzero = np.flatnonzero(places != STRUCTURAL_ZERO)
            spread = None
            if places.size >= sparse_from and 2 * nonzero.size < places.size:
                spread = np.full(places.size, nonzero.size)
                spread[nonzero] = np.arange(nonzero.size)
                places = places[nonzero]
            arrays.append(_Array(places, shape, out.dtype, spread))
    return arrays


def _with_operations(traced: JaxTraced, jacobian: JacobianProgram, arrays: Sequence[_Array]) -> Arrays:
    wanted = ops.used_inputs(jacobian.program)

    def flat(*operands: Any) -> list[Any]:
        scalars: list[Any] = [None] * jacobian.program.n_inputs
        first = 0
        for operand in operands:
            for k, scalar in ops.split(operand, wanted, first).items():
                scalars[k] = scalar
            first += int(np.prod(np.shape(operand), dtype=np.int64))
        results = ops.run(jacobian.program, scalars)
        fused = ops.is_one_fusion(jacobian.program)
        return [ops.assemble(a.places, results, a.computed_shape, a.dtype, fused=fused) for a in arrays]

    return flat


def _with_kernel(
    traced: JaxTraced,
    jacobian: JacobianProgram,
    arrays: Sequence[_Array],
    *,
    fusible: bool,
    fastmath: bool,
) -> Arrays:
    avals = [jax.typeof(x) for x in (*traced.call.avals, *traced.captured)]
    operands = tuple(Operand(tuple(range(where.start, where.stop)), aval.dtype.name) for where, aval in _ranges(avals))
    results = tuple(Result(tuple(a.places.tolist()), np.dtype(a.dtype).name) for a in arrays)
    call = kernel.kernel_call(
        jacobian.program,
        Layout(operands, results),
        [aval.shape for aval in avals],
        [a.computed_shape for a in arrays],
        _with_operations(traced, jacobian, arrays),
        fusible=fusible,
        fastmath=fastmath,
    )
    return lambda *operands: call(*(jnp.asarray(x) for x in operands))


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
