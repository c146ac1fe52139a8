"""From the classes of a function's outputs to its sparse Jacobian: programs, and the place of every entry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import UnsupportedError
from ..limits import CLASS_LIMIT, TERMS_FROM
from ..pattern import Pattern
from ..planning.plan import Plan
from ..program import Program
from ..program.accumulate import JacobianProgram, accumulate
from ..program.linearization import Linearization
from .cell import CellProgram, linearized, program_of
from .classes import cells_of, joined, separated
from .graph import ElementGraph, Elements
from .places import Entries, Places, joined_blocks
from .terms import terms_of


@dataclass(frozen=True, eq=False)
class Part:
    """Members that run one program.

    Attributes:
        plan: The order by which the cell is eliminated.
        program: Its results are distinct entries of the Jacobian.
        leaves: For every input scalar of the program the members' elements ``[members]``.
        blocks: The block that each of them lies in.
        places: For every entry of the cell its position among the program's results.
        targets: ``[members, entries]`` where the entries go: positions among the values and what is added to them.
        groups: How many entries follow each other, by output and argument; they add up to ``entries``.
    """

    plan: Plan
    program: Program
    leaves: tuple[np.ndarray, ...]
    blocks: tuple[int, ...]
    places: tuple[int, ...]
    targets: np.ndarray
    groups: tuple[int, ...]

    @property
    def members(self) -> int:
        """How often the program runs."""
        return len(self.targets)


@dataclass(frozen=True, eq=False)
class SparseProgram:
    """The sparse Jacobian of a large function.

    Attributes:
        graph: Its elements.
        parts: What computes the values.
        patterns: ``[outputs][arguments]``: the structure of every block; the values of all blocks lie behind each other
            in this order, each in its pattern's.  Numbers that were cut out follow the arguments.
        dtype: Name of the values' type.
        added: Values beside those of the patterns, behind them, and where each is to be added: where a member reads
            one element at several places, its entry is a sum.
        cut: Blocks whose values are operands of the parts, because they depend on everything.
    """

    graph: ElementGraph
    parts: tuple[Part, ...]
    patterns: tuple[tuple[Pattern, ...], ...]
    dtype: str
    added: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    cut: tuple[int, ...] = ()

    @property
    def nnz(self) -> int:
        """Number of values."""
        return sum(pattern.nnz for row in self.patterns for pattern in row)

    @property
    def written(self) -> int:
        """Numbers that the parts compute, those to be added included."""
        return self.nnz + self.added.size

    @property
    def whole(self) -> Pattern:
        """The structure of the matrix that all blocks make together."""
        return self._joined[0]

    @property
    def in_whole(self) -> np.ndarray | None:
        """``[nnz]``: for every entry of :attr:`whole` its place among the values, ``None`` if the order is the same."""
        return self._joined[1]

    @cached_property
    def _joined(self) -> tuple[Pattern, np.ndarray | None]:
        return joined_blocks(self.patterns)


def sparse_program(
    graph: ElementGraph,
    outputs: Sequence[Elements],
    n_differentiated: int,
    plan: Callable[[Linearization], Plan],
    nodes: int | None = None,
    cut: Collection[int] = (),
) -> SparseProgram:
    """Divide a function into cells, and find where their entries belong.

    Args:
        graph: All elements; the first ``n_differentiated`` blocks are the differentiated arguments.
        outputs: The function's results.
        n_differentiated: How many arguments are differentiated.
        plan: Chooses an order for a cell.
        nodes: Operations that may be followed, at most.
        cut: Blocks that may be cut out, see :attr:`SparseProgram.cut`.

    Raises:
        UnsupportedError: The function has no such structure, or finding it takes too long.
    """
    types = {o.dtype for o in outputs}
    if len(types) != 1:
        raise UnsupportedError("its outputs have several types")
    (dtype,) = types
    flat = np.concatenate([o.ids.ravel() for o in outputs]) if len(outputs) > 1 else outputs[0].ids.ravel()
    programs, of_terms = _programs(graph, flat, cut, nodes)
    read = {block for cells in programs.values() for block in _blocks(cells[0])}
    own = tuple(sorted(read & set(cut)))
    arguments = [*range(n_differentiated), *(k for k in own if graph.blocks[k].is_differentiated)]
    places = Places([o.size for o in outputs], [graph.blocks[k].size for k in arguments])
    compiled = [_compiled(graph, cells, plan, dtype) for cells in programs.values()]
    rows = [
        _entries(graph, places, arguments, cells, jacobian)
        for cells, jacobian in zip(programs.values(), compiled, strict=True)
    ]
    values = places.arranged_sums(rows) if of_terms else places.arranged(rows)
    parts: list[Part] = []
    for cells, jacobian, entries, target in zip(programs.values(), compiled, rows, values, strict=True):
        if entries.groups:
            keys = [(*c.active, *c.passive) for c in cells]
            leaves = [
                np.concatenate(
                    [c.cell.columns.values(k[n]).astype(graph.narrow) for c, k in zip(cells, keys, strict=True)]
                )
                for n in range(len(keys[0]))
            ]
            positions = tuple(jacobian.places)
            parts.append(
                Part(
                    jacobian.plan,
                    jacobian.program.program,
                    tuple(leaves),
                    tuple(_blocks(cells[0])),
                    positions,
                    target,
                    entries.groups,
                )
            )
    return SparseProgram(graph, tuple(parts), places.patterns(), dtype, places.added, own)


_Programs = dict[object, list[CellProgram]]
"""Cells that run one program on the same blocks."""


def _programs(
    graph: ElementGraph, outputs: np.ndarray, cut: Collection[int], nodes: int | None
) -> tuple[_Programs, bool]:
    """The cells of the outputs, or of their terms if these are much fewer; and whether they are the terms'."""
    apart = terms_of(graph, outputs)
    if apart is None:
        return _grouped(graph, outputs, cut, nodes), False
    try:
        return _grouped(graph, outputs, cut, nodes, classes=TERMS_FROM), False
    except UnsupportedError:
        pass
    try:
        of_terms = _grouped(graph, apart[0], cut, nodes, apart[1])
    except UnsupportedError:
        of_terms = None
    if of_terms is not None and 2 * len(of_terms) <= TERMS_FROM:
        return of_terms, True
    return _grouped(graph, outputs, cut, nodes), False


def _grouped(
    graph: ElementGraph,
    elements: np.ndarray,
    cut: Collection[int],
    nodes: int | None,
    rows: np.ndarray | None = None,
    classes: int = CLASS_LIMIT,
) -> _Programs:
    """The cells of some elements, of which each is a part of the output at its position, or in ``rows``."""
    programs: _Programs = {}
    for cell in (
        joined(separated(cells_of(graph, elements, cut=cut, nodes=nodes, classes=classes))) if elements.size else ()
    ):
        if rows is not None:
            cell.rows = [rows[positions] for positions in cell.rows]
        found = program_of(graph, cell)
        if found.active:
            programs.setdefault((found.text, tuple(_blocks(found))), []).append(found)
    return programs


@dataclass(frozen=True, eq=False)
class _Compiled:
    plan: Plan
    program: JacobianProgram
    outputs: np.ndarray
    leaves: np.ndarray
    places: np.ndarray


def _compiled(
    graph: ElementGraph, cells: Sequence[CellProgram], plan: Callable[[Linearization], Plan], dtype: str
) -> _Compiled:
    linearization = linearized(graph, cells[0])
    chosen = plan(linearization)
    program = accumulate(linearization, chosen.order, with_values=False, dtypes=np.array([[dtype]], dtype=object))
    return _Compiled(chosen, program, program.rows, program.columns, program.places)


def _blocks(program: CellProgram) -> list[int]:
    return [program.cell.nodes[key].block for key in (*program.active, *program.passive)]


def _entries(
    graph: ElementGraph,
    places: Places,
    differentiated: Sequence[int],
    cells: Sequence[CellProgram],
    jacobian: _Compiled,
) -> Entries:
    """The entries of all members."""
    blocks = [_blocks(cells[0])[k] for k in jacobian.leaves]
    arguments = np.array([differentiated.index(b) for b in blocks], dtype=np.int64)
    change = np.flatnonzero(np.diff(jacobian.outputs) | np.diff(arguments)) + 1
    begins = [0, *change.tolist()] if len(arguments) else []
    groups = np.diff([*begins, len(arguments)])
    members = sum(program.cell.members for program in cells)
    rows = np.empty((members, len(begins)), np.int64)
    columns = np.empty((members, len(arguments)), graph.narrow)
    top = 0
    for program in cells:
        cell = program.cell
        here = slice(top, top + cell.members)
        top += cell.members
        for group, q in enumerate(begins):
            rows[here, group] = places.virtual(cell.rows[jacobian.outputs[q]], int(arguments[q]))
        for q, leaf in enumerate(jacobian.leaves):
            np.subtract(
                cell.columns.values(program.active[leaf]),
                graph.blocks[blocks[q]].start,
                out=columns[here, q],
                casting="unsafe",
            )
    return Entries(rows, columns, tuple(groups.tolist()))
