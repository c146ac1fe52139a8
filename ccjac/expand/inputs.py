"""From the shapes of a function's inputs to its linearization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..program.linearization import Linearization, Recorder
from ..settings import limits
from ..spec import Spec
from .expander import Expander
from .values import Symbolic, Value, lift


def linearize(
    inputs: Sequence[Spec],
    n_differentiated: int,
    body: Callable[[Expander, list[Symbolic]], tuple[Sequence[Value], Sequence[Value]]],
    *,
    walk: Callable[[Expander, Any, Sequence[Value]], list[Value]] | None = None,
    regions: bool = False,
) -> Linearization:
    """Expand a function to scalars.

    Args:
        inputs: Shapes and types of all operands: differentiated ones, others, captured ones.
        n_differentiated: How many of them are differentiated.
        body: The function: from an expander and one value per operand to the differentiated results and the
            auxiliary ones.
        walk: The backend's interpreter of inner programs, see :class:`Expander`.
        regions: Whether what has no scalar rule may become a region.

    Raises:
        UnsupportedError: The function is too large, or has an operation without a scalar rule.
    """
    expander, operands = begin(inputs, n_differentiated, walk=walk, regions=regions)
    recorder = expander.recorder
    n_inputs = recorder.n_inputs
    main, auxiliary = body(expander, operands)
    results = [lift(recorder.builder, r) for r in (*main, *auxiliary)]
    recorder.check_size()
    outputs = [v for r in results[: len(main)] for v in r.tangent_vertices().ravel().tolist()]
    check_entries(len(outputs), n_inputs)
    values = [k for r in results for k in r.ids.ravel().tolist()]
    n_scalars = sum(spec.size for spec in inputs)
    if not recorder.regions:
        return recorder.finish(outputs, values, n_scalars)
    whole = recorder.finish(outputs, values, recorder.n_scalars or n_scalars)
    return replace(whole, regions=tuple(recorder.regions), stages=tuple(recorder.stages()))


def begin(
    inputs: Sequence[Spec],
    n_differentiated: int,
    *,
    walk: Callable[[Expander, Any, Sequence[Value]], list[Value]] | None = None,
    regions: bool = False,
) -> tuple[Expander, list[Symbolic]]:
    """An expander, and one value per operand, the first ones with vertices.

    Raises:
        UnsupportedError: The operands are too large.
    """
    sizes = [spec.size for spec in inputs]
    n_scalars = sum(sizes) if regions else None
    recorder = Recorder(sum(sizes[:n_differentiated]), limits().program_values, n_scalars)
    recorder.check_size(sum(sizes))
    operands: list[Symbolic] = []
    start = 0
    for k, (spec, size) in enumerate(zip(inputs, sizes, strict=True)):
        positions = range(start, start + size)
        ids = np.array([recorder.builder.input(p, spec.dtype) for p in positions], dtype=np.int64)
        vertices = np.array(positions).reshape(spec.shape) if k < n_differentiated else None
        operands.append(Symbolic(ids.reshape(spec.shape), vertices, spec.dtype))
        start += size
    return Expander(recorder, walk), operands


def check_entries(n_outputs: int, n_inputs: int) -> None:
    """Refuse a dense Jacobian of too many entries, which a backend that knows the shapes does before it expands.

    Raises:
        UnsupportedError: There are more than ``ccjac.config.jacobian_entries``.
    """
    if n_outputs * n_inputs > limits().jacobian_entries:
        raise UnsupportedError(f"the Jacobian has {n_outputs:,} x {n_inputs:,} entries")
