"""A traced function of large arrays as blocks of elements, without an object for any single element.

Every element of every array has a number.  A block is an array that one operation computes, element by element: its
elements are numbered in a row, and each operand says for every element which element it reads.  What only moves
elements (slices, transposes, rolls, gathers with known indices) makes no block, it indexes the numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..expand.expander import Expander
from ..expand.values import Symbolic, Value, is_floating

Kind = Literal["input", "operand", "parameter", "operation", "wide", "opaque"]

_FEW = 4
"""Known arrays of up to this many distinct numbers (masks, stencil weights, boundary values) are literals, which fold
and tell classes of outputs apart; others are parameters, which do not."""


Expansion = Callable[[Expander, Sequence[Value]], Symbolic]
"""An operation on single numbers in an expansion to scalars: from values of shape ``()`` to their result."""


@dataclass(frozen=True, eq=False)
class Operation:
    """What a block computes for each of its elements.

    Attributes:
        key: Equal keys compute the same; hashable, the same in every process.
        dtype: Name of the result's type.
        expand: The operation on single numbers, one value per operand.
    """

    key: Hashable
    dtype: str
    expand: Expansion


class Elements:
    """An array of element numbers; a range of them is spelled out only when it is asked for.

    Attributes:
        shape: Of the array.
        dtype: Name of its entries' type.
        start: The first number if they follow each other in row-major order, else ``None``.
    """

    __slots__ = ("_ids", "dtype", "shape", "start")

    def __init__(
        self, shape: tuple[int, ...], dtype: str, *, start: int | None = None, ids: np.ndarray | None = None
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.start = start
        self._ids = ids

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def ids(self) -> np.ndarray:
        """The numbers, of this shape; negative ones are literals."""
        if self._ids is None:
            assert self.start is not None
            self._ids = np.arange(self.start, self.start + self.size, dtype=np.int64).reshape(self.shape)
        return self._ids

    def reshaped(self, shape: tuple[int, ...]) -> Elements:
        """The same elements in another shape of the same size."""
        ids = None if self._ids is None else self._ids.reshape(shape)
        return Elements(shape, self.dtype, start=self.start, ids=ids)


Source = int | np.ndarray
"""What an operand of a block reads: every element the literal of this negative number, a run of elements from this
number on, or for each element the one whose number stands in a flat array."""


@dataclass(frozen=True, eq=False)
class Block:
    """Elements ``start .. start + size``.

    Attributes:
        kind: ``"input"`` (differentiated), ``"operand"`` (an argument that is not), ``"parameter"`` (known numbers),
            ``"operation"``, ``"wide"`` (a sum over so many elements that it is no part of a cell), or ``"opaque"``
            (what is not taken apart: it may depend on all that it reads).
        start, size: The elements.
        dtype: Name of their type.
        operation: What computes them.
        sources: One per operand of the operation; of a wide sum one array ``[size, terms]``.
        data: The numbers of parameters.
        reason: Why it is opaque.
    """

    kind: Kind
    start: int
    size: int
    dtype: str
    operation: Operation | None = None
    sources: tuple[Source, ...] = ()
    data: np.ndarray | None = None
    reason: str = ""

    @property
    def is_leaf(self) -> bool:
        """Whether it reads no other elements."""
        return not self.sources

    @property
    def is_differentiated(self) -> bool:
        """Whether cells that read it are differentiated by it: as an input, or as a number that was cut out."""
        if self.kind in ("wide", "opaque"):
            return is_floating(self.dtype)
        return self.kind == "input"


class ElementGraph:
    """All blocks of a function.

    Attributes:
        blocks: In the order of their elements; the differentiated inputs come first, so that an input's element number
            is its column in the Jacobian.
        literals: The number behind element ``-1 - k``.
        size: How many elements there are.
        origins: Where the function computes wide and opaque blocks, by their number, in the backend's words: whoever
            can name it can have the block's values computed apart.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.literals: list[np.generic] = []
        self.size = 0
        self.origins: dict[int, Hashable] = {}
        self._starts: list[int] = []
        self._literal_ids: dict[tuple[bytes, str], int] = {}

    @property
    def starts(self) -> np.ndarray:
        """The first element of every block, and one past the last element of all."""
        return np.array([*self._starts, self.size], dtype=np.int64)

    @property
    def narrow(self) -> type[np.signedinteger[Any]]:
        """An integer that holds every element's number, no longer than necessary."""
        return np.int32 if self.size < 2**31 else np.int64

    def block_at(self, element: int) -> int:
        """The number of the block that an element belongs to."""
        return bisect_right(self._starts, element) - 1

    def originates(self, value: Elements, origin: Hashable) -> None:
        """Note where an array is computed, if it is exactly a wide or opaque block."""
        if value.start is None or not value.size:
            return
        place = self.block_at(value.start)
        block = self.blocks[place]
        if block.kind in ("wide", "opaque") and block.start == value.start and block.size == value.size:
            self.origins[place] = origin

    # -- leaves ---------------------------------------------------------------------------------------------------

    def leaf(self, kind: Kind, shape: tuple[int, ...], dtype: str, data: np.ndarray | None = None) -> Elements:
        """An argument, or known numbers."""
        return self._new(Block(kind, self.size, math.prod(shape), dtype, data=data), shape)

    def literal(self, number: Any, dtype: str) -> int:
        """The element that is this number."""
        value = np.dtype(dtype).type(number)
        key = (value.tobytes(), dtype)
        if key not in self._literal_ids:
            self.literals.append(value)
            self._literal_ids[key] = -len(self.literals)
        return self._literal_ids[key]

    def lift(self, value: Elements | np.ndarray) -> Elements:
        """A known array as elements."""
        if isinstance(value, Elements):
            return value
        array = np.asarray(value)
        dtype = array.dtype.name
        distinct = _distinct(array)
        if distinct is None:
            return self.leaf("parameter", array.shape, dtype, array)
        ids = np.empty(array.shape, np.int64)
        for number in distinct:
            same = np.isnan(array) if number != number else array == number
            ids[same] = self.literal(number, dtype)
        return Elements(array.shape, dtype, ids=ids)

    # -- blocks ---------------------------------------------------------------------------------------------------

    def apply(
        self, operation: Operation, operands: Sequence[Elements | np.ndarray], shape: tuple[int, ...]
    ) -> Elements:
        """A new block: the operation on operands that broadcast to ``shape``."""
        sources = tuple(self._source(v, shape) for v in operands)
        start, size = self.size, math.prod(shape)
        return self._new(Block("operation", start, size, operation.dtype, operation, sources), shape)

    def wide(self, operation: Operation, table: np.ndarray, shape: tuple[int, ...]) -> Elements:
        """A new block whose element ``k`` sums the elements ``table[k]``, ``[size, terms]``."""
        block = Block("wide", self.size, len(table), operation.dtype, operation, (np.ascontiguousarray(table),))
        return self._new(block, shape)

    def opaque(self, reason: str, operands: Sequence[Elements], shape: tuple[int, ...], dtype: str) -> Elements:
        """A new array of which nothing is known but what it may depend on: all elements of the operands.

        Args:
            reason: Why it is not taken apart.
            operands: What it reads.
            shape: Its shape.
            dtype: Name of its type.
        """
        table = np.concatenate([v.ids.ravel() for v in operands])[None]
        # One element that reads everything spares all others the list.
        hub = self._new(Block("opaque", self.size, 1, dtype, sources=(table,), reason=reason), ())
        size = math.prod(shape)
        sources = (np.full(size, hub.start, np.int64),)
        return self._new(Block("opaque", self.size, size, dtype, sources=sources, reason=reason), shape)

    def opaque_slices(self, reason: str, table: np.ndarray, arranged: np.ndarray, dtype: str) -> Elements:
        """The same where what is known is that each slice of the results reads a slice of the operands.

        Args:
            reason: Why it is not taken apart.
            table: ``[slices, elements]`` what they read.
            arranged: The slice of every result, of the results' shape.
            dtype: Name of its type.
        """
        hubs = self._new(Block("opaque", self.size, len(table), dtype, sources=(table,), reason=reason), (len(table),))
        sources = (hubs.ids[arranged.ravel()],)
        return self._new(
            Block("opaque", self.size, arranged.size, dtype, sources=sources, reason=reason), arranged.shape
        )

    def _new(self, block: Block, shape: tuple[int, ...]) -> Elements:
        self.blocks.append(block)
        self._starts.append(block.start)
        self.size += block.size
        return Elements(shape, block.dtype, start=block.start)

    def _source(self, value: Elements | np.ndarray, shape: tuple[int, ...]) -> Source:
        if not isinstance(value, Elements):
            array = np.asarray(value)
            first = array.ravel()[:1]
            if array.size and (array.size == 1 or _all_are(array, first)):
                return self.literal(first[0], array.dtype.name)
            value = self.lift(array)
        if value.start is not None and value.shape == shape:
            return value.start
        ids = value.ids
        if ids.size == 1 and ids.ravel()[0] < 0:
            return int(ids.ravel()[0])
        return np.ascontiguousarray(np.broadcast_to(ids, shape)).ravel()


def _all_are(array: np.ndarray, first: np.ndarray) -> bool:
    # Bytes are compared, for -0.0 and NaN.
    return array.tobytes() == first.tobytes() * array.size if array.size <= 64 else bool((array == first).all())


def _distinct(array: np.ndarray) -> np.ndarray | None:
    """The distinct numbers of an array if they are few and each equals its literal, else ``None``."""
    flat = array.ravel()
    # A look at the beginning spares long arrays the sorting.
    if np.unique(flat[: 4 * _FEW]).size > _FEW:
        return None
    numbers = np.unique(flat)
    if numbers.size > _FEW or (array.dtype.kind == "f" and (np.signbit(flat) & (flat == 0)).any()):
        return None
    return numbers
