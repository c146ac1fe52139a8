"""The documentation's Python and the example scripts run, and their links lead somewhere."""

from __future__ import annotations

import inspect
import re
import runpy
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

import ccjac
from ccjac import executor, options

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# In a tab a block is indented.
_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_TAB = re.compile(r'^=== "(.*)"$', re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?!https?://|#)([^)#\s]+)")


@pytest.fixture(autouse=True)
def _as_users_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """JAX's defaults, not those of the tests; a script may change them, and write files where it runs."""
    monkeypatch.chdir(tmp_path)
    import jax

    ours = {"jax_numpy_dtype_promotion": "standard", "jax_enable_x64": False}
    before = {name: getattr(jax.config, name) for name in ours}
    for name, value in ours.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # What stands in a page's tabs for PyTorch is read without the rest of its code.
    spaces: dict[bool, dict[str, object]] = {tab: {"__name__": page.stem} for tab in (False, True)}
    for block in _BLOCK.finditer(text):
        tabs = _TAB.findall(text[: block.start()]) if block[1] else []
        names = spaces[tabs[-1:] == ["PyTorch"]]
        first_line = text[: block.start(2)].count("\n")
        exec(compile("\n" * first_line + textwrap.dedent(block[2]), str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_has_absolute_links_to_files_of_the_checkout() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not _LINK.findall(readme), "an index shows the README without the files beside it"
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    home = urls["Repository"]
    assert f"\nrepository-code: {home}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nrepo_url: {home}\n" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    raw = home.replace("//github.com", "//raw.githubusercontent.com")
    linked = re.findall(rf"\((?:{home}/blob|{raw})/main/([^)]+)\)", readme)
    linked += [url.removeprefix(f"{home}/blob/main/") for url in urls.values() if "/blob/" in url]
    assert len(linked) >= 10
    for target in linked:
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda p: p.stem)
def test_examples_run(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out.strip(), "an example shows something"


def test_there_are_pages_and_examples() -> None:
    assert len(PAGES) >= 12
    assert len(EXAMPLES) >= 9


def test_every_page_is_in_the_navigation_and_every_picture_on_a_page() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    texts = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for page in (ROOT / "docs").glob("*.md"):
        assert f": {page.name}" in navigation
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name}" in texts


def test_every_environment_variable_is_in_the_table() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    read = set()
    for folder in ("ccjac", "plugins", "order_zoo", "trainer"):
        for file in (ROOT / folder).rglob("*.py"):
            read |= set(re.findall(r"\"(CCJAC_[A-Z_]+)\"", file.read_text(encoding="utf-8")))
    read = {name for name in read if not re.search("_(FLOAT|DOUBLE|RESTRICT)$", name)}
    assert len(read) >= 5
    assert {name for name in read if f"`{name}`" not in settings} == set()


def _table(page: str, heading: str) -> str:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.split(f"\n{heading}\n")[1].split("\n## ")[0]


def test_every_option_and_choice_is_in_the_tables() -> None:
    settings, reference = _table("settings.md", "## Settings of a function"), _table("reference.md", "### Arguments")
    for name in options.SHARED:
        assert f"\n| `{name}` |" in settings
    for name in (*options.SHARED, *options.OF_THE_CALL, "argnums", "has_aux", "holomorphic", "allow_int"):
        assert f"`{name}`" in reference, name
    for choices in (options.GranularityChoice, options.Executor, options.Output):
        for choice in get_args(choices):
            assert f'`"{choice}"`' in settings, choice
            assert f'`"{choice}"`' in reference, choice


def test_every_public_name_is_on_a_page() -> None:
    functions = _table("reference.md", "## Functions")
    api = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in ccjac.__all__:
        value = getattr(ccjac, name)
        if inspect.isfunction(value) and name != "hookimpl":
            assert f"`{name}(" in functions, name
            assert f"::: ccjac.{name}\n" in api, name
        elif inspect.isclass(value) and issubclass(value, (Exception, Warning)):
            assert f"| `{name}` |" in functions, name


def test_what_can_be_installed_is_what_the_table_says() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for_users = set(declared["optional-dependencies"]) - {"test", "test-jax", "docs"}
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == for_users
    assert f"Python {declared['requires-python'].removeprefix('>=')} or newer" in text


def test_what_runs_where_is_what_is_selected() -> None:
    table = _table("install.md", "## What runs where")
    program = SimpleNamespace(operations=10)

    def selected(platform: str, wanted: str) -> str:
        return executor.select(program, wanted, platform=platform, obstacle=lambda _: None)[0]  # type: ignore[arg-type]

    assert (
        '| NVIDIA devices | where `executor="kernel"` asks for it, see [Accelerators](accelerators.md) | yes |' in table
    )
    assert [selected("cuda", wanted) for wanted in ("auto", "kernel", "ops")] == ["ops", "kernel", "ops"]
    assert "| Linux, x86-64 or ARM | yes | yes |" in table
    assert [selected("cpu", wanted) for wanted in ("auto", "ops")] == ["kernel", "ops"]
