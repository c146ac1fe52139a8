"""Which array holds which scalar: the calling convention of a compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass

from ..program.program import Program


@dataclass(frozen=True)
class Operand:
    """An array that a kernel reads, one contiguous row of ``len(scalars)`` entries per sample.

    Attributes:
        scalars: The program's input scalar that every entry of the row is, in row-major order.
        dtype: numpy's name of the array's type.
        batched: ``True``: ``[B, len(scalars)]``.  ``False``: one row ``[len(scalars)]`` serves all samples, and
            whatever depends on such operands alone is computed once per call.
    """

    scalars: tuple[int, ...]
    dtype: str
    batched: bool = True


@dataclass(frozen=True)
class Result:
    """An array ``[B, len(entries)]`` that a kernel writes.

    Attributes:
        entries: For every entry of a row the position among the program's results, or ``-1`` for a structural zero.
        dtype: numpy's name of the array's type.
    """

    entries: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Layout:
    """All operands and results of a kernel, in calling order."""

    operands: tuple[Operand, ...]
    results: tuple[Result, ...]

    @classmethod
    def separate(cls, program: Program) -> Layout:
        """Every scalar an array ``[B]`` of its own; unused inputs are taken to be of the first input's type."""
        kinds = {node.param: node.dtype for node in program.nodes if node.op == "input"}
        default = next(iter(kinds.values()), "float32")
        operands = tuple(Operand((k,), kinds.get(k, default)) for k in range(program.n_inputs))
        results = tuple(Result((k,), program.nodes[r].dtype) for k, r in enumerate(program.results))
        return cls(operands, results)

    @classmethod
    def rows(cls, program: Program) -> Layout:
        """One array ``[B, n]`` in and one array ``[B, m]`` out; all of one type."""
        kinds = {node.dtype for node in program.nodes if node.op == "input"}
        dtype = kinds.pop() if len(kinds) == 1 else program.nodes[program.results[0]].dtype
        return cls(
            (Operand(tuple(range(program.n_inputs)), dtype),),
            (Result(tuple(range(len(program.results))), dtype),),
        )
