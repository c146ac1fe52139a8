"""What ``ccjac demo`` and the benchmarks do with torch: check a catalogue task against torch's own modes, and race
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import ccjac

from . import private
from .shadows import TYPES

Function = Callable[..., Any]

name = "torch"


def versions() -> str:
    """The framework, its version and its threads."""
    return f"torch {torch.__version__} on {torch.get_num_threads()} threads of the CPU"


def points(task: Any, size: int, dtype: str, seed: int = 0) -> torch.Tensor:
    """``size`` points of a catalogue task as one tensor ``[size, n]``, one row per point."""
    batch = task.batch(size, seed)
    rows = np.concatenate([np.reshape(batch[i], (size, -1)) for i in task.argnums], axis=1)
    return torch.tensor(rows, dtype=TYPES[dtype])


@dataclass(frozen=True)
class Form:
    """One way to call a task on many points at once.

    Attributes:
        name: The way, in words.
        function: The function of one point.
        args: Its arguments for all points, each ``[size, ...]``.
        argnums: The differentiated ones.
    """

    name: str
    function: Function
    args: tuple[torch.Tensor, ...]
    argnums: int | tuple[int, ...]


def forms(task: Any, size: int, dtype: str, seed: int = 0) -> list[Form]:
    """A catalogue task as ``f(x[n])`` on one tensor and, if all arguments are scalars, as ``f(a, b, ...)``."""
    rows = points(task, size, dtype, seed)
    found = [Form(f"f(x) on one tensor [B, {task.n}]", task.vector("torch"), (rows,), 0)]
    if task.n > 1 and not any(task.shapes) and len(task.argnums) == len(task.shapes):
        columns = tuple(rows[:, k] for k in range(task.n))
        found.append(Form(f"f(a, b, ...) on {task.n} tensors [B]", task.bind("torch"), columns, task.argnums))
    return found


def candidates(function: Function, argnums: int | tuple[int, ...] = 0, **options: Any) -> dict[str, Function]:
    """Ways to the Jacobians of ``function`` at many points.

    Args:
        function: The function of one point.
        argnums: The differentiated arguments.
        **options: Passed to :func:`ccjac.jacobian`.
    """
    return {
        "ccjac.jacobian": ccjac.jacobian(function, argnums=argnums, in_dims=0, **options),
        "ccjac.jacobian in vmap": torch.func.vmap(ccjac.jacobian(function, argnums=argnums, **options)),
        "torch.func.jacrev": torch.func.vmap(torch.func.jacrev(function, argnums=argnums)),
        "torch.func.jacfwd": torch.func.vmap(torch.func.jacfwd(function, argnums=argnums)),
    }


def errors(form: Form, **options: Any) -> dict[str, float]:
    """How far the Jacobians are from torch's own, in the precision of the arguments.

    Returns:
        For ``torch.func.jacrev`` and ``torch.func.jacfwd`` the largest difference of an entry, relative to the largest
        entry of that point's Jacobian; infinite if shapes, types or containers differ.
    """
    results = {name: f(*form.args) for name, f in candidates(form.function, form.argnums, **options).items()}
    ours = [results.pop(way) for way in ("ccjac.jacobian", "ccjac.jacobian in vmap")]
    return {name: max(_distance(own, theirs) for own in ours) for name, theirs in results.items()}


def races(form: Form, **options: Any) -> dict[str, Callable[[], object]]:
    """The candidates as calls on the same tensors."""

    def call(f: Function) -> Callable[[], object]:
        return lambda: f(*form.args)

    return {name: call(f) for name, f in candidates(form.function, form.argnums, **options).items()}


def _distance(ours: Any, theirs: Any) -> float:
    (left, tree), (right, other) = private.flatten(ours), private.flatten(theirs)
    if tree != other or any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(left, right, strict=True)):
        return float("inf")
    a, b = (torch.cat([x.reshape(len(x), -1) for x in leaves], 1) for leaves in (left, right))
    size = b.abs().amax(1)
    difference = (a - b).abs().amax(1)
    return float((difference / torch.where(size == 0.0, 1.0, size)).max())


@contextmanager
def double_precision() -> Iterator[None]:
    """Nothing: torch has it always."""
    yield
