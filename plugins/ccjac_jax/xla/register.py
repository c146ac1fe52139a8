"""Compile the kernel of a program and register its handler with XLA."""

from __future__ import annotations

import xxhash

from ccjac.kernels.cpu.module import write_module
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.layout import Layout
from ccjac.program import Program

from .handler import write_handler
from .install import install
from .interface import interface

__all__ = ["interface", "register"]


def register(program: Program, layout: Layout, *, single: bool = False, fastmath: bool = False) -> str:
    """Compile a kernel unless this process has it already, and register its handler with XLA.

    Args:
        program: The computation.
        layout: Where its scalars lie.
        single: Generate scalar code: right for any batch, and faster for one or two samples.
        fastmath: See :func:`ccjac.kernels.compile_kernel`.

    Returns:
        The custom call's target name.  It is made from the code and the processor alone: another process that traces
        the same function registers the same name, and a computation from a persistent cache finds its kernel there.

    Raises:
        RuntimeError: :func:`~ccjac_jax.xla.interface.interface` gives a reason against kernels.
    """
    version = interface()
    if isinstance(version, str):
        raise RuntimeError(version)
    target = Target.host()
    module = write_module(
        program,
        layout,
        target,
        fastmath=fastmath,
        lanes=1 if single else None,
        extra=lambda n: write_handler(program, layout, n),
    )
    identity = "\n".join((module.text, target.cpu, target.features))
    # `jax.export` refuses custom calls, for their code stays behind.  Its message quotes the name: let that say more.
    name = f"ccjac_kernel_{xxhash.xxh3_128_hexdigest(identity.encode())}__to_export_use_executor_ops"
    install(name, module, target, version)
    return name
