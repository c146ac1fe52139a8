"""Jacobians as C and as functions of numpy arrays, beside the framework's own."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
import ccjac_zoo
from ccjac.kernels.export import CSource
from ccjac.limits import PROGRAM_LIMIT

COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
needs_compiler = pytest.mark.skipif(not COMPILERS, reason="no C compiler")
_serial = itertools.count()
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-fPIC", "-shared"]


def compiled(source: CSource, directory: Path, compiler: str) -> ctypes.CDLL:
    path, _ = source.save(directory / f"{source.name}_{next(_serial)}.c")
    library = path.with_suffix(".so")
    done = subprocess.run(
        [compiler, *STRICT, path.name, "-lm", "-o", library.name], cwd=directory, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def called(library: ctypes.CDLL, name: str, operands: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> list:
    results = [np.full(shape, 99.0) for shape in shapes]
    arrays = [np.ascontiguousarray(x) for x in operands]
    getattr(library, name)(*(ctypes.c_void_p(a.ctypes.data) for a in (*arrays, *results)))
    return results


def close(actual: Any, expected: Any, rtol: float = 1e-13) -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * np.abs(expected).max(initial=0.0))


def flux(state: Any, gas: Any, gamma: Any = 1.4) -> Any:
    pressure = (gamma - 1.0) * (state[2] - 0.5 * state[1] ** 2 / state[0]) * gas["scale"]
    return jnp.stack([state[1], state[1] ** 2 / state[0] + pressure, jnp.sin(pressure) * gas["mix"][0]])


STATE, GAS = np.array([1.0, 0.3, 2.5]), {"scale": np.array(1.1), "mix": np.array([0.4, 0.6])}


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_c_takes_the_arguments_in_the_order_of_the_function(compiler: str, tmp_path: Path) -> None:
    def swapped(gas: Any, state: Any) -> Any:
        return flux(state, gas)

    args = (jax.tree.map(jnp.asarray, GAS), jnp.asarray(STATE))
    source = ccjac.value_and_jacobian(swapped, argnums=(1, 0)).plan(*args).to_c()
    assert source.name == "swapped_jacobian"
    assert "void swapped_jacobian(const double *CCJAC_RESTRICT gas_mix, const double *CCJAC_RESTRICT gas_scale, " in (
        source.header
    )
    assert "out double jacobian_gas_mix[3][2]  d value / d gas_mix" in source.header
    library = compiled(source, tmp_path, compiler)
    shapes = [(3,), (3, 3), (3, 2), (3,)]
    value, by_state, by_mix, by_scale = called(library, source.name, [GAS["mix"], GAS["scale"], STATE], shapes)
    expected = jax.jacfwd(swapped, argnums=(1, 0))(*args)
    close(value, swapped(*args))
    close(by_state, expected[0])
    close(by_mix, expected[1]["mix"])
    close(by_scale, expected[1]["scale"])


def test_the_value_is_left_out_or_added_on_request() -> None:
    plan = ccjac.plan(flux, jnp.asarray(STATE), jax.tree.map(jnp.asarray, GAS))
    assert "value[3]" not in plan.to_c().header
    assert "value[3]" in plan.to_c("roe", value=True).header
    assert plan.to_c("roe").name == "roe"
    both = plan.to_numpy(value=True)(STATE, GAS["mix"], GAS["scale"])
    close(both[0], flux(STATE, GAS))
    close(both[1], jax.jacfwd(flux)(STATE, GAS))


def test_static_arguments_are_not_parameters() -> None:
    def power(x: Any, kind: str) -> Any:
        return x**3 if kind == "cube" else x**2

    function = ccjac.plan(power, jnp.ones(2), "cube").to_numpy()
    assert [(p.name, p.shape) for p in function.arguments] == [("x", (2,))]
    assert [(p.name, p.shape) for p in function.results] == [("jacobian", (2, 2))]
    close(function([2.0, 3.0]), np.diag([12.0, 27.0]))


def test_a_constant_jacobian_and_a_hessian_have_programs() -> None:
    close(ccjac.plan(lambda x: 3.0 * x + 1.0, jnp.ones(2)).to_numpy()(np.zeros(2)), 3.0 * np.eye(2))

    def energy(x: Any) -> Any:
        return jnp.sum(jnp.sin(x) * x[0])

    plan = ccjac.hessian(energy).plan(jnp.ones(3))
    x = np.array([0.3, -1.2, 2.0])
    close(plan.to_numpy()(x), jax.hessian(energy)(x))
    assert plan.to_c().name == "energy_hessian"


def test_numpy_functions_serve_scipy() -> None:
    from scipy.integrate import solve_ivp
    from scipy.optimize import root

    def rates(t: Any, y: Any) -> Any:
        return jnp.stack([-0.04 * y[0] + 1e4 * y[1] * y[2], 0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2])

    def robertson(t: Any, y: Any) -> Any:
        a, b = rates(t, y)
        return jnp.stack([a, b, -a - b])

    jac = ccjac.plan(robertson, 0.0, jnp.ones(3), argnums=1).to_numpy()
    solved = solve_ivp(robertson, (0.0, 40.0), [1.0, 0.0, 0.0], method="BDF", jac=jac, rtol=1e-6, atol=1e-10)
    assert solved.success
    # Robertson (1966) as tabulated by Hairer and Wanner.
    np.testing.assert_allclose(solved.y[:, -1], [0.7158, 9.185e-6, 0.2842], rtol=2e-3)

    def circle(x: Any) -> Any:
        return jnp.stack([x[0] ** 2 + x[1] ** 2 - 1.0, x[0] - x[1]])

    both = ccjac.plan(circle, jnp.ones(2)).to_numpy(value=True)
    np.testing.assert_allclose(root(both, [1.0, 0.2], jac=True).x, [0.5**0.5] * 2)


def test_numpy_functions_take_what_fits_and_nothing_else() -> None:
    function = ccjac.plan(lambda x, s: x * s, jnp.ones(2), 2.0).to_numpy()
    close(function([1, 2], 3), 3.0 * np.eye(2))
    close(function(np.array([1.0, 2.0], np.float32), np.float64(0.5)), 0.5 * np.eye(2))
    close(function(np.array([1.0, 9.0, 2.0])[::2], 0.5), 0.5 * np.eye(2))
    first = function([1.0, 2.0], 1.0)
    function([1.0, 2.0], 5.0)
    close(first, np.eye(2))
    with pytest.raises(ccjac.InputError, match=r"takes \(x\[2\], s\[\]\), got an array of shape \[1\]"):
        function(np.ones(1), 2.0)
    with pytest.raises(ccjac.InputError, match="float64 numbers, got complex128"):
        function(np.ones(2), 2.0 + 1j)
    with pytest.raises(ccjac.InputError, match="got 1 arguments"):
        function(np.ones(2))


def test_threads_take_turns() -> None:
    function = ccjac.plan(lambda x: jnp.sin(x) * x[0], jnp.ones(4)).to_numpy()
    points = np.random.default_rng(0).uniform(-2, 2, (400, 4))
    expected = [function(p) for p in points]
    with ThreadPoolExecutor(8) as pool:
        for found, wanted in zip(pool.map(function, points), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_plans_without_a_program_say_so(tmp_path: Path) -> None:
    plan = ccjac.plan(jnp.sin, jnp.ones(2))
    plan.save(tmp_path / "plan.json")
    with pytest.raises(ccjac.UnsupportedError, match="loaded or made from a graph alone"):
        ccjac.Plan.load(tmp_path / "plan.json").to_c()
    inverse = ccjac.plan(jnp.linalg.inv, jnp.eye(60))
    with pytest.raises(ccjac.UnsupportedError, match=r"`Plan.to_numpy` .* leaves the function to its framework"):
        inverse.to_numpy()
    again = ccjac.plan(jnp.sin, jnp.ones(2), order=ccjac.Plan.load(tmp_path / "plan.json"))
    close(again.to_numpy()(np.zeros(2)), np.eye(2))


def test_modules_of_torch_are_exported_with_their_parameters(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    x = torch.linspace(-1.0, 1.0, 3, dtype=torch.float64)
    plan = ccjac.plan(net, x)
    close(plan.to_numpy()(x.numpy()), torch.func.jacrev(net)(x).detach())
    header = plan.to_c().header
    assert "in  double input[3]" in header or "in  double x0[3]" in header
    assert "captured_0" in header


def test_values_of_a_trace_in_progress_have_no_number() -> None:
    def outer(scale: Any) -> Any:
        plan = ccjac.plan(lambda x: jnp.sin(x) * scale, jnp.ones(2))
        assert "captured_0" in plan.to_c().header
        with pytest.raises(ccjac.UnsupportedError, match="values of a trace in progress"):
            plan.to_numpy()
        return scale

    jax.jit(outer)(2.0)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", ccjac_zoo.tasks())
def test_every_catalogue_function_agrees(name: str, tmp_path: Path) -> None:
    task = ccjac_zoo.task(name)
    fun, x = task.vector("jax"), task.pack(*task.example(1))
    plan = ccjac.plan(fun, jnp.asarray(x))
    if plan.graph is None:
        with pytest.raises(ccjac.UnsupportedError):
            plan.to_c()
        pytest.skip(plan.reason)
    assert plan.multiplications < PROGRAM_LIMIT
    numpy = plan.to_numpy()
    reference = numpy(x)
    with jax.enable_x64(True):
        close(reference, jax.jacfwd(fun)(jnp.asarray(x)), rtol=1e-10)
    for compiler in COMPILERS:
        source = plan.to_c()
        (found,) = called(compiled(source, tmp_path, compiler), source.name, [x], [(task.m, task.n)])
        close(found, reference)


def banded(x: Any, y: Any) -> Any:
    return jnp.stack([x[0] * y, jnp.sin(x[1]), x[2] + 3.0 * x[1], x[3] ** 2 * y])


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_entries_that_are_always_zero_are_left_out_on_request(compiler: str, tmp_path: Path) -> None:
    x, y = np.array([0.5, 1.5, -2.0, 3.0]), np.array(1.7)
    plan = ccjac.plan(banded, jnp.asarray(x), jnp.asarray(y), argnums=(0, 1))
    source = plan.to_c(value=True, nonzeros=True)
    library = compiled(source, tmp_path, compiler)
    value, by_x, by_y = called(library, source.name, [x, y], [(4,), (5,), (2,)])
    close(value, banded(x, y))
    for name, expected, entries in zip("xy", jax.jacfwd(banded, argnums=(0, 1))(x, y), (by_x, by_y), strict=True):
        dense = np.zeros((4, x.size if name == "x" else 1))
        prefix = f"{source.name}_jacobian_{name}"
        tables = [
            np.ctypeslib.as_array((ctypes.c_int * len(entries)).in_dll(library, f"{prefix}_{axis}"))
            for axis in ("rows", "columns")
        ]
        dense[tuple(tables)] = entries
        close(dense.reshape(expected.shape), expected)
    assert "out double jacobian_x[5]  d value / d x, entries that are not always zero" in source.header
