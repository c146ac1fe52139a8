"""Random straight-line functions: deterministic programs drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import e
from random import Random
from typing import Any, TypeVar

from ..registry import catalogued
from ..sampling import box

_SOURCE = (
    "drawn by the seeded generator in this module; the kind of function follows J. Lohoff, E. Neftci, Optimizing "
    "automatic differentiation with deep reinforcement learning, NeurIPS (2024), arXiv 2406.05027, appendix"
)
_WIDTH = 4
"""Length of every vector and side of every matrix."""
_LIMIT = 100.0
"""No value of a program exceeds this magnitude while the inputs stay in [-1, 1]."""


@dataclass(frozen=True)
class Operation:
    """What an instruction does, and what its result is bounded by, given bounds on its operands' magnitudes."""

    apply: Callable[..., Any]
    bound: Callable[..., float]
    kinds: tuple[str, ...] = ()
    """Kinds of the operands, then of the result; empty for elementwise operations, which keep any one kind."""
    arity: int = 2


Instruction = tuple[str, tuple[int, ...]]
"""One operation on earlier values: a row of :data:`OPERATIONS`, and the positions of its operands.  Plain tuples, which
never change, are compared at once where a function is checked for changes at each call."""


OPERATIONS = {
    # elementwise
    "add": Operation(lambda xp, x, y: x + y, lambda b, c: b + c),
    "cos": Operation(lambda xp, x: xp.cos(x), lambda b: 1.0, arity=1),
    # The divisor lies in [1/e, e] whatever the operands are.
    "div": Operation(lambda xp, x, y: x / xp.exp(xp.sin(y)), lambda b, c: b * e),
    "mul": Operation(lambda xp, x, y: x * y, lambda b, c: b * c),
    "sin": Operation(lambda xp, x: xp.sin(x), lambda b: 1.0, arity=1),
    "square": Operation(lambda xp, x: x * x, lambda b: b * b, arity=1),
    "sub": Operation(lambda xp, x, y: x - y, lambda b, c: b + c),
    "tanh": Operation(lambda xp, x: xp.tanh(x), lambda b: 1.0, arity=1),
    # between kinds
    "dot": Operation(lambda xp, x, y: x @ y, lambda b, c: _WIDTH * b * c, ("vector", "vector", "scalar")),
    "matmul": Operation(lambda xp, x, y: x @ y, lambda b, c: _WIDTH * b * c, ("matrix", "matrix", "matrix")),
    "matvec": Operation(lambda xp, x, y: x @ y, lambda b, c: _WIDTH * b * c, ("matrix", "vector", "vector")),
    "outer": Operation(lambda xp, x, y: x[:, None] * y, lambda b, c: b * c, ("vector", "vector", "matrix")),
    "rowsum": Operation(lambda xp, x: xp.sum(x, 1), lambda b: _WIDTH * b, ("matrix", "vector"), arity=1),
    "scale": Operation(lambda xp, x, y: x * y, lambda b, c: b * c, ("scalar", "vector", "vector")),
    "transpose": Operation(lambda xp, x: x.T, lambda b: b, ("matrix", "matrix"), arity=1),
}

_APPLY = {name: operation.apply for name, operation in OPERATIONS.items()}
"""All that a program reads, and so all that is compared at each call of what was made of it."""


T = TypeVar("T")


@dataclass(frozen=True)
class RandomProgram:
    """A straight-line program.  Values are numbered inputs first, then one per instruction."""

    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def run(self, xp: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs at ``inputs``."""
        values = list(inputs)
        for op, args in self.instructions:
            values.append(_APPLY[op](xp, *(values[a] for a in args)))
        return tuple(values[v] for v in self.outputs)


def draw_program(
    seed: int, inputs: Sequence[str], outputs: Sequence[str], n_values: int, fresh: float = 0.6
) -> RandomProgram:
    """Draw a program of ``n_values`` instructions.

    Operands prefer values that nothing uses yet, and so do the outputs, so that little of the program is dead.

    Args:
        seed: Seed of the draw.
        inputs: Kind of every input: ``"scalar"``, ``"vector"`` or ``"matrix"``.
        outputs: Kind of every output.
        n_values: Number of instructions.
        fresh: How often an operand is taken from the values that nothing uses yet.
    """
    # Only `random()` of the standard generator is promised to give the same numbers in every release.
    rng = Random(seed)
    kinds, bounds, unused = list(inputs), [1.0] * len(inputs), set(range(len(inputs)))
    instructions: list[Instruction] = []
    available = [name for name, op in OPERATIONS.items() if set(op.kinds) <= set(inputs)]
    while len(instructions) < n_values:
        name = _pick(rng, available)
        operation = OPERATIONS[name]
        every = [_pick(rng, inputs)] * (operation.arity + 1)
        *wanted, result = operation.kinds or every
        args: list[int] = []
        for kind in wanted:
            known = [v for v, k in enumerate(kinds) if k == kind and v not in args]
            idle = [v for v in known if v in unused]
            pool = idle if idle and rng.random() < fresh else known
            args += [_pick(rng, pool)] if pool else []
        if len(args) < operation.arity or (bound := operation.bound(*(bounds[a] for a in args))) > _LIMIT:
            continue
        unused = unused - set(args) | {len(kinds)}
        kinds.append(result)
        bounds.append(bound)
        instructions.append((name, tuple(args)))
    chosen: list[int] = []
    for kind in outputs:
        later = [v for v in range(len(kinds) - 1, len(inputs) - 1, -1) if kinds[v] == kind and v not in chosen]
        chosen.append(next((v for v in later if v in unused), later[0]))
    return RandomProgram(tuple(instructions), tuple(chosen))


def _pick(rng: Random, choices: Sequence[T]) -> T:
    return choices[int(rng.random() * len(choices))]


F = draw_program(
    294, ["matrix", "vector", "vector", "vector", "scalar", "scalar"], ["matrix", "vector", "vector"], 78, fresh=0.8
)
"""The vector-valued program of :func:`random_f`: 30 scalars in, 24 out."""

G = draw_program(8, ["scalar"] * 15, ["scalar"] * 20, 86)
"""The scalar program of :func:`random_g`."""


@catalogued(
    "random_f",
    domain="random",
    source=_SOURCE,
    sample=box((-1, 1, (4, 4)), (-1, 1, (4,)), (-1, 1, (4,)), (-1, 1, (4,)), (-1, 1), (-1, 1)),
)
def random_f(xp: Any, a: Any, u: Any, v: Any, w: Any, s: Any, t: Any) -> Any:
    """Random straight-line function with matrix and vector operations.

    Args:
        xp: Array namespace.
        a: Matrix ``[4, 4]``.
        u: Vector ``[4]``.
        v: Vector ``[4]``.
        w: Vector ``[4]``.
        s: Scalar.
        t: Scalar.

    Returns:
        A matrix ``[4, 4]`` and two vectors ``[4]``.
    """
    return F.run(xp, (a, u, v, w, s, t))


@catalogued("random_g", domain="random", source=_SOURCE, sample=box(*[(-1, 1)] * 15))
def random_g(xp: Any, *inputs: Any) -> Any:
    """Random straight-line function of fifteen scalars.

    Args:
        xp: Array namespace.
        *inputs: Fifteen scalars.

    Returns:
        Twenty scalars.
    """
    return G.run(xp, inputs)
