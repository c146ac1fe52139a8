"""Register a loop over tasks of several kernels with XLA."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import xxhash

from ccjac.elements.schedule import Schedule
from ccjac.kernels.cpu.module import Module
from ccjac.kernels.cpu.run import Kernel, compile_kernel
from ccjac.kernels.cpu.runs import Samples, symbol, write_runs
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.layout import Layout
from ccjac.kernels.writer import BYTES
from ccjac.limits import LONG_EFFORT
from ccjac.program import Program

from .handler import described, write_handler_of
from .install import install
from .interface import interface

_kernels: dict[str, Kernel] = {}
"""Kernels that a registered loop calls; like the loops they live as long as the process."""


def register(
    schedule: Schedule,
    operands: Sequence[tuple[str, int]],
    dtype: str,
    nnz: int,
    size: int = 0,
    flags: Sequence[bool] = (),
) -> str:
    """Compile the kernels and the loop of a schedule unless this process has them already.

    Args:
        schedule: The tasks.
        operands: Type and number of entries of every operand: data arrays, then the three tables.
        dtype: Name of the values' type.
        nnz: How many values there are, of one sample.
        size: Samples of a batch, 0 for none.
        flags: Which data arrays differ from sample to sample.

    Returns:
        The custom call's target name.
    """
    version = interface()
    if isinstance(version, str):
        raise RuntimeError(version)
    target = Target.host()
    addresses: dict[str, int] = {}
    names: list[str] = []
    programs = zip(schedule.programs, schedule.kernels, schedule.rare, strict=True)
    for k, (program, kernel, rare) in enumerate(programs):
        compiled, name = _compiled(program, kernel.layout, LONG_EFFORT if rare else None)
        addresses[symbol(k)] = compiled.address
        names.append(name)
    rows = [described(kind, size, batched=False) for kind, size in operands]
    rows += [described("uint8", 1, batched=True), described(dtype, nnz * max(size, 1), batched=False)]
    handler = write_handler_of(rows, len(operands), schedule.piece)
    samples = None
    if size:
        strides = [flag * BYTES[kind] * (n // size) for (kind, n), flag in zip(operands, flags, strict=False)]
        samples = Samples(len(schedule.tasks), tuple(strides), BYTES[dtype] * nnz)
    text = f'target triple = "{target.triple}"\n'
    text += write_runs(schedule.kernels, len(operands) - 3, handler, samples)
    identity = "\n".join((text, *names, target.cpu, target.features))
    name = f"ccjac_cells_{xxhash.xxh3_128_hexdigest(identity.encode())}"
    install(name, Module(text, addresses, 1, effort=2), target, version)
    return name


@lru_cache(maxsize=256)
def _compiled(program: Program, layout: Layout, effort: int | None) -> tuple[Kernel, str]:
    """A cell's kernel, and a name of what it computes; the same code serves every grid size."""
    name = xxhash.xxh3_128_hexdigest(repr((program, layout, effort)).encode())
    if name not in _kernels:
        _kernels[name] = compile_kernel(program, layout, effort=effort)
    return _kernels[name], name
