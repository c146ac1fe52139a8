"""``ccjac demo``: plan, check and race on one screen; a wrong Jacobian is an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import jax.numpy as jnp
import pytest

import ccjac_zoo
from ccjac_jax import showcase


def test_it_shows_plan_check_and_times(run) -> None:
    code, out, err = run("demo", "Robertson", "--batch", "8", "--seconds", "0")
    assert (code, err) == (0, "")
    assert "markowitz" in out
    assert out.count("float64 Jacobians at") == 4, "two modes, two ways to call it"
    assert "jax.jacrev" in out.split("Median time")[1]


def test_a_difference_is_an_error(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showcase, "errors", lambda form: {"jax.jacfwd": 1e-3, "jax.jacrev": 0.0})
    code, _, err = run("demo", "Robertson", "--batch", "8", "--seconds", "0")
    assert code == 1
    assert "defect" in err


INTERRUPTED = """
import os, signal, sys, time
from ccjac_jax import showcase
from ccjac.cli import main

def interrupted(form):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

showcase.errors = interrupted
sys.argv = ["ccjac", "demo", "Robertson", "--batch", "8", "--seconds", "0"]
main()
"""


def test_an_interrupt_ends_it_cleanly() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "\nInterrupted.\n")
    assert "Median" not in done.stdout


def test_the_handling_of_interrupts_is_put_back(run) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert run("--version")[0] == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_an_unknown_framework_names_the_known_ones(run) -> None:
    code, _, err = run("demo", "Robertson", "--backend", "abacus")
    assert code == 1
    assert "here are jax" in err


def test_the_shell_completes_tasks() -> None:
    from ccjac.terminal.catalogue import complete

    assert complete("roe") == ["RoeFlux_1d", "RoeFlux_3d"]
    assert complete("nothing of the kind") == []
    program = "from ccjac.cli import main; import sys; sys.argv = ['ccjac']; main()"
    words = {"_CCJAC_COMPLETE": "complete_bash", "COMP_WORDS": "ccjac demo RoeFlux_3", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | words, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["RoeFlux_3d"]


@pytest.mark.parametrize(
    "theirs",
    [jnp.ones((2, 3, 3)), jnp.ones((2, 3), "float32"), jnp.array([[1.0, 2.0], [1.0, 1.0]]), jnp.full((2, 2), jnp.nan)],
)
def test_every_kind_of_difference_is_seen(theirs: jnp.ndarray) -> None:
    assert not showcase._distance(jnp.ones((2, 2)), theirs) <= 1e-10
    assert showcase._distance(jnp.ones((2, 2)), jnp.ones((2, 2))) == 0.0


def test_forms_compute_the_same(run) -> None:
    one, many = showcase.forms(ccjac_zoo.task("RoeFlux_1d"), 3, "float64")
    together, apart = one.function(one.args[0][1]), many.function(*(a[1] for a in many.args))
    assert jnp.allclose(together, jnp.stack(apart), rtol=1e-14)
