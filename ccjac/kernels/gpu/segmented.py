"""Long programs as functions of a few hundred operations each, which hand values to each other through memory.

The compiler's effort grows faster than the length of a function, and what a thread has no registers for it would spill
anyway.  So the cuts say what is spilled: values that another segment reads lie in the thread's local memory, whose
places are reused; a warp reads one of them at consecutive addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...program.program import Node, Program
from ..c import TYPES, statements
from ..cpu.segments import cut


@dataclass(frozen=True)
class Segmented:
    """A program's segments.

    Attributes:
        functions: Their definitions.
        tiles: Declarations of the local memory, for the kernel's body.
        calls: The segments' calls, in order.
        inputs: For every input scalar that is read the place to store it at.
        results: For every result an expression of its value after the calls.
    """

    functions: str
    tiles: list[str]
    calls: list[str]
    inputs: dict[int, str]
    results: list[str]


def write_segments(program: Program, literal_of: dict[int, str]) -> Segmented:
    """Cut a program.

    Args:
        program: The program.
        literal_of: What stands for every result that is a number, by node.
    """
    nodes = program.nodes
    fixed: dict[int, int] = {}
    for k, node in enumerate(nodes):
        if node.op == "input":
            fixed[k] = len(fixed)
    for k in program.results:
        if nodes[k].op != "const" and k not in fixed:
            fixed[k] = len(fixed)
    pieces = cut(program, [False] * len(nodes), fixed, len(fixed))
    # A tile for every type: one memory for several would have to be read as what it was not written as.
    sizes: dict[str, int] = {}
    index: dict[tuple[str, int], int] = {}
    for k, place in pieces.homes.items():
        key = (nodes[k].dtype, place)
        if key not in index:
            index[key] = sizes.get(key[0], 0)
            sizes[key[0]] = index[key] + 1

    def home(k: int) -> str:
        return f"tile_{nodes[k].dtype}[{index[nodes[k].dtype, pieces.homes[k]]}]"

    parameters = ", ".join(f"{TYPES[dtype]} *tile_{dtype}" for dtype in sizes)
    arguments = ", ".join(f"tile_{dtype}" for dtype in sizes)
    functions = []
    for s, piece in enumerate(pieces.looped):
        body = _piece(program, piece, pieces.homes, home)
        lines = "\n".join(f"  {line}" for line in body)
        functions.append(f"static __device__ __noinline__ void ccjac_segment_{s}({parameters}) {{\n{lines}\n}}\n")
    return Segmented(
        "".join(functions),
        [f"{TYPES[dtype]} tile_{dtype}[{size}];" for dtype, size in sizes.items()],
        [f"ccjac_segment_{s}({arguments});" for s in range(len(functions))],
        {node.param: home(k) for k, node in enumerate(nodes) if node.op == "input"},
        [literal_of[k] if k in literal_of else home(k) for k in program.results],
    )


def _piece(program: Program, piece: tuple[int, ...], homes: dict[int, int], home: Callable[[int], str]) -> list[str]:
    """A segment's statements: those of a program whose inputs are what it reads of others."""
    outside: list[int] = []
    part: list[Node] = []
    at: dict[int, int] = {}
    inside = set(piece)
    for k in piece:
        for a in program.nodes[k].args:
            if a in at or a in inside:
                continue
            node = program.nodes[a]
            at[a] = len(part)
            if node.op == "const":
                part.append(node)
            else:
                part.append(Node("input", (), node.dtype, len(outside)))
                outside.append(a)
        at[k] = len(part)
        node = program.nodes[k]
        part.append(Node(node.op, tuple(at[a] for a in node.args), node.dtype, node.param))
    kept = [k for k in piece if k in homes]
    return statements(
        Program(tuple(part), len(outside), tuple(at[k] for k in kept)),
        lambda position, _: home(outside[position]),
        lambda position, value: [f"{home(kept[position])} = {value};"],
    )
