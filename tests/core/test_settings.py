"""``ccjac.config``: settings act, where they are said to, and nothing compiled under other settings is used."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ccjac
from ccjac.settings import Changes, limits

ROOT = Path(__file__).resolve().parents[2]
X = jnp.linspace(0.5, 1.5, 4)


def f(x):
    return jnp.sin(x) * x[0] + jnp.exp(x[::-1]) * x[1]


def looped(x):
    return jax.lax.scan(lambda c, _: (jnp.sin(c) * x, None), x, None, length=5)[0]


def source(function=f, **options):
    return ccjac.plan(function, X, **options).source


@pytest.fixture(autouse=True)
def _as_before():
    before = {name: getattr(ccjac.config, name) for name in Changes.__annotations__}
    yield
    assert {name: getattr(ccjac.config, name) for name in before} == before


def test_the_lists_of_settings_agree():
    shown = [line.split()[0] for line in repr(ccjac.config).splitlines()]
    assert shown == list(Changes.__annotations__)
    assert all(isinstance(vars(type(ccjac.config))[name], object) for name in shown)
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for line in repr(ccjac.config).splitlines():
        name, value = line.split()[:2]
        assert f"| `{name}` | {value if value[0].isdigit() else f'`{value}`'} |" in table, line


@pytest.mark.parametrize(
    ("changes", "function", "options", "words"),
    [
        ({"program_values": 5}, f, {}, "more than 5 scalar operations"),
        ({"jacobian_entries": 15}, f, {}, "4 x 4 entries"),
        ({"program_operations": 3}, f, {"executor": "kernel"}, "operations"),
        ({"plain_operations": 3}, f, {"executor": "auto"}, ""),
        ({"loop_iterations": 4}, looped, {"executor": "ops"}, "runs for 5 steps"),
    ],
)
def test_a_limit_decides_what_is_expanded(changes, function, options, words, monkeypatch):
    if "plain_operations" in changes:
        monkeypatch.setattr("ccjac_jax.kernel.obstacle", lambda program, **_: "no kernels here")
    inside = ccjac.config(**changes)
    assert source(function, **options) != "fallback"
    assert not words or words not in str(ccjac.plan(function, X, **options))
    with inside:
        plan = ccjac.plan(function, X, **options)
        # A loop that is not unrolled stays one, or is a region of the framework's.
        assert plan.source == "fallback" or function is looped
        assert words in str(plan)
    assert source(function, **options) != "fallback"


def test_what_was_compiled_under_other_limits_is_not_used(caplog):
    # Whatever other tests of this process have compiled, or asked of the log.
    ccjac.clear_caches()
    caplog.set_level(logging.WARNING, "ccjac")
    jacobian = ccjac.jacobian(f)

    def has_kernel():
        # A function made anew: JAX keeps what it traced.
        batched = jax.jit(jax.vmap(lambda x: jacobian(x)))
        return "custom_call" in batched.lower(jnp.stack([X] * 100)).as_text()

    expected = np.asarray(jax.jacfwd(f)(X))
    fallbacks = "uses the framework's own"
    np.testing.assert_allclose(jacobian(X), expected, rtol=1e-14)
    assert fallbacks not in caplog.text
    with ccjac.config(program_values=5):
        np.testing.assert_allclose(jacobian(X), expected, rtol=1e-14)
        assert caplog.text.count(fallbacks) == 1
        np.testing.assert_allclose(jacobian(X), expected, rtol=1e-14)
        assert not has_kernel()
    np.testing.assert_allclose(jacobian(X), expected, rtol=1e-14)
    with ccjac.config(program_values=5):
        # Compiled once under each, and found again.
        np.testing.assert_allclose(jacobian(X), expected, rtol=1e-14)
    assert caplog.text.count(fallbacks) == 1
    assert has_kernel()


def test_threads_and_the_log_compile_nothing_anew(monkeypatch):
    traces = []

    def counted(x):
        traces.append(1)
        return jnp.cos(x) * x[0]

    jacobian = ccjac.jacobian(counted)
    jacobian(X)
    once = len(traces)
    with ccjac.config(threads=1, log_level="ERROR"):
        jacobian(X)
    assert len(traces) == once


def test_limits_belong_to_the_thread():
    inside, outside = threading.Event(), threading.Event()
    seen = []

    def other():
        with ccjac.config(program_values=7):
            inside.set()
            outside.wait(10)
            seen.append(limits().program_values)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    assert ccjac.config.program_values == 60_000
    with ccjac.config(program_values=8), ccjac.config(loop_iterations=9):
        outside.set()
        thread.join()
        assert (limits().program_values, limits().loop_iterations) == (8, 9)
    assert seen == [7]


def test_an_assignment_holds_for_every_thread_and_below_blocks():
    seen = []
    with ccjac.config(loop_iterations=9):
        ccjac.config.program_values = 7
        try:
            thread = threading.Thread(target=lambda: seen.append((limits().program_values, limits().loop_iterations)))
            thread.start()
            thread.join()
            assert (limits().program_values, limits().loop_iterations) == (7, 9)
            assert "program_values                     7  (set)" in repr(ccjac.config)
        finally:
            ccjac.config.program_values = 60_000
    assert seen == [(7, 10_000)]


def test_blocks_of_threads_that_end_in_another_order_leave_the_log_as_it_was():
    log = logging.getLogger("ccjac")
    log.setLevel("ERROR")
    try:
        first, second = ccjac.config(log_level="DEBUG"), ccjac.config(log_level="CRITICAL")
        with first:
            assert log.level == logging.DEBUG
            done = threading.Event(), threading.Event()

            def other():
                with second:
                    done[0].set()
                    done[1].wait(10)

            thread = threading.Thread(target=other)
            thread.start()
            done[0].wait(10)
            assert log.level == logging.CRITICAL
        assert log.level == logging.CRITICAL
        done[1].set()
        thread.join()
        assert log.level == logging.ERROR
    finally:
        log.setLevel("NOTSET")


def test_a_block_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), ccjac.config(program_values=1, threads=2):
        raise ZeroDivisionError
    assert ccjac.config.threads is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_threads_share_a_batch_as_far_as_they_are_let():
    program = """
import os
import numpy as np
import ccjac
from ccjac.kernels import Layout, compile_kernel
from ccjac.program import Builder
builder = Builder()
x = builder.input(0, "float64")
program = builder.finish([builder.emit("mul", (x, x), "float64")], 1)
kernel = compile_kernel(program, Layout.rows(program))
batch = np.arange(4_000_000.0)[:, None]
def helpers(threads):
    before = len(os.listdir("/proc/self/task"))
    (result,) = kernel.run([batch], threads=threads)
    np.testing.assert_array_equal(result, batch * batch)
    return len(os.listdir("/proc/self/task")) - before
with ccjac.config(threads=1):
    print(helpers(4))
with ccjac.config(threads=3):
    print(helpers(4))
    print(helpers(2))
print(helpers(4))
"""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "plugins")))
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["0", "2", "0", "1"], done.stderr
