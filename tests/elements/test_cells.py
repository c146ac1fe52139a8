"""Sparse Jacobians by cells: patterns and values against JAX's dense Jacobians and directional derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ccjac.elements.cell import program_of
from ccjac.elements.classes import cells_of, joined, separated
from ccjac.elements.parts import SparseProgram, sparse_program
from ccjac.errors import UnsupportedError
from ccjac.fingerprint import fingerprint
from ccjac.planning.choose import choose
from ccjac_jax.cells import CellCall
from ccjac_jax.elements import walk
from ccjac_zoo.structured import energies, structured


def program_for(fun: Callable[..., Any], *arguments: Any, n_differentiated: int = 1) -> SparseProgram:
    closed = jax.make_jaxpr(fun)(*arguments)
    shapes = [jax.ShapeDtypeStruct(jnp.shape(a), jnp.asarray(a).dtype) for a in arguments]
    graph, outputs = walk(closed, shapes, n_differentiated)
    return sparse_program(
        graph, outputs, n_differentiated, lambda linearization: choose(linearization.graph, "auto", False)
    )


def dense_of(sparse: SparseProgram, values: Any) -> list[list[np.ndarray]]:
    """Blocks as dense matrices."""
    blocks, start = [], 0
    for row in sparse.patterns:
        line = []
        for pattern in row:
            matrix = np.zeros(pattern.shape)
            matrix[pattern.rows, pattern.cols] = values[start : start + pattern.nnz]
            start += pattern.nnz
            line.append(matrix)
        blocks.append(line)
    return blocks


def check(fun: Callable[..., Any], x: Any, *, tight: bool = True) -> SparseProgram:
    """Values by both executors equal JAX's Jacobian, and the pattern is where that is not zero."""
    sparse = program_for(fun, x)
    call = CellCall(sparse, (jnp.shape(x),))
    expected = np.asarray(jax.jacfwd(fun)(x)).reshape(-1, np.size(x))
    scale = max(np.abs(expected).max(initial=0), 1)
    for run in (call.values, call.plain):
        ((found,),) = dense_of(sparse, np.asarray(jax.jit(run)(x)))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * scale)
    if tight:
        np.testing.assert_array_equal(sparse.patterns[0][0].todense(), expected != 0)
    return sparse


LOOSE = ("layer_on_grid", "lennard_jones", "advection_limited", "shallow_water")
"""Entries of these vanish for some arguments only."""


@pytest.mark.parametrize("name", structured())
def test_catalogue_against_dense_jacobians(name: str) -> None:
    task = structured()[name]
    special = {"heat_3d": 6, "bundle": 300, "power_flow": 60}
    size = special.get(name, min(task.sizes[0], 24 if task.sizes[0] < 100 else 70))
    fun, x = task.make(size)
    check(fun, jnp.asarray(x), tight=name not in LOOSE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", structured())
def test_catalogue_in_random_directions(name: str, dtype: str) -> None:
    task = structured()[name]
    fun, x = task.make(task.sizes[1] if task.sizes[1] <= 3_333 else task.sizes[0])
    x = jnp.asarray(x, dtype)
    sparse = program_for(fun, x)
    values = np.asarray(jax.jit(CellCall(sparse, (x.shape,)).values)(x), np.float64)
    direction = np.random.default_rng(7).normal(size=x.shape).astype(dtype)
    expected = np.asarray(jax.jvp(fun, (x,), (jnp.asarray(direction),))[1], np.float64).ravel()
    found = sparse.patterns[0][0].scipy(values) @ direction.ravel().astype(np.float64)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", ["porous_medium", "brusselator", "euler_roe", "minimal_surface", "bundle"])
def test_cells_do_not_depend_on_the_grid(name: str) -> None:
    """One entry of a zoo serves every size."""
    found = []
    for size in (24, 33):
        fun, x = structured()[name].make(size * (10 if name == "bundle" else 1))
        found.append({fingerprint(part.plan.graph) for part in program_for(fun, jnp.asarray(x)).parts})
    assert found[0] == found[1]


def test_few_programs_for_a_grid() -> None:
    fun, x = structured()["porous_medium"].make(24)
    assert len(program_for(fun, jnp.asarray(x)).parts) <= 9
    fun, x = structured()["gray_scott"].make(24)
    assert len(program_for(fun, jnp.asarray(x)).parts) == 1


SPECIAL = {
    "identity": lambda x: x,
    "permutation": lambda x: x[::-1],
    "constant": lambda x: jnp.ones(5) * 2.0 + 0 * x[:5],
    "partly constant": lambda x: jnp.concatenate([x[:3] ** 2, jnp.ones(4)]),
    "one element often": lambda x: x[0] * x,
    "same element twice": lambda x: x * x,
    "cancelled": lambda x: x - x + x**2,
    "stopped": lambda x: jax.lax.stop_gradient(x) * x,
    "mask": lambda x: jnp.where(np.arange(20) % 3 == 0, jnp.sin(x), 0.0),
    "data decide": lambda x: jnp.where(x > 1, x**2, jnp.sin(x)),
    "maximum of neighbours": lambda x: jnp.maximum(x[1:], x[:-1]),
    "short rows": lambda x: jax.nn.softmax(x.reshape(5, 4), axis=1),
    "largest of short rows": lambda x: jnp.max(x.reshape(5, 4), axis=1),
    "scattered": lambda x: jnp.zeros(6).at[np.array([0, 3, 3, 5])].add(x[:4] ** 2),
    "set": lambda x: x.at[np.array([1, 4])].set(x[:2] * 3),
    "segments": lambda x: jax.ops.segment_sum(x**2, np.arange(20) // 3, 7),
    "interior padding": lambda x: jax.lax.pad(x**2, 0.0, [(1, 1, 2)]),
    "custom rule": lambda x: jax.nn.relu(x - 1) * x,
    "smooth custom rule": lambda x: jax.nn.silu(x),
    "matrix of shared weights": lambda x: jnp.tanh(x.reshape(5, 4) @ np.arange(12.0).reshape(4, 3)),
    "loop": lambda x: jax.lax.fori_loop(0, 3, lambda i, y: y + jnp.roll(y, 1) * y, x),
    "nothing": lambda x: x[:0] * 2,
    "one entry": lambda x: x[3:4] * x[5],
}


_WEIGHTS = np.linspace(-1, 1, 2 * 2 * 9).reshape(2, 2, 3, 3)


def convolved(x: Any, shape: tuple[int, ...] = (1, 2, 6, 7), weights: Any = _WEIGHTS, **options: Any) -> Any:
    defaults = {"window_strides": (1,) * (len(shape) - 2), "padding": "SAME"}
    array = jnp.tile(x, 9)[: int(np.prod(shape))].reshape(shape) ** 2
    return jax.lax.conv_general_dilated(array, jnp.asarray(weights), **(defaults | options))


CONVOLUTIONS: dict[str, Any] = {
    "same": convolved,
    "valid": lambda x: convolved(x, padding="VALID"),
    "strides": lambda x: convolved(x, window_strides=(2, 3), padding=((1, 2), (0, 1))),
    "negative padding": lambda x: convolved(x, padding=((-1, 2), (1, -1))),
    "dilated": lambda x: convolved(x, rhs_dilation=(2, 1)),
    "transposed": lambda x: convolved(x, lhs_dilation=(2, 2), padding=((1, 1), (2, 1))),
    "groups": lambda x: convolved(x, (1, 4, 6, 5), feature_group_count=2),
    "depthwise": lambda x: convolved(x, (1, 2, 6, 5), _WEIGHTS[:, :1], feature_group_count=2),
    "channels last": lambda x: convolved(
        x, (2, 5, 4, 2), _WEIGHTS.transpose(2, 3, 1, 0), dimension_numbers=("NHWC", "HWIO", "NHWC")
    ),
    "of a line": lambda x: jnp.convolve(x, jnp.asarray([1.0, -2.0, 1.0]), mode="same") * x,
    "both depend": lambda x: jax.lax.conv(x.reshape(1, 1, 4, 5), x[:4].reshape(1, 1, 2, 2), (1, 1), "VALID"),
    "sums of windows": lambda x: jax.lax.reduce_window(
        jnp.sin(x.reshape(4, 5)), 0.0, jax.lax.add, (2, 3), (1, 2), ((1, 0), (0, 2))
    ),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name: str) -> None:
    check(CONVOLUTIONS[name], jnp.linspace(0.3, 1.9, 20), tight=False)


DIFFERENCES = np.diag(np.linspace(1, 2, 400)) - 0.7 * np.eye(400, k=1) - np.diag(np.linspace(2, 3, 398), -2)


@pytest.mark.parametrize("side", ["left", "right", "batch"])
def test_zeros_of_known_matrices_are_no_entries(side: str) -> None:
    batch = DIFFERENCES.reshape(4, 100, 400)[..., :100]
    functions = {
        "left": lambda x: jnp.asarray(DIFFERENCES) @ jnp.sin(x) * x,
        "right": lambda x: jnp.sin(x.reshape(4, 100)) @ jnp.asarray(DIFFERENCES[:100, :100]),
        "batch": lambda x: jnp.einsum("bij,bj->bi", jnp.asarray(batch), x.reshape(4, 100)),
    }
    sparse = check(functions[side], jnp.linspace(0.3, 1.9, 400))
    assert len(sparse.parts) <= 5


def test_weights_of_convolutions_are_no_part_of_the_programs() -> None:
    weights = np.random.default_rng(0).normal(size=(1, 1, 3, 3))
    sparse = program_for(
        lambda x: jnp.tanh(jax.lax.conv(x[None, None], jnp.asarray(weights), (1, 1), "SAME")), jnp.ones((20, 20))
    )
    assert len(sparse.parts) <= 9
    assert sparse.nnz == (3 * 20 - 2) ** 2


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_running_results_along_short_axes(name: str, reverse: bool) -> None:
    running = getattr(jax.lax, name)
    x = jnp.cos(jnp.arange(24.0)) + 1.5
    sparse = check(lambda x: running(jnp.sin(x).reshape(6, 4), axis=1, reverse=reverse), x, tight=False)
    assert sparse.nnz == 6 * 10
    check(lambda x: running(x.reshape(4, 6), axis=0, reverse=reverse) * x[0], x, tight=False)


DECIDED = "matrix of shared weights", "data decide", "maximum of neighbours", "custom rule", "largest of short rows"
"""Entries of these vanish for some arguments only."""


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions(name: str) -> None:
    check(SPECIAL[name], jnp.linspace(0.3, 1.9, 20), tight=name not in DECIDED)


def test_random_compositions_of_movements(rng: np.random.Generator) -> None:
    for _ in range(30):
        picks = [rng.integers(0, 24, 24) for _ in range(2)]
        shift, axis = int(rng.integers(1, 5)), int(rng.integers(0, 2))

        def fun(x: Any, picks: Any = picks, shift: int = shift, axis: int = axis) -> Any:
            y = jnp.roll(jnp.sin(x).reshape(4, 6), shift, axis).T.ravel()
            z = y[picks[0]] * x + jnp.pad(y[2:], (0, 2)) * y[picks[1]]
            return z[::2] * z[1::2] + jnp.cumsum(jnp.ones(12))

        check(fun, jnp.asarray(rng.uniform(0.5, 1.5, 24)), tight=False)


def test_entries_that_coincide_in_many_ways_are_added_up(rng: np.random.Generator) -> None:
    members, terms = 400, 12
    neighbours = rng.integers(0, members, (members, terms))
    neighbours[:, 6:] = neighbours[np.arange(members)[:, None], rng.integers(0, 6, (members, 6))]
    weights = 1.0 + np.arange(terms)
    sparse = check(lambda x: jnp.sum(jnp.sin(x[neighbours]) * weights * x[:, None], 1), jnp.linspace(0.5, 1.5, members))
    # Too many patterns for classes of their own.
    assert len(sparse.parts) == 1
    assert sparse.added.size > members


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_unequal_numbers_of_terms_have_the_terms_cells(dtype: str) -> None:
    fun, x = energies()["springs"].make(60)
    x = jnp.asarray(x, dtype)
    gradient = jax.grad(fun)
    sparse = program_for(gradient, x)
    # By their degrees and their common neighbours the points would fall into some eighty classes.
    assert len(sparse.parts) <= 4
    call = CellCall(sparse, (x.shape,))
    expected = np.asarray(jax.jacfwd(gradient)(x), np.float64).reshape(x.size, x.size)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for run in (call.values, call.plain):
        ((found,),) = dense_of(sparse, np.asarray(jax.jit(run)(x)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    pattern = sparse.patterns[0][0]
    assert (expected[~pattern.todense()] == 0).all()
    assert pattern == pattern.T


def test_several_arguments_and_results() -> None:
    def fun(x: Any, y: Any, scale: Any) -> Any:
        return jnp.roll(x, 1) * y[: x.size] * scale, jnp.sin(y) * 2, x[:3] * scale[0]

    x, y, scale = jnp.linspace(0.5, 1, 30), jnp.linspace(1, 2, 41), jnp.linspace(3, 4, 30)
    sparse = program_for(fun, x, y, scale, n_differentiated=2)
    call = CellCall(sparse, (x.shape, y.shape, scale.shape))
    expected = jax.jacfwd(fun, argnums=(0, 1))(x, y, scale)
    for run in (call.values, call.plain):
        found = dense_of(sparse, np.asarray(jax.jit(run)(x, y, scale)))
        for row, line in zip(found, expected, strict=True):
            for block, matrix in zip(row, line, strict=True):
                np.testing.assert_allclose(block, matrix, rtol=1e-13)


def test_values_are_differentiable_and_batch() -> None:
    fun, x = structured()["burgers"].make(40)
    x = jnp.asarray(x)
    call = CellCall(program_for(fun, x), (x.shape,))
    weights = jnp.linspace(0, 1, call.sparse.nnz)
    pattern = call.sparse.patterns[0][0]

    def dense(x: Any) -> Any:
        return jax.jacfwd(fun)(x)[pattern.rows, pattern.cols]

    expected = jax.grad(lambda x: dense(x) @ weights)(x)
    np.testing.assert_allclose(
        jax.jit(jax.grad(lambda x: call.values(x) @ weights))(x), expected, rtol=1e-10, atol=1e-10
    )
    batch = jnp.stack([x, 2 * x, x**2])
    np.testing.assert_allclose(jax.jit(jax.vmap(call.values))(batch), jax.vmap(dense)(batch), rtol=1e-11)
    shifted = jax.lax.scan(lambda c, _: (c + 0.1, call.values(c)), x, None, length=3)[1]
    np.testing.assert_allclose(shifted[2], dense(x + 0.2), rtol=1e-11)


def test_members_and_rows_are_complete() -> None:
    fun, x = structured()["heat_3d"].make(6)
    closed = jax.make_jaxpr(fun)(jnp.asarray(x))
    graph, (out,) = walk(closed, [jax.ShapeDtypeStruct(x.shape, x.dtype)], 1)
    cells = joined(separated(cells_of(graph, out.ids.ravel())))
    rows = np.concatenate([r for cell in cells for r in cell.rows])
    assert sorted(rows.tolist()) == list(range(x.size))
    assert len({program_of(graph, cell).text for cell in cells}) <= 27


@pytest.mark.parametrize(
    ("fun", "reason"),
    [
        (lambda x: x.reshape(20, 25) * jnp.sum(x), "sum over many"),
        (lambda x: jnp.fft.fft(x).real, "fft|complex"),
        (lambda x: jnp.sort(x), "sort"),
        (lambda x: x[jnp.argmax(x) + jnp.arange(3)], "argmax|depend"),
    ],
)
def test_what_has_no_cells_is_said(fun: Any, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        program_for(fun, jnp.linspace(0, 1, 500))
