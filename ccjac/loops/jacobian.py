"""From a tape to the program of the Jacobian: from the side with fewer directions, or the one that works."""

from __future__ import annotations

from ..errors import UnsupportedError
from .forward import forward
from .joined import LoopedProgram, Planner
from .reverse import reverse
from .tape import Tape

_SECOND_RUN = 2.5
"""How many more directions forward accumulation may have: the other one runs twice, and stores."""


def looped_jacobian(tape: Tape, plan: Planner, *, with_values: bool) -> LoopedProgram:
    """Accumulate.

    Args:
        tape: The function.
        plan: Finds a segment's order.
        with_values: Whether values are wanted beside the Jacobian.

    Raises:
        UnsupportedError: Neither direction is possible.
    """
    ways = [forward, reverse] if tape.n_inputs <= _SECOND_RUN * tape.n_outputs else [reverse, forward]
    try:
        return ways[0](tape, plan, with_values=with_values)
    except UnsupportedError as error:
        try:
            return ways[1](tape, plan, with_values=with_values)
        except UnsupportedError:
            raise error from None
