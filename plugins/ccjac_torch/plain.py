"""Programs as plain torch operations: correct on every device and in every type, and torch differentiates them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ccjac.program import Program

from .boxed.entry import Signature
from .scalar import call_of
from .shadows import TYPES


def run(program: Program, signature: Signature, operands: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """All results of a program.

    Args:
        program: The program.
        signature: Its tensors.
        operands: With any leading batch axes, the same for all.
    """
    lead = operands[0].shape[: operands[0].dim() - len(signature.operands[0])]
    wanted = {node.param for node in program.nodes if node.op == "input"}
    scalars: dict[int, torch.Tensor] = {}
    for tensor, operand in zip(operands, signature.layout.operands, strict=True):
        # One operation takes all entries apart, which autograd undoes in one.
        columns = tensor.reshape(*lead, len(operand.scalars)).unbind(-1)
        scalars.update({s: columns[k] for k, s in enumerate(operand.scalars) if s in wanted})
    table = _table(program, scalars, operands[0].device)
    results = []
    for shape, result in zip(signature.results, signature.layout.results, strict=True):
        zero = torch.zeros((), dtype=TYPES[result.dtype], device=operands[0].device)
        entries = [(zero if e < 0 else table[program.results[e]]).expand(lead) for e in result.entries]
        results.append(torch.stack(entries, -1).reshape((*lead, *shape)))
    return results


def _table(program: Program, scalars: dict[int, torch.Tensor], device: torch.device) -> list[Any]:
    table: list[Any] = []
    for node in program.nodes:
        if node.op == "input":
            table.append(scalars[node.param])
        elif node.op == "const":
            table.append(torch.full((), node.param, dtype=TYPES[node.dtype], device=device))
        else:
            table.append(call_of(node)(*(table[a] for a in node.args)))
    return table
