"""A scalar program and its layout as the CUDA C++ source of one kernel, a thread per sample.

Rows of samples lie behind each other in memory, so neighbouring threads would read addresses a row apart.  A block of
threads therefore moves its rows together: element by element in the order of memory between the arrays and shared
memory, and from there each thread takes its own row.  The same text is HIP's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...limits import DEVICE_OPERATIONS, INLINE_FUNCTIONS
from ...program.program import Program
from ..c import TYPES, helpers, library_calls, literal, statements
from ..layout import Layout
from ..writer import BYTES
from .segmented import write_segments

ENTRY = "ccjac_kernel"
THREADS = 128
"""Threads of a block."""

SHARED_BYTES = 40 << 10
"""Shared memory of a block: what every device has, with room for the compiler's own."""


@dataclass(frozen=True)
class Source:
    """What a run-time compiler takes, and how the result is launched.

    Attributes:
        text: CUDA C++; defines ``extern "C"`` :data:`ENTRY` of the operands' pointers, the results' pointers and the
            number of samples, a 64-bit integer.
        threads: Of a block; there must be a block for every so many samples.
    """

    text: str
    threads: int

    def blocks(self, samples: int) -> int:
        """Blocks that a batch needs."""
        return -(-samples // self.threads)


def write_source(program: Program, layout: Layout, *, threads: int = THREADS) -> Source:
    """Generate the kernel.

    Args:
        program: A program that :func:`ccjac.kernels.c.obstacle` has nothing against.
        layout: Where its scalars lie; operands that are not batched are read by all threads alike.
        threads: Of a block.
    """
    read = {node.param for node in program.nodes if node.op == "input"}
    numbers = {k: literal(n.param, n.dtype) for k, n in enumerate(program.nodes) if n.op == "const"}
    parts = write_segments(program, numbers) if program.operations > DEVICE_OPERATIONS else None
    place: dict[int, str] = {}
    loads: list[str] = []
    for k, operand in enumerate(layout.operands):
        wanted = [(at, scalar) for at, scalar in enumerate(operand.scalars) if scalar in read]
        width, kind = len(operand.scalars), TYPES[operand.dtype]
        row = f"x{k}" if not operand.batched else f"(x{k} + sample * {width})"
        staged = operand.batched and width > 1 and len(wanted) > 1
        for first in range(0, width, chunk := _columns(operand.dtype, width, threads)) if staged else ():
            last = min(first + chunk, width)
            mine = [(at, scalar) for at, scalar in wanted if first <= at < last]
            if mine:
                loads += _gathered(f"x{k}", kind, width, first, last, threads)
                row = f"(({kind} *)shared)[lane * {last - first} + "
                loads += [f"const {kind} s{scalar} = {row}{at - first}];" for at, scalar in mine]
                loads.append("__syncthreads();")
                place |= {scalar: f"s{scalar}" for _, scalar in mine}
        if not staged:
            place |= {scalar: f"{row}[{at}]" for at, scalar in wanted}
            loads += [f"const {kind} s{scalar} = inside ? {place[scalar]} : ({kind})1;" for _, scalar in wanted]
            place |= {scalar: f"s{scalar}" for _, scalar in wanted}
    kinds = {scalar: o.dtype for o in layout.operands for scalar in o.scalars}

    def reading(scalar: int, dtype: str) -> str:
        return place[scalar] if kinds[scalar] == dtype else f"({TYPES[dtype]}){place[scalar]}"

    def writing(position: int, value: str) -> list[str]:
        return [f"const {TYPES[program.nodes[program.results[position]].dtype]} r{position} = {value};"]

    if parts is None:
        body = statements(program, reading, writing)
        found = [f"r{position}" for position in range(len(program.results))]
    else:
        types = {node.param: node.dtype for node in program.nodes if node.op == "input"}
        body = [f"{to} = {reading(scalar, types[scalar])};" for scalar, to in parts.inputs.items()] + parts.calls
        loads = [*parts.tiles, *loads]
        found = parts.results
    stores: list[str] = []
    for k, result in enumerate(layout.results):
        width, kind = len(result.entries), TYPES[result.dtype]
        values = [f"({kind}){found[e]}" if e >= 0 else f"({kind})0" for e in result.entries]
        if width == 1:
            stores.append(f"if (inside) y{k}[sample] = {values[0]};")
            continue
        for first in range(0, width, chunk := _columns(result.dtype, width, threads)):
            last = min(first + chunk, width)
            stores += _scattered(f"y{k}", kind, width, first, last, values[first:last], threads)
    parameters = [f"const {TYPES[o.dtype]} *__restrict__ x{k}" for k, o in enumerate(layout.operands)]
    parameters += [f"{TYPES[r.dtype]} *__restrict__ y{k}" for k, r in enumerate(layout.results)]
    lines = "\n".join(f"  {line}" for line in (*loads, *body, *stores))
    apart, together = _apart(program)
    text = _FRAME.format(
        helpers=helpers(program, "static __device__ inline") + apart + (parts.functions if parts is not None else ""),
        together=together,
        entry=ENTRY,
        parameters=", ".join([*parameters, "long long samples"]),
        threads=threads,
        bytes=SHARED_BYTES,
        lines=lines,
    )
    return Source(text, threads)


def _apart(program: Program) -> tuple[str, str]:
    """Definitions of library functions that are called often, and their removal.

    The compiler puts a library function, with its slow path for large angles, wherever it is called: 2,600 operations
    with 600 sines took 112 s to compile, with one sine that is called 600 times 5 s.
    """
    calls = library_calls(program)
    if sum(calls.values()) <= INLINE_FUNCTIONS:
        return "", ""
    before, after = "", ""
    for (name, dtype, arity), _ in sorted(calls.items()):
        parameters = ", ".join(f"{TYPES[dtype]} x{k}" for k in range(arity))
        arguments = ", ".join(f"x{k}" for k in range(arity))
        before += f"static __device__ __noinline__ {TYPES[dtype]} ccjac_{name}({parameters}) "
        before += f"{{ return {name}({arguments}); }}\n#define {name} ccjac_{name}\n"
        after += f"#undef {name}\n"
    return before, after


def _columns(dtype: str, width: int, threads: int) -> int:
    """How many columns of a row fit into shared memory for all threads of a block; an odd number, so that threads that
    read one column each hit different banks.
    """
    most = max(SHARED_BYTES // (threads * BYTES[dtype]), 1)
    return width if width <= most else most - (most + 1) % 2


def _gathered(array: str, kind: str, width: int, first: int, last: int, threads: int) -> list[str]:
    columns = last - first
    element = f"(begin + k / {columns}) * {width} + {first} + k % {columns}"
    return [
        f"for (long long k = lane; k < rows * {columns}; k += {threads}) (({kind} *)shared)[k] = {array}[{element}];",
        "__syncthreads();",
    ]


def _scattered(array: str, kind: str, width: int, first: int, last: int, values: list[str], threads: int) -> list[str]:
    columns = last - first
    element = f"(begin + k / {columns}) * {width} + {first} + k % {columns}"
    lines = [f"{{ {kind} *to = ({kind} *)shared;"]
    lines += [f"to[lane * {columns} + {k}] = {value};" for k, value in enumerate(values)]
    lines.append("__syncthreads();")
    lines.append(f"for (long long k = lane; k < rows * {columns}; k += {threads}) {array}[{element}] = to[k];")
    lines.append("__syncthreads(); }")
    return lines


_FRAME = """#define CCJAC_INF_FLOAT __int_as_float(0x7f800000)
#define CCJAC_NAN_FLOAT __int_as_float(0x7fffffff)
#define CCJAC_INF_DOUBLE __longlong_as_double(0x7ff0000000000000ll)
#define CCJAC_NAN_DOUBLE __longlong_as_double(0x7fffffffffffffffll)
{helpers}
extern "C" __global__ void __launch_bounds__({threads}) {entry}({parameters}) {{
  __shared__ __align__(16) unsigned char shared[{bytes}];
  const int lane = threadIdx.x;
  const long long begin = (long long)blockIdx.x * {threads};
  const long long sample = begin + lane;
  const bool inside = sample < samples;
  const long long rows = samples - begin < {threads} ? samples - begin : {threads};
{lines}
}}
{together}"""
