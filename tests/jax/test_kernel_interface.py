"""The check of XLA's foreign function interface, the names of targets, and other processes."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ccjac.kernels import Layout, probe
from ccjac.program import Builder

pytest.importorskip("llvmlite")
ffi = pytest.importorskip("ccjac_jax.xla.register")
from ccjac_jax.xla import interface  # noqa: E402

ROOT = Path(__file__).parents[2]


def test_the_installed_interface_is_known():
    version = ffi.interface()
    assert not isinstance(version, str), version


def test_the_self_test_sees_a_wrong_result(monkeypatch):
    version = ffi.interface()
    assert interface.run_apart(lambda: interface._self_test(version)) is None
    program, layout = probe.program()
    nodes = [n._replace(op="sub") if n.op == "mul" else n for n in program.nodes]
    monkeypatch.setattr(probe, "program", lambda: (dataclasses.replace(program, nodes=tuple(nodes)), layout))
    # Another name: the process keeps what is registered.
    monkeypatch.setattr(interface, "_NAME", "ccjac_self_test_with_a_fault")
    assert "result 0 differs" in interface.run_apart(lambda: interface._self_test(version))


@pytest.mark.parametrize("fault", ["header", "call"])
def test_unusable_kernels_are_warned_of_once_and_explained_in_the_plan(fault):
    change = {
        "header": "interface.read_interface = lambda text: 'the header has changed'",
        "call": "interface._self_test = lambda version: 1 / 0",
    }
    script = f"""
import warnings
import ccjac, jax.numpy as jnp
from ccjac_jax.xla import interface
{change[fault]}
f = lambda x: jnp.sin(x) * jnp.exp(x[::-1])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    plans = [ccjac.plan(f, jnp.ones(k), zoo=False) for k in (2, 3)]
    y = ccjac.jacobian(f, zoo=False)(jnp.ones(2))
np.testing.assert_allclose(y, jax.jacfwd(f)(jnp.ones(2)), rtol=1e-6)
assert [w.category for w in caught] == [ccjac.KernelWarning], caught
for plan in plans:
    assert plan.executor == "ops" and plan.reason in str(caught[0].message), plan.reason
print(plans[0].reason)
"""
    done = run_python(script)
    assert done.returncode == 0, done.stderr
    expected = {"header": "the header has changed", "call": "cannot be called by the installed jaxlib"}[fault]
    assert expected in done.stdout


@pytest.mark.parametrize(
    "setting", ["JAX_DISABLE_JIT", "JAX_DEBUG_NANS", "JAX_ENABLE_X64", "JAX_CHECK_TRACER_LEAKS", "JAX_LOG_COMPILES"]
)
def test_the_self_test_passes_under_settings_of_jax(setting):
    script = """
from ccjac_jax.xla.interface import interface
with jax.transfer_guard("disallow"):
    seen = []
    jax.jit(lambda x: seen.append(interface()) or x)(jax.device_put(np.ones(3)))
assert not isinstance(seen[0], str), seen
print("done")
"""
    done = run_python(script, **{setting: "1"})
    assert done.stdout.strip() == "done", done.stderr


def test_without_the_interface_there_is_a_reason_and_no_registration(monkeypatch):
    kernels = pytest.importorskip("ccjac_jax.kernel")
    b = Builder()
    program = b.finish([b.emit("sin", (b.input(0, "float32"),), "float32")], 1)
    monkeypatch.setattr(ffi, "interface", lambda: "the interface is another one")
    assert kernels.obstacle(program) == "the interface is another one"
    with pytest.raises(RuntimeError, match="the interface is another one"):
        ffi.register(program, Layout.rows(program))


def test_a_target_s_name_is_made_from_its_code():
    def sine(factor: float):
        b = Builder()
        scaled = b.emit("mul", (b.input(0, "float32"), b.const(factor, "float32")), "float32")
        return b.finish([b.emit("sin", (scaled,), "float32")], 1)

    names = [ffi.register(p, Layout.rows(p), single=s) for p in (sine(2.0), sine(3.0)) for s in (False, True)]
    assert len(set(names)) == 4
    again = sine(2.0)
    assert ffi.register(again, Layout.rows(again)) == names[0]
    assert ffi.register(again, Layout.rows(again), fastmath=True) not in names


COMMON = """
import jax, numpy as np
import jax.numpy as jnp
from ccjac.program import Builder
from ccjac.kernels import Layout
from ccjac_jax.xla import install
from ccjac_jax.kernel import kernel_call
b = Builder()
x = b.input(0, "float64")
program = b.finish([b.emit("mul", (b.emit("sin", (x,), "float64"), x), "float64")], 1)
call = kernel_call(program, Layout.rows(program), [(1,)], [(1,)], lambda x: [jnp.sin(x) * x])
rows = np.linspace(-1, 1, 40).reshape(40, 1)
"""


def run_python(script: str, **environment: str) -> subprocess.CompletedProcess:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    return subprocess.run(
        [sys.executable, "-c", COMMON + script],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_persistent_cache_serves_another_process(tmp_path):
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    script = """
import jax.monitoring
hits = []
jax.monitoring.register_event_listener(lambda event, **k: hits.append(event) if event.endswith("cache_hits") else None)
np.testing.assert_allclose(jax.jit(jax.vmap(call))(rows)[0], np.sin(rows) * rows, rtol=1e-14)
print(len(hits))
"""
    first, second = run_python(script, **cache), run_python(script, **cache)
    assert first.returncode == 0, first.stderr
    assert second.returncode == 0, second.stderr
    assert int(first.stdout) == 0
    assert int(second.stdout) > 0
    # A process that loads the computation without having the kernel gets an error, and lives.
    missing = """
from ccjac_jax.xla.interface import interface
interface()
install._installed = type("Everything", (dict,), {"__contains__": lambda self, name: True})()
try:
    jax.jit(jax.vmap(call))(rows)
except Exception as error:
    assert "No FFI handler registered for ccjac_kernel_" in str(error), error
    print("refused")
"""
    third = run_python(missing, **cache)
    assert third.stdout.strip() == "refused", third.stderr


def test_shards_compute_their_own_samples():
    script = """
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
mesh = jax.make_mesh((4,), ("i",), axis_types=(AxisType.Auto,))
expected = np.sin(rows) * rows
sharded = jax.jit(jax.shard_map(jax.vmap(call), mesh=mesh, in_specs=P("i"), out_specs=P("i")))
np.testing.assert_allclose(sharded(rows)[0], expected, rtol=1e-14)
text = sharded.lower(rows).compile().as_text()
assert "ccjac_kernel_" in text and "all-gather" not in text
# Sharded operands without shard_map are right as well.
placed = jax.device_put(rows, NamedSharding(mesh, P("i")))
np.testing.assert_allclose(jax.jit(jax.vmap(call))(placed)[0], expected, rtol=1e-14)
slopes = jax.vmap(jax.grad(lambda x: call(x)[0][0]))
slope = jax.jit(jax.shard_map(slopes, mesh=mesh, in_specs=P("i"), out_specs=P("i")))
np.testing.assert_allclose(slope(rows), np.cos(rows) * rows + np.sin(rows), rtol=1e-12)
print("done")
"""
    done = run_python(script, XLA_FLAGS="--xla_force_host_platform_device_count=4", JAX_ENABLE_X64="1")
    assert done.stdout.strip() == "done", done.stderr


def test_busy_threads_do_not_wait_for_each_other():
    # More simultaneous large calls than the pool has threads.
    script = """
from concurrent.futures import ThreadPoolExecutor
big = np.linspace(-1, 1, 400_000).reshape(-1, 1)
compiled = jax.jit(jax.vmap(call))
with ThreadPoolExecutor(8) as pool:
    results = list(pool.map(lambda k: np.asarray(compiled(big * k)[0]), range(1, 33)))
for k, got in enumerate(results, 1):
    np.testing.assert_allclose(got, np.sin(big * k) * big * k, rtol=1e-9, atol=1e-12)
print("done")
"""
    done = run_python(script)
    assert done.stdout.strip() == "done", done.stderr


def test_many_functions_at_once():
    from concurrent.futures import ThreadPoolExecutor

    kernels = pytest.importorskip("ccjac_jax.kernel")

    def check(k: int) -> bool:
        b = Builder()
        scaled = b.emit("mul", (b.input(0, "float64"), b.const(1.0 + k, "float64")), "float64")
        program = b.finish([b.emit("sin", (scaled,), "float64")], 1)
        call = kernels.kernel_call(
            program, Layout.rows(program), [(1,)], [(1,)], lambda x: [jax.numpy.sin(x * (1.0 + k))]
        )
        x = np.linspace(0, 1, 20).reshape(20, 1)
        return np.allclose(jax.jit(jax.vmap(call))(x)[0], np.sin(x * (1.0 + k)), rtol=1e-12)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(check, range(24)))
