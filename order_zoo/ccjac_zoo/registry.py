"""Where catalogue functions register, and how they are found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

import numpy as np

from .definition import Sampler, Task

F = TypeVar("F", bound=Callable[..., Any])
_TASKS: dict[str, Task] = {}


def catalogued(
    name: str, *, domain: str, source: str, sample: Sampler, argnums: Sequence[int] | None = None
) -> Callable[[F], F]:
    """Enter the decorated function into the catalogue; its docstring's first line becomes the description.

    Args:
        name: Unique name of the task.
        domain: The field the function comes from.
        source: Citation of the formula.
        sample: Draws arguments inside the domain of validity.
        argnums: The differentiated arguments, not counting the namespace; all of them by default.

    Raises:
        ValueError: The name is taken, or the source or the docstring is missing.
    """

    def register(function: F) -> F:
        description = (function.__doc__ or "").strip().split("\n")[0]
        if name in _TASKS:
            raise ValueError(f"`catalogued`: the name {name!r} is taken; names are unique.")
        if not source or not description:
            raise ValueError(f"`catalogued`: {name!r} needs a source and a docstring.")
        indices = range(len(sample(np.random.default_rng(0)))) if argnums is None else argnums
        _TASKS[name] = Task(name, domain, function, sample, tuple(indices), source, description)
        return function

    return register


def tasks() -> dict[str, Task]:
    """The whole catalogue by name, sorted by domain and name."""
    from . import functions

    for module in iter_modules(functions.__path__):
        import_module(f"{functions.__name__}.{module.name}")
    return {task.name: task for task in sorted(_TASKS.values(), key=lambda t: (t.domain, t.name))}


def task(name: str) -> Task:
    """One task by name.

    Raises:
        KeyError: No such task.
    """
    known = tasks()
    if name not in known:
        raise KeyError(f"`ccjac_zoo.task`: no task {name!r}; `ccjac_zoo.tasks()` lists all {len(known)}.")
    return known[name]


def domains() -> dict[str, tuple[Task, ...]]:
    """The tasks of every domain, both sorted by name."""
    found: dict[str, list[Task]] = {}
    for entry in tasks().values():
        found.setdefault(entry.domain, []).append(entry)
    return {domain: tuple(members) for domain, members in found.items()}
