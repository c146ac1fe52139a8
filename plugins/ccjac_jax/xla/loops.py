"""Compile the kernel of a chain of stages, loops among them, and register its handler with XLA."""

from __future__ import annotations

import xxhash

from ccjac.kernels.cpu.chains import piece, write_chain
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.layout import Layout
from ccjac.loops.chain import Chain

from .handler import described, write_handler_of
from .install import install
from .interface import interface


def register(chain: Chain, layout: Layout, *, single: bool = False) -> str:
    """Compile a kernel unless this process has it already; see :func:`ccjac_jax.xla.register.register`.

    Args:
        chain: The computation.
        layout: Its operands and results.
        single: Generate scalar code.
    """
    version = interface()
    if isinstance(version, str):
        raise RuntimeError(version)
    target = Target.host()
    rows = [described(o.dtype, len(o.scalars), batched=o.batched) for o in layout.operands]
    rows += [described(r.dtype, len(r.entries), batched=True) for r in layout.results]
    module = write_chain(
        chain,
        layout,
        target,
        lanes=1 if single else None,
        extra=lambda lanes: write_handler_of(rows, len(layout.operands), piece(chain, lanes)),
    )
    identity = "\n".join((module.text, target.cpu, target.features))
    name = f"ccjac_loops_{xxhash.xxh3_128_hexdigest(identity.encode())}__to_export_use_executor_ops"
    install(name, module, target, version)
    return name
