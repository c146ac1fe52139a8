"""Likely mistakes at the command line: each gives one paragraph, or a usage line and a box, with what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import ccjac

FLUX = """
import jax.numpy as jnp

VALUE = 3

def residual(x, gamma=1.4):
    return jnp.stack([jnp.sin(x[0] * x[1]), gamma * jnp.exp(x[2])])

def words(x):
    return "text"

def crosses(x):
    return x.reshape(2, 2) @ x
"""

RESIDUAL = "flux.py:residual"
MISTAKES: dict[str, tuple[Sequence[str], int, str]] = {
    "no function": (("plan",), 2, "Missing argument 'MODULE:FUNCTION'"),
    "a misspelt command": (("plann", RESIDUAL), 2, "No such command 'plann'. Did you mean 'plan'"),
    "a misspelt command of a group": (("zoo", "lst"), 2, "No such command 'lst'. Did you mean 'list'?"),
    "a misspelt option": (("plan", RESIDUAL, "--orderr", "auto"), 2, "Possible options: --order"),
    "a file without a function": (("plan", "flux.py"), 1, "names a file; name a function of it too: flux.py:FUNCTION"),
    "a misspelt function": (("plan", "flux.py:residua"), 1, "flux.py has no 'residua'. Did you mean 'residual'?"),
    "a missing file": (("plan", "fluxx.py:residual"), 1, "there is no file fluxx.py"),
    "a missing module": (("plan", "no_such_module:f"), 1, "no_such_module"),
    "a number for a function": (("plan", "flux.py:VALUE"), 1, "needs a function, but flux.py:VALUE is int"),
    "a misspelt task": (("plan", "RoeFlux1d"), 1, "Did you mean 'RoeFlux_1d'"),
    "no arguments": (("plan", RESIDUAL), 1, "give every argument, in order, with --arg or --shape"),
    "sizes as people say them": (("plan", RESIDUAL, "--shape", "2x3"), 1, "--shape takes the sizes of an array"),
    "a type without its bracket": (("plan", RESIDUAL, "--arg", "f64[3"), 1, "--arg must be an array's type such as"),
    "an array of ints": (("plan", RESIDUAL, "--arg", "i32[3]"), 1, "argument 0 (`x`) of `residual` is int32"),
    "an argument that is not there": (("plan", RESIDUAL, "--shape", "3", "--argnums", "4"), 1, "positional argument 4"),
    "an unknown order": (("plan", RESIDUAL, "--shape", "3", "--order", "fastest"), 1, "must be one of auto, forward"),
    "a function of text": (("plan", "flux.py:words", "--shape", "3"), 1, "`words` returned a str"),
    "an error of the function": (("plan", "flux.py:crosses", "--shape", "4"), 1, "flux.py, line 13, in crosses"),
    "an unknown framework": (("demo", "--backend", "tensorflow"), 1, "cannot run on 'tensorflow': here are"),
    "a misspelt framework": (("demo", "--backend", "jaxx"), 1, "Did you mean 'jax'?"),
    "source where no one can write": (
        ("export", "c", RESIDUAL, "--shape", "3", "-o", "nowhere/a.c"),
        1,
        "cannot use 'nowhere/a.h': no such file or directory",
    ),
    "a page where no one can write": (
        ("explain", RESIDUAL, "--shape", "3", "--html", "nowhere/a.html"),
        1,
        "cannot use 'nowhere/a.html'",
    ),
    "a file as a zoo": (
        ("zoo", "list", "--zoo", "flux.py"),
        1,
        "takes the directory of a zoo, but 'flux.py' is a file",
    ),
    "a zoo that is not there": (("zoo", "verify", "--zoo", "nowhere"), 1, "there is no directory 'nowhere'"),
    "an entry that is not there": (("zoo", "show", "nothing"), 1, "`ccjac zoo list` lists them"),
    "a file that is not there": (("zoo", "import", "missing.json"), 1, "No such file or directory"),
    "a file that is no zoo": (("zoo", "import", "flux.py"), 1, "It takes what `Zoo.export` writes"),
    "an export without a file": (("zoo", "export"), 2, "name the FILE to write"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(run, mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flux.py").write_text(FLUX)
    words, expected, message = MISTAKES[mistake]
    code, _, err = run(*words)
    assert code == expected
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    if expected == 1:
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert len(err) < 600


def test_a_damaged_zoo_is_told(run, tmp_path: Path) -> None:
    (tmp_path / "orders.db").write_bytes(b"this is no database, but long enough to look like one" * 50)
    with pytest.warns(ccjac.ZooWarning, match="if it is damaged, move it away"):
        code, out, _ = run("zoo", "verify", "--zoo", str(tmp_path))
    assert code == 1
    assert "file is not a database" in out
