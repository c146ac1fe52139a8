"""A Jacobian with loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..planning.plan import Plan
from ..program.linearization import Linearization
from .chain import Chain

Planner = Callable[[Linearization], Plan]
"""From a segment's graph, the derivatives that enter among its edges, to its plan."""


Part = tuple[int | None, str, Plan]
"""A segment with derivatives: its steps (``None`` for a loop of unknown length), what it is and where (empty for
straight code), and its order."""


@dataclass(frozen=True, eq=False)
class LoopedProgram:
    """A Jacobian with loops.

    Attributes:
        chain: Its operands are the function's and ``known``; its results the values, if they are wanted, then for every
            output and differentiated operand a block ``[output, operand]`` in the output's type.
        known: Numbers that are the same in every call.
        parts: Its segments.
        direction: ``"forward"``: tangents by all inputs are carried along, or ``"reverse"``: cotangents of all
            outputs, against what a first run has stored.
    """

    chain: Chain
    known: tuple[np.ndarray, ...]
    parts: tuple[Part, ...]
    direction: str
