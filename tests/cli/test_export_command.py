"""``ccjac export`` from the outside."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FLUX = """
import jax.numpy as jnp

def residual(x, gamma=1.4):
    a = jnp.sin(x[0] * x[1])
    return jnp.stack([a * x[2], gamma * jnp.exp(a)])

def shapes(x):
    return jnp.linalg.inv(x)
"""


@pytest.fixture
def flux(tmp_path: Path) -> str:
    (tmp_path / "flux.py").write_text(FLUX)
    return f"{tmp_path / 'flux.py'}"


def test_it_writes_source_and_header(run, flux: str, tmp_path: Path) -> None:
    file = tmp_path / "made" / "roe.c"
    file.parent.mkdir()
    code, out, err = run("export", "c", f"{flux}:residual", "--shape", "3", "--value", "-o", str(file))
    assert (code, err) == (0, "")
    assert "residual_jacobian" in out
    assert '#include "roe.h"' in file.read_text()
    assert "float jacobian[2][3]" in file.with_suffix(".h").read_text()
    if shutil.which("gcc"):
        command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", file.name]
        assert subprocess.run(command, cwd=file.parent).returncode == 0


def test_it_prints_one_text(run, flux: str) -> None:
    code, out, err = run("export", "c", f"{flux}:residual", "--arg", "f64[3]", "--name", "mine")
    assert (code, err) == (0, "")
    assert "void mine_batch(size_t n" in out
    assert "#include <math.h>" in out


def test_what_is_always_zero_is_left_out_on_request(run, flux: str) -> None:
    code, out, err = run("export", "c", f"{flux}:residual", "--shape", "3", "--nonzeros")
    assert (code, err) == (0, "")
    assert "const int residual_jacobian_jacobian_columns[5] = {0, 1, 2, 0, 1};" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("residual", "--shape", "3", "--name", "two words"), "identifier of C"),
        (("residual", "--shape", "3", "-o", "/nowhere/at/all.c"), "/nowhere/at/all"),
        (("shapes", "--shape", "90,90"), "`Plan.to_c` needs the program of a function"),
        (("residuals", "--shape", "3"), "Did you mean"),
        (("residual",), "ccjac export c"),
    ],
)
def test_mistakes_are_told_in_a_paragraph(run, flux: str, words: tuple[str, ...], message: str) -> None:
    code, _, err = run("export", "c", f"{flux}:{words[0]}", *words[1:])
    assert code == 1
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("c", "RoeFlx_1d"), "Did you mean 'RoeFlux_1d'"),
        (("c", "nosuch:f"), "there is no module 'nosuch'"),
        (("c", "RoeFlux_1d", "--name", "3x"), "identifier of C, got '3x'"),
        (("c", "RoeFlux_1d", "--shape", "3"), "leave --arg and --shape out"),
        (("c", "RoeFlux_1d", "--order", "reversed"), "Did you mean 'reverse'?"),
    ],
)
def test_misspelt_names_are_answered_with_the_nearest(run, words: tuple[str, ...], message: str) -> None:
    code, _, err = run("export", *words)
    assert code == 1
    assert message in err
    assert len(err.strip().splitlines()) == 1
