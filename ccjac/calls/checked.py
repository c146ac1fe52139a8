"""A Jacobian function checked on its own arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arguments import normalised
from ..backends.protocol import Request
from ..checking import Check, central_differences, compared
from ..errors import InputError, UnsupportedError
from .selection import select_backend


def checked(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Check:
    """Compare what ``function``, made by a differentiator, returns for these arguments; see :func:`ccjac.check`."""
    request: Request = function.__ccjac__  # type: ignore[attr-defined]
    if request.fused:
        raise InputError("`ccjac.check` compares Jacobians, got a function of `ccjac.fuse`; give it the Jacobian.")
    backend = select_backend(None, args, kwargs)

    def arrays(value: Any) -> list[np.ndarray]:
        return [
            np.asarray(getattr(leaf, "detach", lambda leaf=leaf: leaf)()) for leaf in backend.flatten((value,), {})[0]
        ]

    def jacobian_of(result: Any) -> list[np.ndarray]:
        return arrays(result[1] if request.with_value else result[0] if request.has_aux else result)

    def differences() -> list[np.ndarray]:
        if request.second or request.holomorphic or request.allow_int:
            raise UnsupportedError("first derivatives of real functions only")
        positions = normalised(request.argnums, len(args))
        leaves, tree = backend.flatten(tuple(args[p] for p in positions), {})
        # An array of torch makes others of its kind; JAX takes numpy's.
        make = [getattr(leaf, "new_tensor", lambda a: a) for leaf in leaves]

        def fun(operands: list[np.ndarray]) -> list[np.ndarray]:
            moved, _ = backend.unflatten(tree, [m(a) for m, a in zip(make, operands, strict=True)])
            given = dict(zip(positions, moved, strict=True))
            value = request.fun(*(given.get(k, a) for k, a in enumerate(args)), **kwargs)
            return arrays(value[0] if request.has_aux else value)

        return central_differences(fun, [np.asarray(getattr(x, "detach", lambda x=x: x)()) for x in leaves])

    found = jacobian_of(function(*args, **kwargs))
    own = backend.own_mode(request)
    return compared(
        found, {"the framework": lambda: jacobian_of(own(*args, **kwargs)), "finite differences": differences}
    )
