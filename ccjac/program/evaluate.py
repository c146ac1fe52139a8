"""Run a scalar program on numpy arrays: the reference that generated code is tested against.

Subnormal numbers are computed with; XLA's own CPU code flushes them to zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import UnsupportedError
from .meanings import Array
from .operations import OPERATIONS
from .program import Program


def evaluate(program: Program, inputs: Sequence[Array]) -> list[Array]:
    """Run ``program`` one operation at a time.

    Args:
        program: What to run.
        inputs: One scalar or array ``[B]`` per input scalar; all arrays broadcast together.

    Returns:
        One array per result, ``[B]`` where it depends on a ``[B]`` input and ``[]`` where it does not.

    Raises:
        UnsupportedError: The program contains an operation without a rule here.
    """
    values: list[Array] = []
    with np.errstate(all="ignore"):
        for node in program.nodes:
            dtype = np.dtype(node.dtype)
            if node.op == "input":
                value = np.asarray(inputs[node.param], dtype)
            elif node.op == "const":
                value = np.asarray(node.param, dtype)
            else:
                operation = OPERATIONS.get(node.op)
                if operation is None or operation.meaning is None:
                    raise UnsupportedError(
                        f"`evaluate` has no rule for the operation {node.op!r}; "
                        "run the program through its framework instead"
                    )
                value = np.asarray(operation.meaning([values[a] for a in node.args], dtype, node.param))
                value = value.astype(dtype, copy=False)
            values.append(value)
    return [values[r] for r in program.results]
