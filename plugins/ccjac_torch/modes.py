"""Torch's own modes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from ccjac.arguments import normalised
from ccjac.backends.protocol import Request
from ccjac.estimate import better_mode
from ccjac.executor import working_mode

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
    more = request.has_aux or request.with_value

    @functools.cache
    def direct(n_args: int) -> Run:
        """Torch's own function, made once: that takes as long as some calls."""
        return differentiate(whole, argnums=_argnums(request, n_args), **options)

    def run(*args: Any, **kwargs: Any) -> Any:
        def fun(*args: Any) -> Any:
            # Torch's modes take no keyword arguments.
            output = whole(*args, **kwargs)
            if not more:
                return output
            main, auxiliary = output if request.has_aux else (output, ())
            return main, (main, auxiliary)

        if (in_dims := levels.batch.in_dims) is not None:
            with levels.without_batch():
                return torch.func.vmap(run, in_dims=in_dims, randomness=request.randomness)(*args, **kwargs)
        if not (kwargs or more):
            return direct(len(args))(*args)
        result = differentiate(fun, argnums=_argnums(request, len(args)), has_aux=more, **options)(*args)
        if not more:
            return result
        result, (value, auxiliary) = result
        if request.with_value:
            return ((value, auxiliary), result) if request.has_aux else (value, result)
        return result, auxiliary

    return run


def _argnums(request: Request, n_args: int) -> int | tuple[int, ...]:
    """Counted from the front: torch's forward mode gives zeros for an argument counted from the end."""
    positions = normalised(request.argnums, n_args)
    return positions if isinstance(request.argnums, tuple) else positions[0]


def mode(traced: Any) -> str:
    """The mode for a function without a program: the one that an estimate finds better."""
    if traced.features is None or not traced.outputs:
        return "reverse"
    # Which one works is seen at the call only: unlike JAX, torch has no way to ask before.
    return working_mode(better_mode(traced.features), lambda mode: None)


def fallback(traced: Any, mode: str) -> Run:
    """A function of ``(*call.operands, *captured)``."""
    call, n = traced.call, len(traced.call.operands)
    run = own_mode(call.request, mode)
    other = own_mode(call.request, "reverse" if mode == "forward" else "forward")

    names = [object() for _ in range(n)]
    args, kwargs = call.rebuild(names)
    flat = not kwargs and list(args) == names

    def of_operands(*operands: Any) -> Any:
        args, kwargs = (operands[:n], {}) if flat else call.rebuild(operands[:n])
        if mode == "reverse":
            return run(*args, **kwargs)
        try:
            return run(*args, **kwargs)
        except NotImplementedError:
            # Some operations have no forward-mode rule.
            return other(*args, **kwargs)

    of_operands.of_samples = True  # type: ignore[attr-defined]
    return of_operands
