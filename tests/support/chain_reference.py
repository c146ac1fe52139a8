"""Run a chain on numpy arrays: the reference that generated code is tested against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccjac.loops.chain import Chain, Port, Stage
from ccjac.program.evaluate import evaluate


def run(chain: Chain, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The results of one sample.

    Args:
        chain: What to run.
        operands: Flat arrays, one for each of ``chain.numbered("operand")``.
    """
    arrays = [np.zeros(a.size, a.dtype) for a in chain.arrays]
    for k, given in zip(chain.numbered("operand"), operands, strict=True):
        arrays[k][:] = np.ravel(given)
    for stage in chain.stages:
        _stage(stage, arrays)
    return [arrays[k] for k in chain.numbered("result")]


def _stage(stage: Stage, arrays: list[np.ndarray]) -> None:
    program = stage.program
    inputs: list[np.ndarray] = [np.zeros(())] * program.n_inputs
    for k, number in stage.presets.items():
        inputs[k] = np.asarray(number)
    _read(inputs, [p for p in stage.reads if not p.stride], arrays, 0)
    done = 0
    while stage.steps is None or done < stage.steps:
        k = stage.steps - 1 - done if stage.steps is not None and stage.backward else done
        _read(inputs, [p for p in stage.reads if p.stride], arrays, k)
        results = evaluate(program, inputs)
        if stage.going is not None and not results[stage.going]:
            break
        for port in stage.writes:
            _write(port, results, arrays, k)
        for target, source in stage.carried:
            inputs[target] = results[source]
        done += 1
    for port in stage.finals:
        _write(port, inputs, arrays, 0)


def _read(inputs: list[np.ndarray], ports: Sequence[Port], arrays: list[np.ndarray], k: int) -> None:
    for port in ports:
        for offset, scalar in zip(port.offsets, port.scalars, strict=True):
            inputs[scalar] = arrays[port.array][offset + k * port.stride]


def _write(port: Port, values: Sequence[np.ndarray], arrays: list[np.ndarray], k: int) -> None:
    for offset, scalar in zip(port.offsets, port.scalars, strict=True):
        arrays[port.array][offset + k * port.stride] = 0 if scalar < 0 else values[scalar]
