"""Outputs that are sums of unequal numbers of terms, taken apart: terms have the cells, and rows are sums of theirs.

A gradient on a graph adds up what every edge contributes to its ends; by the numbers of edges at a node, and by which
of them share a neighbour, the nodes fall into many classes, all edges into one.
"""

from __future__ import annotations

import numpy as np

from ..limits import TERMS_LIMIT
from .graph import Block, ElementGraph


def terms_of(graph: ElementGraph, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The terms whose sums the outputs are.

    Args:
        graph: The function.
        outputs: Element numbers ``[outputs]``.

    Returns:
        Element numbers ``[terms]``, and the position of the output that each is a part of, ascending; ``None`` if they
        are too many, or the outputs are no sums.
    """
    starts = graph.starts
    elements, rows = outputs, np.arange(outputs.size)
    limit = TERMS_LIMIT * outputs.size
    while True:
        place = np.where(elements < 0, -1, np.searchsorted(starts, elements, side="right") - 1)
        sums = [k for k in np.unique(place).tolist() if k >= 0 and _is_sum(graph.blocks[k])]
        if not sums:
            break
        kept = ~np.isin(place, sums) & (elements >= 0)
        found, owners = [elements[kept]], [rows[kept]]
        for k in sums:
            here = place == k
            within = elements[here] - graph.blocks[k].start
            for source in graph.blocks[k].sources:
                if isinstance(source, np.ndarray):
                    found.append(source[within])
                elif source >= 0:
                    found.append(source + within)
                else:
                    continue
                owners.append(rows[here])
        elements, rows = np.concatenate(found), np.concatenate(owners)
        if elements.size > limit:
            return None
    known = elements >= 0
    elements, rows = elements[known], rows[known]
    if elements.size <= outputs.size:
        return None
    order = np.argsort(rows, kind="stable")
    return elements[order], rows[order]


def _is_sum(block: Block) -> bool:
    if block.kind != "operation" or block.operation is None:
        return False
    key = block.operation.key
    return isinstance(key, tuple) and (key[0] == "add" or key[:2] == ("reduce", "add"))
