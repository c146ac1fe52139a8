"""``ccjac plan`` from the outside: output, exit codes, no tracebacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import ccjac

FLUX = """
import jax.numpy as jnp

def residual(x, gamma=1.4):
    a = jnp.sin(x[0] * x[1])
    return jnp.stack([a * x[2], gamma * jnp.exp(a)])
"""


@pytest.fixture
def flux(tmp_path: Path) -> str:
    (tmp_path / "flux.py").write_text(FLUX)
    return f"{tmp_path / 'flux.py'}:residual"


def test_it_shows_the_plan(run, flux: str) -> None:
    code, out, err = run("plan", flux, "--shape", "3", "--no-zoo")
    assert (code, err) == (0, "")
    assert "3 inputs" in out
    assert "markowitz" in out
    assert "greedy:" in out


def test_json_holds_a_graph_that_gives_the_same_numbers(run, flux: str) -> None:
    code, out, _ = run("plan", flux, "--arg", "f64[3]", "--arg", "gamma=1.3", "--order", "reverse", "--json")
    assert code == 0
    found = json.loads(out)
    graph = ccjac.Graph.from_edges(**found["graph"])
    assert ccjac.evaluate_order(graph, found["order"]) == found["multiplications"]
    assert ccjac.evaluate_order(graph, found["order"], "structural") == found["structural"]
    assert found["order"] == list(reversed(graph.eliminable))


def test_the_order_can_be_given_by_its_vertices(run, flux: str) -> None:
    order = json.loads(run("plan", flux, "--shape", "3", "--order", "forward", "--json")[1])["order"]
    code, out, _ = run("plan", flux, "--shape", "3", "--order", ",".join(map(str, order)), "--json")
    assert code == 0
    assert json.loads(out)["order"] == order


def test_another_cost_model_is_minimised(run, flux: str) -> None:
    code, out, _ = run("plan", flux, "--shape", "3", "--cost", "structural", "--json")
    assert code == 0
    found = json.loads(out)
    graph = ccjac.Graph.from_edges(**found["graph"])
    assert found["structural"] <= min(
        ccjac.evaluate_order(graph, order, "structural") for order in (graph.eliminable, graph.eliminable[::-1])
    )


def test_a_catalogue_task_brings_its_arguments(run) -> None:
    code, out, _ = run("plan", "RoeFlux_1d", "--no-zoo")
    assert code == 0
    assert "6 inputs" in out
    code, _, err = run("plan", "RoeFlux_1d", "--shape", "3")
    assert code == 1
    assert "leave --arg and --shape out" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--shape", "3", "--order", "sideways"), "sideways"),
        (("--shape", "3", "--order", "markovitz"), "Did you mean 'markowitz'?"),
        (("--shape", "3", "--order", "1,2"), "`order`"),
        (("--shape", "3", "--cost", "euros"), "euros"),
        (("--shape", "3", "--cost", "Structura"), "Did you mean 'structural'?"),
        (("--shape", "3", "--backend", "abacus"), "abacus"),
        (("--shape", "3", "--argnums", "x"), "--argnums"),
        (("--arg", "int32[3]"), "int32"),
        (("--arg", "?"), "--arg"),
    ],
)
def test_errors_are_one_paragraph_on_standard_error(run, flux: str, words: Sequence[str], message: str) -> None:
    code, out, err = run("plan", flux, "--no-zoo", *words)
    assert code == 1
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


def test_an_unknown_task_names_the_nearest(run) -> None:
    code, _, err = run("plan", "RoFlux1d")
    assert code == 1
    assert "RoeFlux_1d" in err
    assert run("plan", "zzzzzz")[0] == 1


def test_case_does_not_matter_in_task_names(run) -> None:
    assert run("plan", "roeflux_1D", "--order", "reverse")[0] == 0


def test_wrong_usage_exits_with_2(run) -> None:
    assert run("plan")[0] == 2
    assert run("plan", "a:b", "--no-such-option")[0] == 2


MISTAKES = {
    "a wrong shape": (("--shape", "3", "--shape", "4,5"), ["product", "line 5", "A @ x", "(5,)"]),
    "a missing argument": (("--shape", "3"), ["product", "missing a required argument: 'A'", "product(x, A)"]),
    "one too many": (("--shape", "3", "--shape", "4,3", "--shape", "2"), ["too many", "product(x, A)"]),
    "another keyword": (("--shape", "3", "--arg", "f32[4,3]"), ["either --arg or --shape"]),
    "a value that is not there while tracing": (("--arg", "f32[3]", "--arg", "flag"), ["--arg must be"]),
}


def test_a_branch_on_values_is_a_plan_with_its_reason(run, tmp_path: Path) -> None:
    (tmp_path / "branching.py").write_text("def f(x):\n    return x if x[0] > 0 else 2 * x\n")
    code, out, err = run("plan", f"{tmp_path / 'branching.py'}:f", "--shape", "3")
    assert (code, err) == (0, "")
    assert "TracerBoolConversionError" in out


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_a_call_give_one_paragraph_with_the_users_own_line(run, tmp_path: Path, name: str) -> None:
    (tmp_path / "algebra.py").write_text("\n\ndef product(x, A):\n    # wrong\n    return A @ x\n")
    words, parts = MISTAKES[name]
    code, out, err = run("plan", f"{tmp_path / 'algebra.py'}:product", *words)
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 1
    for part in parts:
        assert part in err


@pytest.mark.parametrize(
    ("text", "function", "parts"),
    [
        ("def f(x:\n    return x\n", "f", ["SyntaxError", "line 1", "def f(x:"]),
        ("import no_such_package_at_all\n", "f", ["ModuleNotFoundError", "no_such_package_at_all", "line 1"]),
        ("1 / 0\n", "f", ["ZeroDivisionError", "line 1", "1 / 0"]),
        ("def f(x):\n    return x * gamma\n", "f", ["NameError", "gamma", "line 2", "in f"]),
        ("def residual(x):\n    return x\n", "residul", ["Did you mean 'residual'?"]),
    ],
)
def test_faults_of_a_module_give_one_paragraph(run, tmp_path: Path, text: str, function: str, parts: list[str]) -> None:
    (tmp_path / "faulty.py").write_text(text)
    code, out, err = run("plan", f"{tmp_path / 'faulty.py'}:{function}", "--shape", "3")
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 1
    for part in parts:
        assert part in err.replace("invalid syntax", "SyntaxError").replace("'(' was never closed", "SyntaxError")


def test_the_whole_traceback_can_be_had(run, tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text("1 / 0\n")
    code, _, err = run("plan", f"{tmp_path / 'faulty.py'}:f", "--traceback", "--shape", "3")
    assert code == 1
    assert "Traceback (most recent call last)" in err
    assert err.strip().splitlines()[-1].startswith("error: ")


def test_a_missing_framework_is_said(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'jax'", name="jax")

    monkeypatch.setattr("ccjac.api.trace", missing)
    code, _, err = run("plan", "RoeFlux_1d", "--cost", "structural")
    assert code == 1
    assert "pip install 'ccjac[jax]'" in err


def test_containers_and_types_are_taken_as_the_help_says(run, tmp_path: Path) -> None:
    (tmp_path / "trees.py").write_text("def f(p, q):\n    return p['a'] * q[0] + p['b']\n")
    words = ["--arg", "{'a': f64[3], 'b': f64[]}", "--arg", "(f64[3], i8[2], 'text')"]
    code, out, err = run("plan", f"{tmp_path / 'trees.py'}:f", *words)
    assert (code, err) == (0, "")
    assert "Plan: 4 inputs" in out


@pytest.mark.parametrize("words", [(), ("plan",), ("demo",)])
def test_help_names_examples_and_forms(run, words: Sequence[str]) -> None:
    code, out, _ = run(*words, "--help")
    assert code == 0
    assert "Usage:" in out
    if words == ("plan",):
        assert "f32[3,4]" in out
        assert "NAME=VALUE" in out.replace("\n", "")


def test_version(run) -> None:
    code, out, _ = run("--version")
    assert (code, out.strip()) == (0, f"ccjac {ccjac.__version__}")
