"""The arrays that a compiled Jacobian returns: which entries they hold, and the containers around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from .backends.protocol import Request
from .kernels.layout import Layout, Operand, Result
from .program.accumulate import STRUCTURAL_ZERO, JacobianProgram
from .spec import Spec


@dataclass(frozen=True, eq=False)
class Block:
    """One array of the result, as a list of its entries that are not always zero.

    Attributes:
        spec: Shape and type of the array.
        nonzero: ``[k]`` flat row-major positions of the entries in the array, ascending.
        places: ``[k]`` their positions among the program's results.
        packed: Whether only these entries are computed, for the framework to spread out.
    """

    spec: Spec
    nonzero: np.ndarray
    places: np.ndarray
    packed: bool = False

    @property
    def computed_shape(self) -> tuple[int, ...]:
        """Shape of what the program computes."""
        return (self.places.size,) if self.packed else self.spec.shape

    @cached_property
    def computed(self) -> np.ndarray:
        """Flat: the position among the program's results of every entry that it computes, or ``STRUCTURAL_ZERO``."""
        if self.packed or self.places.size == self.spec.size:
            return self.places
        table = np.full(self.spec.size, STRUCTURAL_ZERO, dtype=np.int64)
        table[self.nonzero] = self.places
        return table

    @cached_property
    def spread(self) -> np.ndarray:
        """Flat: for every entry of a packed block's array its place among the computed ones; zeros point behind the
        last.
        """
        table = np.full(self.spec.size, self.places.size, dtype=np.int64)
        table[self.nonzero] = np.arange(self.places.size)
        return table


def blocks(
    jacobian: JacobianProgram,
    outputs: Sequence[Spec],
    arguments: Sequence[Spec],
    values: Sequence[Spec] = (),
    *,
    packed_from: int | None = None,
    typed_by: Literal["output", "input"] = "output",
) -> list[Block]:
    """Everything that a compiled function returns: values, then the Jacobian block by block.

    Args:
        jacobian: The program.
        outputs: The differentiated results.
        arguments: The differentiated operands.
        values: The results whose values are returned, auxiliary ones last; none by default.
        typed_by: Whether entries have their output's type, as forward mode gives them, or their input's, as reverse
            mode does.
        packed_from: Entries from which a block that is mostly zero is computed packed; ``None`` for never.
    """
    found = value_blocks(values)
    for row, out in _starts(outputs):
        first, last = np.searchsorted(jacobian.rows, [row, row + out.size])
        rows, columns, places = (a[first:last] for a in (jacobian.rows, jacobian.columns, jacobian.places))
        for column, arg in _starts(arguments):
            here = (columns >= column) & (columns < column + arg.size)
            nonzero = (rows[here] - row) * arg.size + (columns[here] - column)
            spec = Spec((*out.shape, *arg.shape), out.dtype if typed_by == "output" else arg.dtype)
            packed = packed_from is not None and spec.size >= packed_from and 2 * nonzero.size < spec.size
            found.append(Block(spec, nonzero, places[here], packed))
    return found


def value_blocks(values: Sequence[Spec]) -> list[Block]:
    """The arrays of a program's first results, one after the other."""
    return [Block(spec, np.arange(spec.size), np.arange(start, start + spec.size)) for start, spec in _starts(values)]


def pushed_block(jacobian: JacobianProgram, row: int, spec: Spec, inputs: Sequence[int]) -> Block:
    """The derivatives of an array whose first entry is ``row``, by some of the inputs, along a new last axis."""
    first, last = np.searchsorted(jacobian.rows, [row, row + spec.size])
    rows, columns, places = (a[first:last] for a in (jacobian.rows, jacobian.columns, jacobian.places))
    nonzero = (rows - row) * len(inputs) + np.searchsorted(inputs, columns)
    return Block(Spec((*spec.shape, len(inputs)), spec.dtype), nonzero, places)


def placed(operands: Sequence[Spec]) -> list[tuple[int, Spec]]:
    """Every array with its first scalar, one after the other."""
    return list(_starts(operands))


def layout(operands: Sequence[tuple[int, Spec]], arrays: Sequence[Block]) -> Layout:
    """The calling convention of a kernel that takes ``operands``, each with its first scalar, and computes ``arrays``,
    all of them batched.
    """
    rows = [Operand(tuple(range(start, start + spec.size)), spec.dtype) for start, spec in operands]
    return Layout(tuple(rows), tuple(Result(tuple(a.computed.tolist()), a.spec.dtype) for a in arrays))


def _starts(specs: Sequence[Spec]) -> Iterator[tuple[int, Spec]]:
    start = 0
    for spec in specs:
        yield start, spec
        start += spec.size


class Containers(NamedTuple):
    """The pytrees around the flat arrays of one call.

    Attributes:
        output: Of the differentiated output.  A tree tells its ``num_leaves``.
        auxiliary: Of the auxiliary output.
        arguments: Of every differentiated argument.
        unflatten: The framework's function from a tree and its leaves to the container.
    """

    output: Any
    auxiliary: Any
    arguments: Sequence[Any]
    unflatten: Callable[[Any, Sequence[Any]], Any]


def nest(containers: Containers, request: Request, values: Sequence[Any], jacobian: Sequence[Any]) -> Any:
    """Put flat arrays into the containers that the user gets.

    The Jacobian nests as the frameworks' own do: the output's container outside, then a tuple if ``argnums`` is one,
    then the argument's container.

    Args:
        containers: The call's.
        request: What the user asked for.
        values: The outputs and the auxiliary outputs, if values are wanted.
        jacobian: One array per output and argument leaf.
    """
    tree, unflatten = containers.output, containers.unflatten
    if request.fused:
        return unflatten(containers.auxiliary, values)
    per_output: list[Any] = []
    remaining = iter(jacobian)
    for _ in range(tree.num_leaves):
        parts = [unflatten(a, [next(remaining) for _ in range(a.num_leaves)]) for a in containers.arguments]
        per_output.append(tuple(parts) if isinstance(request.argnums, tuple) else parts[0])
    result = unflatten(tree, per_output)
    if not (request.with_value or request.has_aux):
        return result
    auxiliary = unflatten(containers.auxiliary, values[tree.num_leaves :])
    if not request.with_value:
        return result, auxiliary
    value = unflatten(tree, values[: tree.num_leaves])
    return ((value, auxiliary), result) if request.has_aux else (value, result)
