"""Colours of columns, and Jacobians compressed by them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac.colouring import column_colours, star_colours
from ccjac.compression import compression, star_compression

MATRIX = np.eye(3) * 4 + np.arange(9.0).reshape(3, 3)


def test_columns_of_a_colour_have_no_row_in_common(rng: np.random.Generator) -> None:
    for density in (0.02, 0.1, 0.5):
        dense = rng.random((40, 30)) < density
        pattern = ccjac.Pattern.from_coordinates(*np.nonzero(dense), dense.shape)
        colours = column_colours(pattern)
        assert colours.min() >= 0
        for colour in range(int(colours.max()) + 1):
            assert dense[:, colours == colour].sum(axis=1).max(initial=0) <= 1
        assert colours.max() + 1 >= dense.sum(axis=1).max()


def test_a_band_takes_as_many_colours_as_it_is_wide() -> None:
    i = np.arange(50)
    band = ccjac.Pattern.from_coordinates(np.tile(i, 3), np.concatenate([i, (i + 1) % 50, i]), (50, 50))
    assert column_colours(band).max() + 1 == 2


def solves(x: Any, y: Any) -> Any:
    """Small systems, one for every three entries: no cells, a block-diagonal Jacobian."""
    parts = [
        jnp.linalg.solve(jnp.asarray(MATRIX, x.dtype) + jnp.diag(x[k : k + 3]), y[k : k + 3])
        for k in range(0, x.size, 3)
    ]
    return jnp.concatenate(parts), x * 2


def tall(x: Any, y: Any) -> Any:
    """Every output reads a sorted pair and few rows share a column: rows have fewer colours than columns."""
    return jnp.concatenate([jnp.sort(x[k : k + 2])[:1] for k in range(0, x.size, 2)]) * y[::2], y**2


@pytest.mark.parametrize("fun", [solves, tall])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compressed_values(fun: Any, dtype: str) -> None:
    x, y = jnp.linspace(0.5, 1, 18, dtype=dtype), jnp.linspace(2, 1, 18, dtype=dtype)
    expected = jax.jacfwd(fun, argnums=(0, 1))(x, y)
    found = ccjac.jacobian(fun, argnums=(0, 1), output="bcoo")(x, y)
    for row, line in zip(found, expected, strict=True):
        for block, dense in zip(row, line, strict=True):
            assert block.dtype == dense.dtype
            np.testing.assert_allclose(block.todense(), dense, atol=1e-12 if dtype == "float64" else 1e-5)


def test_the_plan_tells_the_derivatives() -> None:
    x = jnp.linspace(0.5, 1, 18)
    plan = ccjac.jacobian(lambda x: solves(x, x)[0], output="bcoo").plan(x)
    assert plan.source == "fallback"
    assert "no cells" in plan.reason
    assert "3 derivatives, one for all" in plan.reason
    picked = ccjac.jacobian(lambda x: jnp.fft.fft(x).real, output="operator").plan(x)
    assert "picked out of a dense one" in picked.reason


def arrow(n: int) -> ccjac.Pattern:
    dense = np.eye(n, dtype=bool)
    dense[0] = dense[:, 0] = True
    return ccjac.Pattern.from_coordinates(*np.nonzero(dense), dense.shape)


def test_stars_of_a_symmetric_matrix(rng: np.random.Generator) -> None:
    patterns = [arrow(30)]
    for density in (0.01, 0.05, 0.2):
        dense = rng.random((40, 40)) < density
        dense = dense | dense.T | np.eye(40, dtype=bool)
        patterns.append(ccjac.Pattern.from_coordinates(*np.nonzero(dense), dense.shape))
    for pattern in patterns:
        colours = star_colours(pattern)
        matrix = rng.normal(size=pattern.shape)
        matrix = np.where(pattern.todense(), matrix + matrix.T, 0.0)
        found = compression(pattern, ["forward"], symmetric=True)
        seeds = (np.arange(int(colours.max()) + 1)[:, None] == colours).astype(float)
        stars = star_compression(pattern, "forward")
        assert stars is not None
        values = (seeds @ matrix)[stars.derivative, stars.place]
        np.testing.assert_array_equal(values, matrix[pattern.rows, pattern.cols])
        assert found is None or found.derivatives <= stars.derivatives
    # A full row takes all colours of columns, and two of stars.
    assert column_colours(arrow(30)).max() + 1 == 30
    assert star_colours(arrow(30)).max() + 1 == 2


def test_hessians_without_cells_take_a_symmetric_colouring() -> None:
    def energy(x: Any) -> Any:
        matrices = [jnp.stack([x[0], y, y, 3 + y * x[0]]).reshape(2, 2) for y in x[1:]]
        return sum(jnp.linalg.eigvalsh(m)[1] for m in matrices)

    x = jnp.linspace(0.5, 1, 12)
    hessian = ccjac.hessian(energy, output="bcoo")
    assert "(symmetric)" in hessian.plan(x).reason
    np.testing.assert_allclose(hessian(x).todense(), jax.hessian(energy)(x), rtol=1e-9, atol=1e-10)


def test_few_derivatives_are_computed() -> None:
    x = jnp.linspace(0.5, 1, 18)
    values = ccjac.sparse_values(lambda x: solves(x, x)[0])
    assert "[18,18]" not in str(jax.make_jaxpr(values)(x))
    np.testing.assert_allclose(jax.vmap(values)(jnp.stack([x, 2 * x]))[1], values(2 * x), rtol=1e-12)
