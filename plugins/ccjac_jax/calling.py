"""Calls outside of ``jax.jit``: one ``jax.jit`` of the whole thing, so that all that a compiled function depends on
(types, sharding, settings, axes, devices) is JAX's to know.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import numpy as np

from ccjac.backends.protocol import Request
from ccjac.guards import Watch, array_key

from .arguments import prepare
from .tracing import function_of, unwrapped

_SETTINGS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
_WORDS = ("Tracer", "Traced", "traced array", "must be concrete", "concrete value")


@functools.cache
def array_type() -> type:
    """The type of concrete arrays."""
    return type(jax.numpy.zeros(()))


def watch(value: Any) -> Watch | None:
    """See :meth:`ccjac.backends.protocol.Backend.watch`."""
    if not isinstance(value, jax.Array):
        return None
    reference = weakref.ref(value)
    return Watch(lambda now: now is reference(), value)


def road(build: Callable[..., Any], request: Request) -> Callable[..., Any]:
    """See :meth:`ccjac.backends.protocol.Backend.road`."""

    def whole(captured: tuple[Any, ...], *args: Any, **kwargs: Any) -> Any:
        return build(captured, *args, **kwargs)

    # JAX names compiled functions, and shows the names in profiles and messages.
    prefix = "fused" if request.fused else "jacobian_of"
    whole.__name__ = f"{prefix}_{getattr(request.fun, '__name__', type(request.fun).__name__)}"
    whole.__qualname__ = whole.__name__
    # Captured arrays decide on devices even where the derivative does not read them.  With this option JAX 0.12 keeps
    # every function that it has compiled, so it is not set where there is nothing to decide.
    jitted = jax.jit(whole, keep_unused=jax.device_count() > 1 or jax.default_backend() != "cpu")
    return _Unwrapping(jitted) if request.has_aux or request.fused else jitted


class _Unwrapping:
    """A jitted function whose auxiliary results may be no arrays."""

    def __init__(self, jitted: Any) -> None:
        self.lower = jitted.lower
        self._jitted = jitted

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return unwrapped(self._jitted(*args, **kwargs))


def ahead(call: Any, captured: tuple[Any, ...], args: Sequence[Any], kwargs: Any) -> None:
    """See :meth:`ccjac.backends.protocol.Backend.ahead`."""
    call.lower(captured, *args, **kwargs).compile()


def steers(error: Exception) -> bool:
    """See :meth:`ccjac.backends.protocol.Backend.steers`."""
    return isinstance(error, _SETTINGS) or any(word in str(error) for word in _WORDS)


def content(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
    """See :meth:`ccjac.backends.protocol.Backend.content`."""
    call = prepare(request, args, kwargs)
    fun = function_of(request)

    def flat(*operands: Any) -> Any:
        args, kwargs = call.rebuild(operands)
        return fun(*args, **kwargs)

    closed, shape = jax.make_jaxpr(flat, return_shape=True)(*call.operands)
    text = str(closed.jaxpr)
    if "..." in text or " at 0x" in text or any(isinstance(c, jax.core.Tracer) for c in closed.consts):
        return None
    keys = [array_key(np.asarray(c)) for c in closed.consts]
    return text, str(jax.tree.structure(shape)), tuple(keys)
