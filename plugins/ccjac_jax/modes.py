"""JAX's own modes: of a traced function, and of one that cannot be traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.backends.protocol import Request
from ccjac.executor import working_mode
from ccjac.expand import unforeseen

from .framework import has_both_modes, jacobian_of, known, whole
from .results import finished
from .tracing import JaxTraced, function_of, split_auxiliary, unwrapped, wrapped

Run = Callable[..., Any]


def mode(traced: JaxTraced) -> str:
    """``"forward"`` unless there are fewer outputs than inputs and reverse mode works; tried out only where an
    operation may lack a mode.
    """
    call = traced.call
    n_inputs = sum(a.size for a in call.types[: call.n_differentiated])
    n_outputs = sum(a.size for a in traced.outputs)
    types = (*call.types, *map(jax.typeof, traced.captured))
    shapes = [jax.ShapeDtypeStruct(t.shape, t.dtype) for t in types]

    def works(mode: str) -> None:
        if not has_both_modes(traced.closed.jaxpr):
            jax.eval_shape(fallback(traced, mode), *shapes)

    return working_mode(n_inputs, n_outputs, works)


def fallback(traced: JaxTraced, mode: str) -> Run:
    """JAX's own Jacobian of the traced function, of the operands and the captured values."""
    types, call = traced.types(), traced.call
    flat = jacobian_of(
        whole(traced), call.n_differentiated, len(traced.outputs), mode, holomorphic=call.request.holomorphic
    )
    skipped = len(types.outputs) + len(types.auxiliary) - len(types.values)
    return lambda *operands: finished(types, flat(*operands)[skipped:])


def constant(traced: JaxTraced) -> Run:
    """The traced function with its Jacobian as an array, which JAX's own mode computes now."""
    types, call, function = traced.types(), traced.call, whole(traced)
    # Arrays that a guard watches have their values here; what has none the Jacobian does not depend on.
    flat = jacobian_of(known(traced), call.n_differentiated, len(traced.outputs), mode(traced))
    n_results = len(types.outputs) + len(types.auxiliary)
    with jax.ensure_compile_time_eval():
        jacobian = jax.jit(lambda *operands: flat(*operands)[n_results:])
        zeros, ones = (
            [jnp.full(t.shape, value, t.dtype) for t in (*call.types, *traced.read_types)] for value in (0, 1)
        )
        blocks, others = ([np.asarray(block) for block in jacobian(*point)] for point in (zeros, ones))
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(blocks, others, strict=True)):
        unforeseen(AssertionError("a Jacobian was taken to be constant"), traced.name)
        return fallback(traced, mode(traced))

    def run(*operands: Any) -> Any:
        values = function(*operands) if types.values else []
        return finished(types, [*values, *map(jnp.asarray, blocks)])

    return run


def own_mode(request: Request) -> Run:
    """JAX's own Jacobian function, called on what the user gives: Python sees values, as it does in JAX."""
    fun = function_of(request)
    tree: Any = None

    def split(*args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, Any]]:
        nonlocal tree
        output, auxiliary = split_auxiliary(request, fun(*args, **kwargs))
        # What is no array would not come out of JAX's modes.
        leaves, tree = jax.tree.flatten(wrapped(auxiliary, once=True))
        return output, (output, leaves)

    def run(*args: Any, **kwargs: Any) -> Any:
        common: dict[str, Any] = {"argnums": request.argnums, "has_aux": True, "holomorphic": request.holomorphic}
        reverse = jax.jacrev(split, **common, allow_int=request.allow_int)
        try:
            found = (reverse if request.allow_int else jax.jacfwd(split, **common))(*args, **kwargs)
        except TypeError as error:
            # A custom_vjp has no forward mode.
            if "custom_vjp" not in str(error):
                raise
            found = reverse(*args, **kwargs)
        result, (value, leaves) = found
        auxiliary = unwrapped(jax.tree.unflatten(tree, leaves))
        if request.with_value:
            return ((value, auxiliary), result) if request.has_aux else (value, result)
        return (result, auxiliary) if request.has_aux else result

    return run
