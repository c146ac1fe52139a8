"""From flat results to what the user gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.extend.core import primitives

from ccjac.results import nest

from .tracing import JaxTraced


def finished(traced: JaxTraced, results: Sequence[Any]) -> Any:
    """Flat results, values first, in the user's containers.

    A result is weakly typed where it is one of a weakly typed output, as in ``jax.jacfwd``.
    """
    n = len(traced.values)
    values = [_like(x, aval) for x, aval in zip(results[:n], traced.values, strict=True)]
    of_blocks = [aval for aval in traced.outputs for _ in range(traced.call.n_differentiated)]
    blocks = [_like(x, aval) for x, aval in zip(results[n:], of_blocks, strict=True)]
    return nest(traced.containers, traced.call.request, values, blocks)


def _like(array: Any, aval: Any) -> Any:
    if not aval.weak_type or jax.typeof(array).weak_type:
        return array
    return primitives.convert_element_type_p.bind(array, new_dtype=aval.dtype, weak_type=True, sharding=None)
