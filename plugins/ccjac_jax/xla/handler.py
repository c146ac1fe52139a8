"""The kernel's XLA custom call: a handler of XLA's foreign function interface, as LLVM IR beside the kernel.

All handlers share the code that answers a call (:mod:`ccjac_jax.xla.call`); a kernel's own handler adds the table
of its arrays.  The batch size is read from the buffers' dimensions, so that one registration serves all batch shapes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ccjac.kernels.cpu.pieces import piece_samples
from ccjac.kernels.layout import Layout
from ccjac.kernels.writer import BYTES
from ccjac.program.program import Program

from .abi import constant
from .call import CALL

HANDLER = "handler"

_DATA_TYPE = {
    "bool": constant("DataType_PRED"),
    **{f"int{bits}": constant(f"DataType_S{bits}") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": constant(f"DataType_U{bits}") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": constant(f"DataType_F{bits}") for bits in (32, 64)},
}


def write_handler(program: Program, layout: Layout, lanes: int, *, piece: int | None = None) -> str:
    """``@handler(call_frame)``: an ``XLA_FFI_Handler`` for ``@kernel``; ``piece`` overrides the samples of a piece."""
    samples = piece or piece_samples(program, layout, lanes)
    return write_handler_of(described_layout(layout), len(layout.operands), samples)


def write_handler_of(
    rows: Sequence[Sequence[int]], n_operands: int, word: int, *, call: str = CALL, kernel: str = "@kernel"
) -> str:
    """The same for arrays that are :func:`described`, operands first; the first result tells the batch's size.

    Args:
        rows: The arrays.
        n_operands: How many of them are operands.
        word: Samples in a piece, or threads of a block.
        call: The function that answers, see :mod:`ccjac_jax.xla.frame`.
        kernel: What it is handed as the kernel.
    """
    table = [n_operands, len(rows) - n_operands, word, *itertools.chain(*rows)]
    numbers = ", ".join(f"i64 {number}" for number in table)
    return f"""
@table = private constant [{len(table)} x i64] [{numbers}]
declare ptr @{call}(ptr, ptr, ptr)
define ptr @{HANDLER}(ptr %frame) #0 {{
  %error = call ptr @{call}(ptr %frame, ptr @table, ptr {kernel})
  ret ptr %error
}}"""


def described_layout(layout: Layout) -> list[list[int]]:
    """All arrays of a layout."""
    rows = [described(o.dtype, len(o.scalars), batched=o.batched) for o in layout.operands]
    return rows + [described(r.dtype, len(r.entries), batched=True) for r in layout.results]


def described(dtype: str, width: int, *, batched: bool) -> list[int]:
    """An array of ``width`` entries, for each sample or in all."""
    return [_DATA_TYPE[dtype], int(batched), width, width * BYTES[dtype]]
