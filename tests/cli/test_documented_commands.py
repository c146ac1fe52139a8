"""Every command that the documentation shows runs, or, where that would take minutes, is understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINE = re.compile(r"^ *(?:\$ )?(ccjac(?:-train)? [^#\n]+)", re.MULTILINE)
_INLINE = re.compile(r"`(ccjac(?:-train)? [^`\n]+)`")

# What stands in the documentation for something of the reader's.
STAND_INS = {
    "MODULE:FUNCTION": "flux.py:residual --shape 6",
    "FUNCTION": "flux.py:residual --shape 6",
    "FILE": "zoo.json",
    "ENTRY": "RoeFlux_1d",
    "COMMAND": "plan",
    "NAME": "my-orders",
    "N": "2",
    "[TASK]": "RoeFlux_1d",
    "ray:ADDRESS": "ray:head",
    "/path": "zoo",
}
# Names of commands in a sentence, not commands to type.
MENTIONED = {"ccjac plan", "ccjac explain --html", "ccjac zoo export", "ccjac-train pretrain"}
# It writes into the shell's configuration.
UNTOUCHED = {"ccjac --install-completion"}
FUNCTIONS = {
    "flux.py": "residual",
    "arm.py": "tool",
    "mymodule.py": "flux",
}
BODY = """
def {name}(x):
    return (x[0] * x[1]).reshape(1) * x[:2]

def circle(x):
    return x * x[0]
"""


def documented() -> list[str]:
    found = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for command in (*_LINE.findall(text), *_INLINE.findall(text)):
            found.add(" ".join(command.split()))
    return sorted(found - MENTIONED - UNTOUCHED)


def words_of(command: str) -> list[str]:
    return [part for word in shlex.split(command) for part in shlex.split(STAND_INS.get(word, word))]


def prepare(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(directory)
    for file, name in FUNCTIONS.items():
        Path(file).write_text(BODY.format(name=name))
    monkeypatch.syspath_prepend(str(directory))
    Path("zoo.json").write_text('{"schema": 1, "entries": []}')


@pytest.mark.parametrize("command", [c for c in documented() if c.startswith("ccjac ")])
def test_a_documented_command_runs(run, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "torch" in command:
        # Not `torch`, as a folder of tests may be called.
        pytest.importorskip("torch.func")
    prepare(tmp_path, monkeypatch)
    _, *words = words_of(command)
    if words[0] == "demo":
        words += ["--seconds", "0", "--batch", "2"]
    code, out, err = run(*words)
    assert code == 0, err
    assert out.strip()


@pytest.mark.parametrize("command", [c for c in documented() if c.startswith("ccjac-train ")])
def test_a_documented_command_of_the_trainer_is_understood(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typer = pytest.importorskip("typer")
    from ccjac_trainer.cli.app import app

    prepare(tmp_path, monkeypatch)
    for folder in ("runs/a", "runs/b", "zoo"):
        Path(folder).mkdir(parents=True)
    _, name, *words = words_of(command)
    group = typer.main.get_command(app)
    subcommand = group.get_command(None, name)
    assert subcommand is not None
    # Raises where an option or an argument is unknown, missing, or of another type.
    context = subcommand.make_context(name, words)
    assert context.params


def test_there_are_commands() -> None:
    assert len(documented()) >= 25
    assert all(any(mention in page.read_text(encoding="utf-8") for page in PAGES) for mention in MENTIONED | UNTOUCHED)
