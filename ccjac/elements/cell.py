"""A cell as an ordinary scalar graph in canonical order: equal cells of any grid size are one program and zoo entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from ..expand.expander import Expander
from ..expand.values import Symbolic, Value, lift
from ..program.linearization import Linearization, Recorder
from ..settings import limits
from .classes import Cell
from .columns import Key, is_literal
from .graph import ElementGraph


@dataclass(frozen=True, eq=False)
class CellProgram:
    """The program of a cell, in an order that depends on its structure alone.

    Attributes:
        cell: The cell.
        steps: The keys of what is computed, in evaluation order.
        active: The keys of the leaves that are differentiated, in ascending order of a typical member's elements, so
            that Jacobian rows come out in ascending columns.
        passive: The keys of all other leaves.
        text: Equal for equal programs.
    """

    cell: Cell
    steps: tuple[Key, ...]
    active: tuple[Key, ...]
    passive: tuple[Key, ...]
    text: Hashable


def program_of(graph: ElementGraph, cell: Cell) -> CellProgram:
    """Put a cell in canonical order: depth first from its outputs."""
    order = _depth_first(cell)
    leaves = [key for key in order if cell.nodes[key].operands is None]
    differentiated = {key for key in leaves if graph.blocks[cell.nodes[key].block].is_differentiated}
    active = _ascending(cell, sorted(differentiated))
    passive = [key for key in leaves if key not in differentiated]
    steps = [key for key in order if cell.nodes[key].operands is not None]
    number: dict[Key, Hashable] = {key: ("x", k) for k, key in enumerate(active)}
    number |= {key: ("p", k, graph.blocks[cell.nodes[key].block].dtype) for k, key in enumerate(passive)}
    number |= {key: k for k, key in enumerate(steps)}

    def named(key: Key) -> Hashable:
        if not is_literal(key):
            return number[key]
        literal = graph.literals[-1 - key[1]]
        return ("literal", literal.dtype.name, literal.tobytes())

    lines: list[Hashable] = []
    for key in steps:
        node = cell.nodes[key]
        operation = graph.blocks[node.block].operation
        assert operation is not None
        assert node.operands is not None
        lines.append((operation.key, *map(named, node.operands)))
    types = tuple(graph.blocks[cell.nodes[key].block].dtype for key in active)
    text = (tuple(lines), tuple(map(named, cell.outputs)), types, len(passive))
    return CellProgram(cell, tuple(steps), tuple(active), tuple(passive), text)


def linearized(graph: ElementGraph, program: CellProgram) -> Linearization:
    """The scalar graph of a cell: its inputs are the active leaves, then the passive ones."""
    cell = program.cell
    recorder = Recorder(len(program.active), limits().program_values)
    ex = Expander(recorder)
    values: dict[Key, Value] = {}
    for position, key in enumerate((*program.active, *program.passive)):
        dtype = graph.blocks[cell.nodes[key].block].dtype
        vertex = np.array(position) if position < len(program.active) else None
        values[key] = Symbolic(np.array(recorder.builder.input(position, dtype)), vertex, dtype)

    def value(key: Key) -> Value:
        return np.asarray(graph.literals[-1 - key[1]]) if is_literal(key) else values[key]

    for key in program.steps:
        node = cell.nodes[key]
        operation = graph.blocks[node.block].operation
        assert operation is not None
        assert node.operands is not None
        values[key] = operation.expand(ex, [value(operand) for operand in node.operands])
    results = [lift(recorder.builder, value(key)) for key in cell.outputs]
    outputs = [int(v.tangent_vertices()) for v in results]
    return recorder.finish(outputs, [int(v.ids) for v in results], len(program.active) + len(program.passive))


def _depth_first(cell: Cell) -> list[Key]:
    """All keys of a cell, operands before their users."""
    order: list[Key] = []
    seen: set[Key] = set()
    for top in cell.outputs:
        waiting = [(top, False)]
        while waiting:
            key, finished = waiting.pop()
            if finished:
                order.append(key)
            elif not is_literal(key) and key not in seen:
                seen.add(key)
                waiting.append((key, True))
                waiting.extend((operand, False) for operand in reversed(cell.nodes[key].operands or ()))
    return order


_SAMPLED = 31


def _ascending(cell: Cell, leaves: list[Key]) -> list[Key]:
    """Leaves in ascending order of their elements, as most members have it; where neighbours wrap it is another."""
    # Members that no grid line is in step with (multiples of the golden ratio).
    sample = np.unique((np.arange(_SAMPLED) * 0.6180339887498949 % 1 * cell.members).astype(np.int64))
    table = np.array([cell.columns.root(key)[sample] + key[1] for key in leaves])
    orders = Counter(tuple(np.argsort(column, kind="stable").tolist()) for column in table.T)
    return [leaves[k] for k in orders.most_common(1)[0][0]] if leaves else []
