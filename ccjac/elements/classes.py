"""From blocks to cells: all outputs are expanded at once, from the results down to the inputs.

Outputs begin as classes by the block that computes them.  A class follows its operands column by column; where members
read elements of different blocks, the class splits.  So classes are by construction: members of one run the same
program, on other elements.  Members whose leaves coincide where others' do not are a class of their own too, for their
Jacobian rows have fewer entries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UnsupportedError
from ..limits import CLASS_LIMIT, COINCIDENCE_LIMIT, COMPONENTS, LEAST_MEMBERS, NODE_LIMIT, SHARED_PART
from .columns import LITERAL, Columns, Key, is_literal
from .graph import ElementGraph


@dataclass(frozen=True)
class Node:
    """A value of a cell: the block that it belongs to, and its operands' keys; ``None`` for a leaf."""

    block: int
    operands: tuple[Key, ...] | None


@dataclass(eq=False)
class Cell:
    """One small program, and the members that run it.

    Attributes:
        columns: What the members read.
        nodes: The program, by the key of the column of its results.
        outputs: The keys of its outputs.
        rows: For every output of the cell the flat positions ``[members]`` among the function's outputs.
    """

    columns: Columns
    nodes: dict[Key, Node]
    outputs: list[Key]
    rows: list[np.ndarray]

    @property
    def members(self) -> int:
        """How many times the program runs."""
        return self.columns.members

    def operations(self) -> set[Key]:
        """What the program computes."""
        return {key for key, node in self.nodes.items() if node.operands is not None}


def cells_of(
    graph: ElementGraph,
    outputs: np.ndarray,
    *,
    cut: Collection[int] = (),
    nodes: int | None = None,
    classes: int = CLASS_LIMIT,
) -> list[Cell]:
    """The classes of some elements.

    Args:
        graph: The function.
        outputs: Element numbers ``[outputs]``.
        cut: Blocks whose elements are leaves.
        nodes: Operations that may be followed, those of classes that split included; by default any number.
        classes: How many classes there may be.

    Raises:
        UnsupportedError: Too many classes, too large ones, or a wide sum that is not cut.
    """
    starts = graph.starts
    waiting = list(_divided(np.arange(outputs.size), _blocks(starts, outputs)))
    found: list[Cell] = []
    budget = _Budget(nodes)
    while waiting:
        members = waiting.pop()
        expanded = _expand(graph, starts, outputs[members], cut, budget)
        if isinstance(expanded, np.ndarray):
            waiting.extend(_divided(members, expanded))
            if len(waiting) + len(found) > classes:
                raise UnsupportedError(f"its outputs fall into more than {classes} classes of different structure")
        else:
            top, columns, program = expanded
            found.append(Cell(columns, program, [top], [members]))
    # In the order of their first outputs, whatever the order of the splits was.
    return sorted(found, key=lambda cell: int(cell.rows[0][0]))


def _blocks(starts: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """The block of every element; each literal counts as a block."""
    return np.where(elements < 0, elements, np.searchsorted(starts, elements, side="right") - 1)


def _divided(members: np.ndarray, pattern: np.ndarray) -> Iterator[np.ndarray]:
    """Members of equal pattern together, each part in ascending order."""
    _, inverse, counts = np.unique(pattern, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    return iter(np.split(members[order], np.cumsum(counts)[:-1]))


class _Pattern:
    """What tells the members of a class apart, gathered over a whole pass so that all splits are made at once."""

    def __init__(self) -> None:
        self.labels: np.ndarray | None = None

    def add(self, labels: np.ndarray) -> None:
        _, labels = np.unique(labels, return_inverse=True)
        if self.labels is not None:
            _, labels = np.unique(self.labels * (int(labels.max()) + 1) + labels, return_inverse=True)
        self.labels = labels


class _Budget:
    """How many operations may still be followed."""

    def __init__(self, nodes: int | None) -> None:
        self._nodes, self._left = nodes, nodes

    def spend(self) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            raise UnsupportedError(f"more than {self._nodes:,} operations of its classes would have to be followed")


def _expand(
    graph: ElementGraph, starts: np.ndarray, elements: np.ndarray, cut: Collection[int], budget: _Budget
) -> tuple[Key, Columns, dict[Key, Node]] | np.ndarray:
    """The common program of some elements, or the labels by which they must be divided."""
    columns, pattern = Columns(elements.size), _Pattern()
    nodes: dict[Key, Node] = {}
    read: dict[tuple[Key, int], Key | None] = {}

    def key_of(column: np.ndarray) -> Key | None:
        low, high = int(column.min()), int(column.max())
        if low == high and low < 0:
            return LITERAL, low
        if low >= 0 and graph.block_at(low) == graph.block_at(high):
            return columns.key(column)
        pattern.add(_blocks(starts, column))
        return None

    top = key_of(elements)
    waiting = [] if top is None else [top]
    while waiting:
        key = waiting.pop()
        if key in nodes or is_literal(key):
            continue
        budget.spend()
        if len(nodes) >= NODE_LIMIT:
            raise UnsupportedError(f"one of its outputs alone takes more than {NODE_LIMIT:,} operations")
        place = graph.block_at(columns.extent(key)[0])
        block = graph.blocks[place]
        if block.is_leaf or place in cut:
            nodes[key] = Node(place, None)
            continue
        if block.kind == "opaque":
            raise UnsupportedError(block.reason)
        if block.kind == "wide":
            raise UnsupportedError("a sum over many entries is part of its outputs")
        operands: list[Key | None] = []
        for k, source in enumerate(block.sources):
            if isinstance(source, np.ndarray):
                if (key, id(source)) not in read:
                    read[key, id(source)] = key_of(source[columns.root(key) + (key[1] - block.start)])
                operands.append(read[key, id(source)])
            elif source < 0:
                operands.append((LITERAL, source))
            else:
                operands.append((key[0], key[1] - block.start + source))
            if (operand := operands[k]) is not None and operand not in nodes:
                waiting.append(operand)
        # Where an operand is missing the class is divided, and the node not used.
        nodes[key] = Node(place, tuple(o for o in operands if o is not None))
    if pattern.labels is None and elements.size > 1:
        active = [key for key, node in nodes.items() if node.operands is None and _is_active(graph, node, cut)]
        _coincidences(columns, active, pattern)
    if pattern.labels is not None:
        return pattern.labels
    assert top is not None
    return top, columns, nodes


def _is_active(graph: ElementGraph, node: Node, cut: Collection[int]) -> bool:
    block = graph.blocks[node.block]
    return block.is_differentiated and (block.kind == "input" or node.block in cut)


def _coincidences(columns: Columns, leaves: Sequence[Key], pattern: _Pattern) -> None:
    """Tell members apart by which of their leaves are the same element; unless all or too many differ."""
    found = _Pattern()
    for i, a in enumerate(leaves):
        low, high = columns.extent(a)
        for b in leaves[:i]:
            other_low, other_high = columns.extent(b)
            # Columns of one root and different offsets never meet.
            if a[0] == b[0] or high < other_low or other_high < low:
                continue
            same = columns.values(a) == columns.values(b)
            if same.any():
                found.add(same)
    if found.labels is not None and 1 < int(found.labels.max()) + 1 <= COINCIDENCE_LIMIT:
        pattern.add(found.labels)


def separated(cells: Sequence[Cell]) -> list[Cell]:
    """Cells whose members alternate between a few components of the output, one cell for each component.

    Together with the other components of the same point (:func:`joined`) they then write whole rows of the Jacobian
    that follow each other.
    """
    result: list[Cell] = []
    for cell in cells:
        period = _period(cell.rows[0])
        for first in range(period):
            result.append(cell if period == 1 else _every(cell, first, period))
    return result


def _period(rows: np.ndarray) -> int:
    """After how many members the distances between output rows repeat, 1 if they do at once or not soon."""
    steps = np.diff(rows)
    if rows.size < LEAST_MEMBERS or (steps == steps[0]).all():
        return 1
    for period in range(2, COMPONENTS + 1):
        far = rows[period:] - rows[:-period]
        if rows.size % period == 0 and (far == far[0]).all():
            return period
    return 1


def _every(cell: Cell, first: int, period: int) -> Cell:
    """The members ``first``, ``first + period``, ... of a cell."""
    columns = Columns(cell.members // period)
    part = _moved(cell, columns, slice(first, None, period))
    part.rows = [rows[first::period] for rows in cell.rows]
    return part


def joined(cells: Sequence[Cell]) -> list[Cell]:
    """Cells of equally many members that share operations, or whose output rows alternate, as one cell of several
    outputs.
    """
    result: list[Cell] = []
    by_size: dict[int, list[Cell]] = {}
    for cell in cells:
        by_size.setdefault(cell.members, []).append(cell)
    for members, group in by_size.items():
        columns = Columns(members)
        together: list[Cell] = []
        for cell in group:
            moved = _moved(cell, columns)
            mine = moved.operations()
            for other in together:
                theirs = other.operations()
                shared = len(mine & theirs) > SHARED_PART * min(len(mine), len(theirs))
                if shared or _alternate(other.rows, moved.rows[0]):
                    other.nodes |= moved.nodes
                    other.outputs += moved.outputs
                    other.rows += moved.rows
                    break
            else:
                together.append(moved)
        result += together
    return sorted(result, key=lambda cell: int(cell.rows[0][0]))


def _alternate(rows: Sequence[np.ndarray], others: np.ndarray) -> bool:
    """Whether output rows lie next to each other in all members, as components of one point do."""
    if others.size < 2:
        return False
    distance = others - rows[-1]
    stride = int(others[1] - others[0])
    return 0 < abs(int(distance[0])) < stride and bool((distance == distance[0]).all())


def _moved(cell: Cell, columns: Columns, members: slice = slice(None)) -> Cell:
    """The cell, or some of its members, with its columns in another table, where equal columns of several cells have
    equal keys.
    """
    renamed: dict[int, Key] = {}

    def key(old: Key) -> Key:
        if is_literal(old):
            return old
        if old[0] not in renamed:
            renamed[old[0]] = columns.key(np.ascontiguousarray(cell.columns.root(old)[members]))
        root, offset = renamed[old[0]]
        return root, offset + old[1]

    nodes = {
        key(old): Node(node.block, None if node.operands is None else tuple(map(key, node.operands)))
        for old, node in cell.nodes.items()
    }
    return Cell(columns, nodes, [key(o) for o in cell.outputs], list(cell.rows))
