"""No module imports itself around others, not even for types or inside a function; the core knows no framework."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ccjac", "plugins/ccjac_jax", "plugins/ccjac_torch", "order_zoo/ccjac_zoo", "trainer/ccjac_trainer")


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            parts = [Path(package).name, *file.relative_to(ROOT / package).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(name: str, file: Path) -> Iterator[tuple[str, str]]:
    """Every import of a module, wherever it stands: the module named, and what is taken from it."""
    around = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = around[: len(around) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((origin, alias.name) for alias in node.names)


def test_there_is_no_circle() -> None:
    known = modules()
    graph = {}
    for name, file in known.items():
        wanted = {f"{o}.{what}" if f"{o}.{what}" in known else o for o, what in imported(name, file)}
        graph[name] = (wanted & known.keys()) - {name}
    assert len(list(TopologicalSorter(graph).static_order())) == len(known) > 100


def test_the_core_knows_no_framework() -> None:
    for name, file in modules().items():
        if name.split(".")[0] == "ccjac":
            origins = {origin.split(".")[0] for origin, _ in imported(name, file)}
            assert not origins & {"jax", "torch", "flax", "ccjac_jax", "ccjac_torch", "ccjac_zoo", "ccjac_trainer"}, (
                name
            )
