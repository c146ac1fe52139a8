"""JAX's own modes: of a traced function, and of one that cannot be traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from ccjac.backends.protocol import Request
from ccjac.estimate import better_mode
from ccjac.executor import working_mode

from .framework import has_both_modes, jacobian_of, whole
from .results import finished
from .tracing import JaxTraced, function_of, split_auxiliary, unwrapped, wrapped

Run = Callable[..., Any]


def mode(traced: JaxTraced) -> str:
    """The mode that an estimate finds better, if it works; tried out only where an operation may lack a mode."""
    types = (*traced.call.types, *map(jax.typeof, traced.captured))
    shapes = [jax.ShapeDtypeStruct(t.shape, t.dtype) for t in types]

    def works(mode: str) -> None:
        if not has_both_modes(traced.closed.jaxpr):
            jax.eval_shape(fallback(traced, mode), *shapes)

    return working_mode(better_mode(traced.features), works)


def fallback(traced: JaxTraced, mode: str) -> Run:
    """JAX's own Jacobian of the traced function, of the operands and the captured values; or the function itself."""
    types, call = traced.types(), traced.call
    if call.request.fused:
        function = whole(traced)
        return lambda *operands: finished(types, function(*operands))
    flat = jacobian_of(
        whole(traced), call.n_differentiated, len(traced.outputs), mode, holomorphic=call.request.holomorphic
    )
    skipped = len(types.outputs) + len(types.auxiliary) - len(types.values)
    return lambda *operands: finished(types, flat(*operands)[skipped:])


def own_mode(request: Request) -> Run:
    """JAX's own Jacobian function, called on what the user gives: Python sees values, as it does in JAX."""
    fun = function_of(request)
    if request.fused:
        return fun
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
