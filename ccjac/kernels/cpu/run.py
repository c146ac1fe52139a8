"""Compile scalar programs, and call the result on numpy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from ...loops.chain import Chain
from ...program.program import Program
from ..layout import Layout
from . import pool
from .chains import write_chain
from .jit import Code, compile_text
from .module import ENTRY, write_module
from .target import Target

_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Kernel:
    """A compiled program.  Its code is freed with the object.

    Attributes:
        layout: The arrays it reads and writes.
        lanes: Samples per vector.
        address: Of the C function ``int32 kernel(void** in, void** out, int64 begin, int64 end)``; it returns 0, or 1
            if memory ran out.
        operations: Size of the program.
    """

    def __init__(self, code: Code, layout: Layout, lanes: int, operations: int) -> None:
        self._code = code
        self.layout = layout
        self.lanes = lanes
        self.operations = operations
        self.address = code.entries[ENTRY]
        self._function = _PROTOTYPE(self.address)

    def run(self, arrays: Sequence[np.ndarray], *, batch: int | None = None, threads: int = 1) -> list[np.ndarray]:
        """Compute a batch.

        Args:
            arrays: For every operand ``[B, n]`` (``[B]`` where ``n`` is 1), or ``[n]`` if unbatched; of its type.
            batch: ``B``; needed only if no operand is batched.
            threads: How many threads share the batch.

        Returns:
            For every result an array ``[B, m]``.
        """
        operands = self.layout.operands
        if len(arrays) != len(operands):
            raise ValueError(f"`Kernel.run` takes {len(operands)} arrays, got {len(arrays)}")
        ready = [np.ascontiguousarray(a, dtype=o.dtype) for a, o in zip(arrays, operands, strict=True)]
        for k, (array, operand) in enumerate(zip(ready, operands, strict=True)):
            rows = array.size // max(len(operand.scalars), 1)
            expected = 1 if not operand.batched else rows if batch is None else batch
            if operand.batched and batch is None:
                batch = rows
            if array.size != expected * len(operand.scalars):
                raise ValueError(
                    f"`Kernel.run`: operand {k} has {array.size} entries, the layout asks for {expected} rows of "
                    f"{len(operand.scalars)}"
                )
        count = 1 if batch is None else batch
        results = [np.empty((count, len(r.entries)), r.dtype) for r in self.layout.results]
        self.call([a.ctypes.data for a in ready], [r.ctypes.data for r in results], count, threads=threads)
        return results

    def call(self, operands: Sequence[int], results: Sequence[int], batch: int, *, threads: int = 1) -> None:
        """Compute a batch between arrays given by their addresses.

        Raises:
            MemoryError: Scratch memory ran out.
        """
        ins = (ctypes.c_void_p * len(operands))(*operands)
        outs = (ctypes.c_void_p * len(results))(*results)
        if threads > 1:
            # Several pieces for each thread, so that one that comes late or is interrupted leaves work to the others.
            piece = max(-(-batch // (4 * threads) // self.lanes), 1) * self.lanes
            failed = pool.run(self.address, ins, outs, batch, piece, threads)
        else:
            failed = self._function(ins, outs, 0, batch)
        if failed:
            raise MemoryError("`Kernel.call`: no memory for the kernel's scratch space")


def compile_kernel(
    program: Program,
    layout: Layout,
    *,
    fastmath: bool = False,
    target: Target | None = None,
    effort: int | None = None,
) -> Kernel:
    """Generate and compile the loop.

    Args:
        program: A program for which :func:`supports` has no objection.
        layout: Where its scalars lie.
        fastmath: Permit reassociation, reciprocals instead of divisions, and ignoring the sign of zero.
        target: The machine; this process's by default.
        effort: LLVM's optimisation level of code generation; by default what suits the program's length.
    """
    target = target or Target.host()
    module = write_module(program, layout, target, fastmath=fastmath)
    level = module.effort if effort is None else effort
    code = compile_text(module.text, module.addresses, target, (ENTRY,), effort=level)
    return Kernel(code, layout, module.lanes, program.operations)


def compile_chain(chain: Chain, layout: Layout, *, target: Target | None = None) -> Kernel:
    """The same for a chain of stages; ``layout`` says which of its arrays are batched."""
    target = target or Target.host()
    module = write_chain(chain, layout, target)
    code = compile_text(module.text, module.addresses, target, (ENTRY,), effort=module.effort)
    return Kernel(code, layout, module.lanes, chain.operations)
