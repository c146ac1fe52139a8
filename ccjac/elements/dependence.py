"""Which inputs every element depends on, whatever the operations are: the pattern of functions that have no cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..limits import DEPENDENCIES_LIMIT
from ..pattern import Pattern
from .graph import Block, ElementGraph, Elements


def dependence(graph: ElementGraph, outputs: Sequence[Elements], n_differentiated: int) -> Pattern:
    """The pattern of the whole Jacobian, all outputs by all differentiated arguments.

    It may be larger than what eliminating finds: products with zero and differences of equals are not seen.

    Raises:
        UnsupportedError: There are too many pairs.
    """
    from scipy import sparse

    n_inputs = sum(block.size for block in graph.blocks[:n_differentiated])
    flat = np.concatenate([o.ids.ravel() for o in outputs]) if outputs else np.empty(0, np.int64)
    starts = graph.starts
    needed = _needed(graph, starts, flat)
    found: dict[int, Any] = {}
    pairs = 0

    def limited(more: int) -> None:
        if pairs + more > DEPENDENCIES_LIMIT:
            raise UnsupportedError(f"its elements depend on inputs in more than {DEPENDENCIES_LIMIT:,} pairs")

    def rows_of(elements: np.ndarray) -> Any:
        """``[elements, inputs]``; literals depend on nothing."""
        block_of = np.searchsorted(starts, elements, side="right") - 1
        limited(
            sum(
                int(np.diff(found[k].indptr)[elements[block_of == k] - graph.blocks[k].start].sum(dtype=np.int64))
                for k in np.unique(block_of).tolist()
                if k in found
            )
        )
        pieces, places = [sparse.csr_array((0, n_inputs), dtype=bool)], [np.empty(0, np.int64)]
        for k in np.unique(block_of).tolist():
            here = np.flatnonzero(block_of == k)
            if k >= 0 and k in found:
                pieces.append(found[k][elements[here] - graph.blocks[k].start])
            else:
                pieces.append(sparse.csr_array((here.size, n_inputs), dtype=bool))
            places.append(here)
        order = np.argsort(np.concatenate(places), kind="stable")
        return sparse.vstack(pieces, format="csr")[order]

    for k in sorted(needed):
        block = graph.blocks[k]
        if block.kind == "input":
            here = np.arange(block.size)
            ones = np.ones(block.size, bool)
            found[k] = sparse.csr_array((ones, (here, here + block.start)), shape=(block.size, n_inputs))
        elif not block.is_leaf:
            found[k] = _united(block, rows_of, n_inputs, limited)
            pairs += found[k].nnz
            limited(0)
    whole = rows_of(flat).tocoo()
    return Pattern.from_coordinates(whole.row, whole.col, (flat.size, n_inputs))


def _united(block: Block, rows_of: Any, n_inputs: int, limited: Callable[[int], None]) -> Any:
    from scipy import sparse

    total = sparse.csr_array((block.size, n_inputs), dtype=bool)
    for source in block.sources:
        if isinstance(source, np.ndarray) and source.ndim == 2:
            # A table: every element reads all numbers of its row.
            height, terms = source.shape
            membership = sparse.csr_array(
                (np.ones(source.size, bool), np.arange(source.size), np.arange(height + 1) * terms),
                shape=(height, source.size),
            )
            total = total + membership @ rows_of(source.ravel())
        elif isinstance(source, np.ndarray):
            if source.size and (source == source[0]).all():
                row = rows_of(source[:1])
                limited(row.nnz * block.size)
                total = total + row[np.zeros(block.size, np.int64)]
            else:
                total = total + rows_of(source)
        elif source >= 0:
            total = total + rows_of(np.arange(source, source + block.size))
    return total


def _needed(graph: ElementGraph, starts: np.ndarray, outputs: np.ndarray) -> set[int]:
    """The blocks that the outputs depend on."""
    waiting = set((np.searchsorted(starts, outputs[outputs >= 0], side="right") - 1).tolist())
    seen: set[int] = set()
    while waiting:
        k = waiting.pop()
        seen.add(k)
        block = graph.blocks[k]
        for source in block.sources:
            if isinstance(source, np.ndarray):
                read = source.ravel()
                read = np.unique(np.searchsorted(starts, read[read >= 0], side="right") - 1)
            elif source >= 0:
                read = np.arange(graph.block_at(source), graph.block_at(source + max(block.size, 1) - 1) + 1)
            else:
                continue
            waiting |= set(read.tolist()) - seen
    return seen
