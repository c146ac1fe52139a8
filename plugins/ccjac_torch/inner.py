"""The programs behind the dispatcher's operators, for traces that meet one: the Jacobian of a Jacobian is expanded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import Forms, Symbolic, Value, elementwise, lift
from ccjac.program.program import Program

from .boxed.entry import Signature
from .boxed.register import NAMESPACE, program_of
from .rules.operation import Tracing
from .rules.templates import remembered
from .scalar import CALLS, call_of

__all__ = ["CALLS", "NAMESPACE", "expanded"]


def expanded(tracing: Tracing, name: str, operands: Sequence[torch.Tensor]) -> list[Value]:
    """What an operator's results mean, operation by operation, for all samples at once."""
    program, signature = program_of(name)
    values = [tracing.value(x) for x in operands]
    if any(isinstance(v, Forms) for v in values):
        raise UnsupportedError("a derivative rule applies a compiled Jacobian to tangents")
    lead = tuple(operands[0].shape[: operands[0].dim() - len(signature.operands[0])])
    scalars = _scalars(tracing, signature, values, lead)
    results = _run(tracing, program, scalars, lead)
    found: list[Value] = []
    for shape, result in zip(signature.results, signature.layout.results, strict=True):
        zero = tracing.ex.builder.const(0.0, result.dtype)
        entries = [_full(zero, lead, result.dtype) if e < 0 else results[e] for e in result.entries]
        ids = np.stack([e.ids for e in entries], axis=-1).reshape(*lead, *shape)
        vertices = np.stack([e.tangent_vertices() for e in entries], axis=-1).reshape(*lead, *shape)
        found.append(tracing.ex.symbolic(ids.ravel().tolist(), vertices.ravel().tolist(), ids.shape, result.dtype))
    return found


def _scalars(
    tracing: Tracing, signature: Signature, values: Sequence[Value], lead: tuple[int, ...]
) -> dict[int, Symbolic]:
    found: dict[int, Symbolic] = {}
    for value, operand in zip(values, signature.layout.operands, strict=True):
        symbolic = lift(tracing.ex.builder, value)
        ids = symbolic.ids.reshape(*lead, -1)
        vertices = None if symbolic.vertices is None else symbolic.vertices.reshape(*lead, -1)
        for k, scalar in enumerate(operand.scalars):
            found[scalar] = Symbolic(ids[..., k], None if vertices is None else vertices[..., k], symbolic.dtype)
    return found


def _full(value: int, lead: tuple[int, ...], dtype: str) -> Symbolic:
    return Symbolic(np.full(lead, value, dtype=np.int64), None, dtype)


def _run(tracing: Tracing, program: Program, scalars: dict[int, Symbolic], lead: tuple[int, ...]) -> list[Symbolic]:
    table: list[Symbolic] = []
    for node in program.nodes:
        if node.op == "input":
            table.append(scalars[node.param])
        elif node.op == "const":
            table.append(_full(tracing.ex.builder.const(node.param, node.dtype), lead, node.dtype))
        else:
            table.append(
                elementwise(
                    tracing.ex,
                    node.op,
                    node.param,
                    [table[a] for a in node.args],
                    lead,
                    node.dtype,
                    template=lambda active, dtypes, node=node: remembered(  # type: ignore[misc]
                        ("program", node.op, node.param, node.dtype), tracing, call_of(node), active, dtypes
                    ),
                    label=node.op,
                )
            )
    return [table[r] for r in program.results]


def templates(tracing: Any) -> Any:
    """See :data:`ccjac.program.template.Templates`."""
    return lambda node, dtypes, active: remembered(
        ("program", node.op, node.param, node.dtype), tracing, call_of(node), active, dtypes
    )
