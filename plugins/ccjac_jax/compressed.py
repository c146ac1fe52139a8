"""The entries of a sparse Jacobian by few of JAX's own derivatives: one for all columns, or rows, of a colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.compression import Compression

from .framework import Function


def compressed(
    function: Function, found: Compression, arguments: Sequence[Any], outputs: Sequence[Any]
) -> Callable[..., Any]:
    """The values, in the order of the whole pattern, of the function's operands.

    Args:
        function: The function; its first operands are the differentiated ones.
        found: Which derivatives.
        arguments: Shapes and types of the differentiated operands, all of one type.
        outputs: Of the differentiated results, of the same type.
    """
    n = found.derivatives
    seeds = (np.arange(n)[:, None] == found.colours).astype(arguments[0].dtype)
    where = found.derivative.astype(np.int32), found.place.astype(np.int32)

    def values(*operands: Any) -> Any:
        def of(*varying: Any) -> list[Any]:
            return function(*varying, *operands[len(arguments) :])[: len(outputs)]

        point = operands[: len(arguments)]
        if found.mode == "forward":
            tangents = _split(seeds, arguments)
            derivatives = jax.vmap(lambda *t: jax.jvp(of, point, t)[1])(*tangents)
        else:
            pull = jax.vjp(of, *point)[1]
            derivatives = jax.vmap(lambda *t: pull(list(t)))(*_split(seeds, outputs))
        whole = jnp.concatenate([x.reshape(n, -1) for x in derivatives], axis=1)
        return whole.at[where].get(mode="promise_in_bounds")

    return values


def _split(seeds: np.ndarray, types: Sequence[Any]) -> list[Any]:
    starts = np.cumsum([0, *(t.size for t in types)]).tolist()
    return [
        jnp.asarray(seeds[:, start : start + t.size].reshape(len(seeds), *t.shape))
        for start, t in zip(starts, types, strict=False)
    ]
