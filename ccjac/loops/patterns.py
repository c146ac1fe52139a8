"""Which entries of derivatives are not always zero, inside a step and over all steps of a loop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..graph import Graph
from .tape import Segment, Tape


def local(graph: Graph) -> np.ndarray:
    """``[outputs, inputs]``: whether a path leads from the input to the output."""
    return _reach(graph)[list(graph.outputs)]


def widths(graph: Graph, moved: np.ndarray) -> np.ndarray:
    """``[edges]``: how many directions move its source, if ``moved`` ``[inputs, directions]`` moves the inputs."""
    counts = product(_reach(graph), moved).sum(1)
    return np.array([counts[a] for a, _ in graph.edges], dtype=np.int64)


def _reach(graph: Graph) -> np.ndarray:
    reach = np.zeros((graph.size, graph.n_inputs), bool)
    reach[: graph.n_inputs] = np.eye(graph.n_inputs, dtype=bool)
    for v in graph.topological_order:
        if v >= graph.n_inputs and (before := graph.predecessors[v]):
            reach[v] = reach[list(before)].any(0)
    return reach


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The pattern of a matrix product."""
    return (a.astype(np.float32) @ b.astype(np.float32)) > 0


def entries(pattern: np.ndarray) -> list[tuple[int, int]]:
    """Where a pattern has entries, row by row."""
    return [(t, d) for t, d in np.argwhere(pattern).tolist()]


def of_any_row(pattern: np.ndarray, n: int) -> np.ndarray:
    """The pattern of ``n`` equal parts one below the other, put on top of each other."""
    parts = pattern.reshape(n, -1, pattern.shape[1]) if n else np.zeros((0, 0, pattern.shape[1]), bool)
    return np.asarray(parts.any(0))


def forward(segment: Segment, reach: np.ndarray, given: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Tangents by directions.

    Args:
        segment: With its ``reach``, see :func:`local`.
        reach: Of one step.
        given: For every active input ``[size, directions]``, of what is carried before the first step.

    Returns:
        The same for any step, and ``[outputs, directions]``.
    """
    patterns = list(given)
    rows = segment.rows()
    while True:
        out = product(reach, np.concatenate(patterns)) if patterns else np.zeros((len(reach), 0), bool)
        grown = False
        for k, output in enumerate(segment.outputs):
            if output.carries is None or output.carries >= segment.n_active:
                continue
            old = patterns[output.carries]
            new = old | out[rows[k] : rows[k + 1]]
            grown = grown or bool((new != old).any())
            patterns[output.carries] = new
        if not grown:
            return patterns, out


def backward(segment: Segment, reach: np.ndarray, given: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Cotangents by directions.

    Args:
        segment: With its ``reach``.
        reach: Of one step.
        given: For every output ``[size, directions]``, of what is carried after the last step.

    Returns:
        The same for any step, and ``[active input scalars, directions]``.
    """
    patterns = list(given)
    starts = segment.starts()
    while True:
        back = product(reach.T, np.concatenate(patterns))
        grown = False
        for k, output in enumerate(segment.outputs):
            if output.carries is None or output.carries >= segment.n_active:
                continue
            old = patterns[k]
            new = old | back[starts[output.carries] : starts[output.carries + 1]]
            grown = grown or bool((new != old).any())
            patterns[k] = new
        if not grown:
            return patterns, back


def is_constant(tape: Tape) -> bool:
    """Whether no local partial depends on the function's operands: then the Jacobian does not either."""
    varying = set(range(tape.n_operands))
    for segment in tape.segments:
        nodes = segment.linearization.builder.nodes
        starts, rows = segment.starts(), segment.rows()
        changing = {k for k, i in enumerate(segment.inputs) if i.array in varying}
        while True:
            scalars = {s for k in changing for s in range(starts[k], starts[k + 1])}
            moves: list[bool] = []
            for node in nodes:
                moves.append(node.param in scalars if node.op == "input" else any(moves[a] for a in node.args))
            out = [
                any(moves[v] for v in segment.linearization.values[rows[k] : rows[k + 1]])
                for k in range(len(segment.outputs))
            ]
            if segment.steps is None and moves[segment.linearization.values[-1]]:
                return False
            more = {
                o.carries for o, moving in zip(segment.outputs, out, strict=True) if moving and o.carries is not None
            }
            if more <= changing:
                break
            changing |= more
        if any(moves[c] for c in segment.linearization.partials.values()):
            return False
        for o, moving in zip(segment.outputs, out, strict=True):
            if moving or (o.carries is not None and o.carries in changing):
                varying.add(o.array)
    return True
