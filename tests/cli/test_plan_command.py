"""``ccjac plan`` from the outside: output, exit codes, no tracebacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import ccjac
from ccjac import cli

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
        (("--shape", "3", "--order", "1,2"), "`order`"),
        (("--shape", "3", "--cost", "euros"), "euros"),
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


def test_the_functions_own_error_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "branching.py").write_text("def f(x):\n    return x if x[0] > 0 else 2 * x\n")
    monkeypatch.setattr("sys.argv", ["ccjac", "plan", f"{tmp_path / 'branching.py'}:f", "--shape", "3"])
    with pytest.raises(Exception, match="Tracer") as caught:
        cli.main()
    assert type(caught.value).__module__.startswith("jax")


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
