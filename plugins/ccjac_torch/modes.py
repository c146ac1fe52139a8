"""Torch's own modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ccjac.arguments import normalised
from ccjac.backends.protocol import Request
from ccjac.executor import fewer_sweeps, working_mode

from . import levels

Run = Callable[..., Any]


def function_of(request: Request) -> Run:
    """What is differentiated: the user's function, or for a Hessian its derivative by reverse mode."""
    if not request.second:
        return request.fun
    derivative: Run = torch.func.jacrev(request.fun, argnums=request.argnums, has_aux=request.has_aux)
    return derivative


def own_mode(request: Request, mode: str = "reverse") -> Run:
    """``torch.func.jacrev`` or ``torch.func.jacfwd`` of the same function, with the same results."""
    differentiate: Callable[..., Any] = torch.func.jacrev if mode == "reverse" else torch.func.jacfwd
    options: dict[str, Any] = (
        {"chunk_size": request.chunk_size} if mode == "reverse" else {"randomness": request.randomness}
    )
    whole = function_of(request)

    def run(*args: Any, **kwargs: Any) -> Any:
        def fun(*args: Any) -> Any:
            # Torch's modes take no keyword arguments.
            output = whole(*args, **kwargs)
            if not (request.has_aux or request.with_value):
                return output
            main, auxiliary = output if request.has_aux else (output, ())
            return main, (main, auxiliary)

        if (in_dims := levels.batch.in_dims) is not None:
            with levels.without_batch():
                return torch.func.vmap(run, in_dims=in_dims, randomness=request.randomness)(*args, **kwargs)
        has_aux = request.has_aux or request.with_value
        # Torch's forward mode gives zeros for an argument counted from the end.
        positions = normalised(request.argnums, len(args))
        argnums = positions if isinstance(request.argnums, tuple) else positions[0]
        result = differentiate(fun, argnums=argnums, has_aux=has_aux, **options)(*args)
        if not has_aux:
            return result
        result, (value, auxiliary) = result
        if request.with_value:
            return ((value, auxiliary), result) if request.has_aux else (value, result)
        return result, auxiliary

    return run


def mode(traced: Any) -> str:
    """The mode for a function without a program: reverse unless there are fewer inputs than outputs."""
    if not traced.outputs:
        return "reverse"
    n_inputs = sum(s.size for s in traced.call.specs[: traced.call.n_differentiated])
    n_outputs = sum(s.size for s in traced.outputs)
    # Which one works is seen at the call only: unlike JAX, torch has no way to ask before.
    return working_mode(fewer_sweeps(n_inputs, n_outputs), lambda mode: None)


def fallback(traced: Any, mode: str) -> Run:
    """A function of ``(*call.operands, *captured)``."""
    call, n = traced.call, len(traced.call.operands)
    run = own_mode(call.request, mode)
    other = own_mode(call.request, "reverse" if mode == "forward" else "forward")

    def of_operands(*operands: Any) -> Any:
        args, kwargs = call.rebuild(operands[:n])
        if mode == "reverse":
            return run(*args, **kwargs)
        try:
            return run(*args, **kwargs)
        except NotImplementedError:
            # Some operations have no forward-mode rule.
            return other(*args, **kwargs)

    of_operands.of_samples = True  # type: ignore[attr-defined]
    return of_operands
