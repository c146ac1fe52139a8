"""Numbers of a chain's programs as data: chains that differ in them alone share one kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kernels.constants import lifted as without_numbers
from .chain import Array, Chain, Port, Stage


def lifted(chain: Chain) -> tuple[Chain, list[np.ndarray]]:
    """The chain with an operand more for every type of numbers in every program, and these operands."""
    arrays, numbers = list(chain.arrays), []
    stages: list[Stage] = []
    for stage in chain.stages:
        program, operands, values = without_numbers(stage.program)
        ports = []
        for operand, value in zip(operands, values, strict=True):
            arrays.append(Array(value.size, operand.dtype, "operand"))
            ports.append(Port(len(arrays) - 1, tuple(range(value.size)), operand.scalars))
        numbers += values
        stages.append(replace(stage, program=program, reads=(*stage.reads, *ports)))
    return Chain(tuple(arrays), tuple(stages)), numbers
