"""What the network sees of a position: measures of the vertices that are left, and the edges among them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ccjac.ordering.states.measures_numba import (
    DAMAGE,
    DEPTH,
    HEIGHT,
    INPUTS,
    MEASURES,
    N_IN,
    N_OUT,
    OUTPUTS,
    REACH_IN,
    REACH_OUT,
    RISE,
    STATICS,
    UNIT_IN,
    UNIT_OUT,
)

BUCKETS = (8, 16, 32, 64, 128, 256, 512)
"""Positions are padded to the next of these numbers of vertices, so that few programs are compiled."""

PLACE = STATICS
FIXED = STATICS + 1
"""Columns of ``fixed``: statics, and the place in the evaluation order between 0 and 1."""

FEATURES = 27


Array = Any
"""An array of the host or of a device."""


class Observation(NamedTuple):
    """One position, padded to ``N`` vertices; arrays with a leading batch axis are mapped over.

    Attributes:
        measures: ``[N, 8]`` int32; see :mod:`ccjac.ordering.states.measures_numba`.
        fixed: ``[N, 5]`` float32.
        edges: ``[N, N]`` uint8, from row to column: 0 none, 1 an edge, 3 a unit edge.
        alive: ``[N]`` bool, what is left to eliminate.
        pair: ``[3]`` float32 prices.
    """

    measures: Array
    fixed: Array
    edges: Array
    alive: Array
    pair: Array


def bucket(n: int) -> int:
    """The padded size for ``n`` vertices."""
    return next((b for b in BUCKETS if n <= b), -(-n // 512) * 512)


def blank(batch: int, size: int) -> Observation:
    """Zeroed arrays to fill, on the host."""
    return Observation(
        np.zeros((batch, size, MEASURES), np.int64),
        np.zeros((batch, size, FIXED), np.float32),
        np.zeros((batch, size, size), np.uint8),
        np.zeros((batch, size), np.bool_),
        np.ones((batch, 3), np.float32),
    )


def signed_log(x: jax.Array) -> jax.Array:
    """Logarithm of 1 + abs(x), with the sign of x."""
    return jnp.sign(x) * jnp.log1p(jnp.abs(x))


def prices(o: Observation) -> jax.Array:
    """``[N]`` what eliminating each vertex now costs."""
    m = o.measures.astype(jnp.float32)
    unit_in, unit_out = m[:, UNIT_IN], m[:, UNIT_OUT]
    general_in, general_out = m[:, N_IN] - unit_in, m[:, N_OUT] - unit_out
    mixed = general_in * unit_out + unit_in * general_out
    return o.pair[0] * general_in * general_out + o.pair[1] * mixed + o.pair[2] * unit_in * unit_out


def rule_scores(o: Observation) -> jax.Array:
    """``[N]`` the scores of LMMD under the cost model, signed logarithms; the lowest is its choice."""
    return signed_log(prices(o) + o.measures[:, DAMAGE])


def features(o: Observation) -> jax.Array:
    """``[N, 27]`` float32, of order 1, zero for what is not alive."""
    m, log, log1p = o.measures.astype(jnp.float32), jnp.log, jnp.log1p
    n_in, n_out = m[:, N_IN], m[:, N_OUT]
    ins, outs, price = jnp.maximum(n_in, 1.0), jnp.maximum(n_out, 1.0), prices(o)
    depth, height = o.fixed[:, DEPTH], o.fixed[:, HEIGHT]
    left = jnp.sum(o.alive)
    found = [
        log(ins), log(outs), log1p(m[:, INPUTS]), log1p(m[:, OUTPUTS]),
        m[:, INPUTS] / ins, m[:, OUTPUTS] / outs,
        (n_in == 1).astype(jnp.float32), (n_out == 1).astype(jnp.float32),
        m[:, UNIT_IN] / ins, m[:, UNIT_OUT] / outs, (m[:, UNIT_IN] == n_in).astype(jnp.float32),
        (m[:, UNIT_OUT] == n_out).astype(jnp.float32),
        log1p(n_in * n_out), log1p(price), signed_log(m[:, DAMAGE]), signed_log(m[:, RISE]),
        signed_log(price + m[:, DAMAGE]), signed_log(n_in * n_out + m[:, RISE]),
        log1p(o.fixed[:, REACH_IN]), log1p(o.fixed[:, REACH_OUT]), log1p(depth), log1p(height),
        depth / jnp.maximum(depth + height, 1.0), o.fixed[:, PLACE],
        jnp.full_like(price, log1p(left)), jnp.full_like(price, o.pair[1] / o.pair[0]),
        jnp.full_like(price, o.pair[2] / o.pair[0]),
    ]  # fmt: skip
    return jnp.where(o.alive[:, None], jnp.stack(found, axis=1), 0.0)
