"""A kernel's own part of its operator: the table of its tensors, and the function that torch's dispatcher calls."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch

from ccjac.kernels.cpu.pieces import piece_samples
from ccjac.kernels.layout import Layout
from ccjac.kernels.writer import BYTES
from ccjac.program.program import Program

from .call import CALL
from .table import RECORD, TABLE_HEAD

ENTRY = "boxed"

_SCRATCH = 1 << 15
"""Bytes of rows collected at a time: they shall stay in the nearest cache until the kernel reads them."""

TYPES: dict[str, tuple[torch.dtype, str]] = {
    "bool": (torch.bool, "aoti_torch_dtype_bool"),
    "uint8": (torch.uint8, "aoti_torch_dtype_uint8"),
    "int8": (torch.int8, "aoti_torch_dtype_int8"),
    "int16": (torch.int16, "aoti_torch_dtype_int16"),
    "int32": (torch.int32, "aoti_torch_dtype_int32"),
    "int64": (torch.int64, "aoti_torch_dtype_int64"),
    "float32": (torch.float32, "aoti_torch_dtype_float32"),
    "float64": (torch.float64, "aoti_torch_dtype_float64"),
}
"""A program's types as torch's, and the function of libtorch that gives their number."""


@dataclass(frozen=True)
class Signature:
    """The tensors of one sample.

    Attributes:
        layout: Which scalars they hold; every operand is batched.
        operands, results: Their shapes.
    """

    layout: Layout
    operands: tuple[tuple[int, ...], ...]
    results: tuple[tuple[int, ...], ...]


def write_entry(program: Program, signature: Signature, numbers: dict[str, int], lanes: int) -> str:
    """``void @boxed(stack, arguments, results)`` beside ``@kernel``.

    Args:
        program: The kernel's program.
        signature: Its tensors.
        numbers: libtorch's number of every type.
        lanes: Samples per vector of the kernel.
    """
    layout = signature.layout
    kinds = [o.dtype for o in layout.operands] + [r.dtype for r in layout.results]
    shapes = [*signature.operands, *signature.results]
    row_bytes = [prod(shape) * BYTES[kind] for kind, shape in zip(kinds, shapes, strict=True)]
    chunk = max(_SCRATCH // max(sum(row_bytes[: len(layout.operands)]), 1) // lanes, 1) * lanes
    dims_at = TABLE_HEAD + RECORD * len(shapes)
    scratch, records = 0, []
    for k, (kind, shape) in enumerate(zip(kinds, shapes, strict=True)):
        records.append([numbers[kind], len(shape), prod(shape), BYTES[kind], dims_at, scratch])
        dims_at += len(shape)
        if k < len(layout.operands):
            scratch += -(-row_bytes[k] * chunk // 64) * 64
    head = [len(layout.operands), len(layout.results), piece_samples(program, layout, lanes), chunk, scratch]
    table = [*head, *itertools.chain(*records), *itertools.chain(*shapes)]
    words = ", ".join(f"i64 {number}" for number in table)
    return f"""
declare void @{CALL}(ptr, ptr, ptr)
@table = private constant [{len(table)} x i64] [{words}]
define void @{ENTRY}(ptr %stack, i64 %arguments, i64 %results) #4 {{
  call void @{CALL}(ptr %stack, ptr @table, ptr @kernel)
  ret void
}}
attributes #4 = {{ uwtable }}"""


def schema(name: str, signature: Signature) -> str:
    """The operator's signature in torch's notation."""
    operands = ", ".join(f"Tensor a{k}" for k in range(len(signature.operands)))
    results = ", ".join("Tensor" for _ in signature.results)
    return f"{name}({operands}) -> ({results})" if len(signature.results) != 1 else f"{name}({operands}) -> Tensor"


def rows(shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Entries of every tensor."""
    return [prod(shape) for shape in shapes]
