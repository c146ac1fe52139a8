"""The entries of a sparse Jacobian by few of JAX's own derivatives: one for all columns, or rows, of a colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.colouring import column_colours
from ccjac.elements.parts import SparseProgram
from ccjac.limits import COLOURS_SAVE, COMPARED_LIMIT
from ccjac.pattern import Pattern

from .framework import Function, has_both_modes


def compressed(
    function: Function, divided: SparseProgram, arguments: Sequence[Any], outputs: Sequence[Any], mode: str
) -> Callable[..., Any] | None:
    """The values, block by block, of the function's operands; ``None`` if colours save too little.

    Args:
        function: The function; its first operands are the differentiated ones.
        divided: Where entries can be.
        arguments: Shapes and types of the differentiated operands.
        outputs: Of the differentiated results.
        mode: The mode that is known to work.
    """
    types = {a.dtype for a in (*arguments, *outputs)}
    if len(types) != 1 or not divided.nnz:
        return None
    (dtype,) = types
    if not jnp.issubdtype(dtype, np.floating):
        return None
    modes = ("forward", "reverse") if has_both_modes(function.jaxpr) else (mode,)
    whole = divided.whole
    patterns = {m: whole if m == "forward" else whole.T for m in modes}
    most = COLOURS_SAVE * min(whole.shape)
    colours = {m: column_colours(p) for m, p in patterns.items() if _worth_colouring(p, most)}
    if not colours:
        return None
    chosen = min(colours, key=lambda m: int(colours[m].max()))
    colour = colours[chosen]
    n = int(colour.max()) + 1
    if n > most:
        return None
    seeds = (np.arange(n)[:, None] == colour).astype(dtype)
    lefts = np.cumsum([0, *(a.size for a in arguments)]).tolist()
    tops = np.cumsum([0, *(o.size for o in outputs)]).tolist()

    def values(*operands: Any) -> Any:
        def of(*varying: Any) -> list[Any]:
            return function(*varying, *operands[len(arguments) :])[: len(outputs)]

        point = operands[: len(arguments)]
        if chosen == "forward":
            tangents = _split(seeds, lefts, arguments)
            found = jax.vmap(lambda *t: jax.jvp(of, point, t)[1])(*tangents)
        else:
            pull = jax.vjp(of, *point)[1]
            found = jax.vmap(lambda *t: pull(list(t)))(*_split(seeds, tops, outputs))
        flat = [x.reshape(n, -1) for x in found]
        parts = []
        for k, line in enumerate(divided.patterns):
            for j, pattern in enumerate(line):
                across, along = (pattern.cols + lefts[j], pattern.rows)
                if chosen == "reverse":
                    across, along = pattern.rows + tops[k], pattern.cols
                source = flat[k if chosen == "forward" else j]
                where = jnp.asarray(colour[across].astype(np.int32)), jnp.asarray(along)
                parts.append(source.at[where].get(mode="promise_in_bounds"))
        return jnp.concatenate(parts)

    return values


def _worth_colouring(pattern: Pattern, most: float) -> bool:
    """Not if the fullest row alone needs too many colours, or to compare the columns takes seconds."""
    counts = np.diff(pattern.indptr).astype(np.int64)
    return int(counts.max(initial=0)) <= most and int((counts**2).sum()) <= COMPARED_LIMIT


def _split(seeds: np.ndarray, starts: Sequence[int], types: Sequence[Any]) -> list[Any]:
    return [
        jnp.asarray(seeds[:, start : start + t.size].reshape(len(seeds), *t.shape))
        for start, t in zip(starts, types, strict=False)
    ]
