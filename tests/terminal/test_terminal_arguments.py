"""From words on the command line to functions and arguments."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import ccjac
from ccjac.terminal.arguments import load, parse, parse_argnums, parse_order
from ccjac.terminal.literals import ArgumentError


def test_shapes_become_positional_float32_arrays() -> None:
    call = parse([], ["6", "3,4", "()", "0", "(2,)"])
    assert [a.shape for a in call.positional] == [(6,), (3, 4), (), (0,), (2,)]
    assert {a.dtype.name for a in call.positional} == {"float32"}
    assert call.keywords == {}


@pytest.mark.parametrize(
    ("text", "dtype", "shape"),
    [
        ("f64[3,4]", "float64", (3, 4)),
        ("float32[]", "float32", ()),
        ("f16[ 2 ]", "float16", (2,)),
        ("int32[5]", "int32", (5,)),
        ("i8[]", "int8", ()),
        ("u16[2,]", "uint16", (2,)),
        ("bool[4]", "bool", (4,)),
        ("c128[1,0]", "complex128", (1, 0)),
        ("bf16[3]", "bfloat16", (3,)),
        ("float8_e4m3fn[3]", "float8_e4m3fn", (3,)),
    ],
)
def test_array_types(text: str, dtype: str, shape: tuple[int, ...]) -> None:
    (value,) = parse([text], []).positional
    assert (value.dtype.name, value.shape) == (dtype, shape)


def test_literals_and_keywords_keep_their_order() -> None:
    call = parse(["1.5", "gamma=1.4", "[1.0, 2.0]", "name='a=b'", "({'p': [[1.0]]}, 3)", "'x=y'"], [])
    number, vector, container, text = call.positional
    assert number == 1.5
    np.testing.assert_array_equal(vector, [1.0, 2.0])
    np.testing.assert_array_equal(container[0]["p"], [[1.0]])
    assert container[1] == 3
    assert text == "x=y"
    assert call.keywords == {"gamma": 1.4, "name": "a=b"}


def test_containers_hold_arrays_and_arrays_hold_numbers() -> None:
    (value,) = parse(["{'p': [f32[3], {'q': f64[]}], 'n': [1, 2], 's': ['f32[]', -2.5], 'e': ()}"], []).positional
    first, second = value["p"]
    assert (first.shape, second["q"].shape, second["q"].dtype.name) == ((3,), (), "float64")
    assert value["n"].tolist() == [1, 2]
    assert value["s"] == ["f32[]", -2.5]
    assert value["e"] == ()
    (nested,) = parse(["[[1, 2], [3, 4]]"], []).positional
    assert nested.shape == (2, 2)


@pytest.mark.parametrize(
    "text", ["nonsense", "f64[3", "f64[a]", "quux[3]", "[1.0, [2.0]]", "", "__import__('os')", "f32[-1]"]
)
def test_other_words_are_refused_and_the_forms_named(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"f32\[3,4\]|f64\[3,4\]"):
        parse([text], [])


def test_shape_and_arg_together_are_refused() -> None:
    with pytest.raises(ArgumentError, match="--arg 'f32"):
        parse(["1.0"], ["3"])


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0,2", (0, 2)), ("1,", (1,)), ("-1", -1)])
def test_argnums(text: str, value: object) -> None:
    assert parse_argnums(text) == value


@pytest.mark.parametrize("text", ["", "a", "0;1", "1.5"])
def test_bad_argnums(text: str) -> None:
    with pytest.raises(ArgumentError, match="argnums"):
        parse_argnums(text)


def test_orders() -> None:
    assert parse_order("markowitz") == "markowitz"
    assert parse_order("7, 6,5") == (7, 6, 5)
    assert parse_order("7") == (7,)


def test_load_from_a_file_that_imports_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_mine.py").write_text("def f(x):\n    return 2.0 * x\n")
    (tmp_path / "entry_of_mine.py").write_text(
        "from neighbour_of_mine import f\nclass Model:\n    g = staticmethod(f)\n"
    )
    before = list(sys.path)
    assert load(f"{tmp_path / 'entry_of_mine.py'}:f")(3.0) == 6.0
    assert load(f"{tmp_path / 'entry_of_mine.py'}:Model.g")(3.0) == 6.0
    assert sys.path == before


def test_load_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_in_cwd.py").write_text("def f(x):\n    return x\n")
    monkeypatch.chdir(tmp_path)
    assert load("module_in_cwd:f")(3.0) == 3.0


def test_load_looks_inside_a_jacobian(tmp_path: Path) -> None:
    (tmp_path / "decorated_one.py").write_text("import ccjac\n@ccjac.jacobian\ndef f(x):\n    return 'inside'\n")
    assert load(f"{tmp_path / 'decorated_one.py'}:f")(0) == "inside"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("json", "MODULE:FUNCTION"),
        (":f", "MODULE:FUNCTION"),
        ("json:", "MODULE:FUNCTION"),
        ("no_such_module_here:f", "no module"),
        ("json.no_such_module_here:f", "no module"),
        ("json:no_such_function", "no 'no_such_function'"),
        ("json:__name__", "needs a function"),
        ("no_such_file.py:f", "no file"),
    ],
)
def test_targets_that_name_nothing(target: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        load(target)
    assert isinstance(caught.value, ccjac.CcjacError)


def test_errors_of_the_module_itself_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "broken_module.py").write_text("import no_such_dependency_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency_at_all"):
        load(f"{tmp_path / 'broken_module.py'}:f")
