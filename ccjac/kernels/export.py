"""A scalar program as a C99 library of one header and one source file, for use without Python.

It needs nothing but the C library's ``math.h``, allocates nothing and keeps no state.  Arrays are contiguous and in
row-major order, as numpy's: a Jacobian of an output of shape ``s`` by an argument of shape ``t`` has shape ``s + t``.
"""

from __future__ import annotations

import keyword
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import CcjacError
from ..program.program import Program
from .c import TYPES, helpers, literal, obstacle, statements
from .layout import Layout


@dataclass(frozen=True)
class Parameter:
    """An array that the C function takes.

    Attributes:
        name: Of the parameter.
        shape: For one sample.
        meaning: What it holds.
        places: Row and column of every entry, if it holds the entries of a matrix that are not always zero; tables
            ``<function>_<name>_rows`` and ``_columns`` then stand beside the function.
    """

    name: str
    shape: tuple[int, ...]
    meaning: str = ""
    places: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class CSource:
    """A header and a source file.

    Attributes:
        name: Of the function; the files are ``name.h`` and ``name.c``.
        header, source: Their contents.
    """

    name: str
    header: str
    source: str

    def save(self, path: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Write ``path`` with the ending ``.c`` and, beside it, the header.

        Returns:
            Where they are, the source first.

        Raises:
            OSError: They cannot be written.
        """
        source, header = Path(path).with_suffix(".c"), Path(path).with_suffix(".h")
        text = self.source.replace(f'#include "{self.name}.h"', f'#include "{header.name}"')
        header.write_text(self.header, encoding="utf-8")
        source.write_text(text, encoding="utf-8")
        return source, header

    def __str__(self) -> str:
        return self.source.replace(f'#include "{self.name}.h"\n', self.header)


def write_c(
    program: Program,
    layout: Layout,
    operands: Sequence[Parameter],
    results: Sequence[Parameter],
    *,
    name: str,
    about: str = "",
) -> CSource:
    """Generate C.

    Args:
        program: What to compute.
        layout: Which scalars the arrays of one sample hold.
        operands, results: Names, shapes and meanings of the layout's arrays, in its order.
        name: Of the C function; ``<name>_batch`` loops over samples.
        about: A sentence for the head of the files.

    Raises:
        CcjacError: ``name`` is no C identifier, or the program has an operation that C lacks.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in _RESERVED:
        raise CcjacError(f"`name` must be an identifier of C, got {name!r}.")
    if (reason := obstacle(program)) is not None:
        raise CcjacError(f"this function cannot be written in C: {reason}.")
    names = distinct([p.name for p in (*operands, *results)], reserved={name, f"{name}_batch", "n", "i"})
    kinds = [o.dtype for o in layout.operands] + [r.dtype for r in layout.results]
    n = len(layout.operands)
    place = {scalar: (k, at) for k, o in enumerate(layout.operands) for at, scalar in enumerate(o.scalars)}
    targets: dict[int, list[tuple[int, int]]] = {}
    fixed: list[str] = []
    for k, result in enumerate(layout.results):
        for at, position in enumerate(result.entries):
            constant = "0" if position < 0 else _constant(program, position)
            if constant is not None:
                fixed.append(f"{names[n + k]}[{at}] = {constant};")
            else:
                targets.setdefault(position, []).append((n + k, at))
    read: set[int] = set()

    def reading(scalar: int, dtype: str) -> str:
        k, at = place[scalar]
        read.add(k)
        return f"{names[k]}[{at}]" if kinds[k] == dtype else f"({TYPES[dtype]}){names[k]}[{at}]"

    def writing(position: int, value: str) -> list[str]:
        return [f"{names[k]}[{at}] = {value};" for k, at in targets.get(position, ())]

    # Constants first, in the order of their addresses: compilers store several at once, while it is computed what they
    # do not depend on.  A matrix that was half zeros took 0.45 to 0.7 of the time.
    body = fixed + statements(program, reading, writing)
    unread = [f"(void){names[k]};" for k in range(n) if k not in read]
    unread += [f"(void){names[n + k]};" for k, r in enumerate(layout.results) if not r.entries]
    parameters = [
        f"{'const ' if k < n else ''}{TYPES[kind]} *CCJAC_RESTRICT {names[k]}" for k, kind in enumerate(kinds)
    ]
    signature = f"void {name}({', '.join(parameters) or 'void'})"
    batch = f"void {name}_batch({', '.join(['size_t n', *parameters])})"
    shifted = [
        f"{names[k]} + i * {math.prod(p.shape)}" if math.prod(p.shape) else names[k]
        for k, p in enumerate((*operands, *results))
    ]
    lines = [_described(names[k], p, kinds[k], "in" if k < n else "out") for k, p in enumerate((*operands, *results))]
    tables = [
        (f"const int {name}_{names[n + k]}_{axis}s[{len(p.places)}]", ", ".join(str(place[at]) for place in p.places))
        for k, p in enumerate(results)
        if p.places
        for at, axis in enumerate(("row", "column"))
    ]
    header = _HEADER.format(
        about=f"{about.rstrip()}\n   " if about else "",
        guard=f"{name.upper()}_H",
        lines="\n".join(f"     {line}" for line in lines),
        tables="".join(f"extern {head};\n" for head, _ in tables),
        signature=signature,
        batch=batch,
    )
    source = _SOURCE.format(
        name=name,
        helpers="\n".join([helpers(program, "static"), *(f"{head} = {{{numbers}}};" for head, numbers in tables)]),
        signature=signature,
        body="\n".join(f"  {line}" for line in (*unread, *body)),
        batch=batch,
        call=f"{name}({', '.join(shifted)})",
    )
    return CSource(name, header, source)


def distinct(names: Sequence[str], *, reserved: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    """The names as distinct C identifiers: what C does not allow becomes an underscore, repeated ones get a number."""
    taken = set(reserved) | _RESERVED
    found: list[str] = []
    for name in names:
        stem = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "x"
        stem = f"x{stem}" if stem[0].isdigit() else stem
        chosen, k = stem, 1
        # `v1`, `v2`, ... are the values of the program.
        while chosen in taken or re.fullmatch(r"v\d+", chosen):
            chosen, k = f"{stem}_{k}", k + 1
        taken.add(chosen)
        found.append(chosen)
    return found


def _constant(program: Program, position: int) -> str | None:
    """The text of a result that is a constant."""
    node = program.nodes[program.results[position]]
    return literal(node.param, node.dtype) if node.op == "const" else None


def _described(name: str, parameter: Parameter, dtype: str, direction: str) -> str:
    shape = "".join(f"[{size}]" for size in parameter.shape)
    meaning = f"  {parameter.meaning}" if parameter.meaning else ""
    return f"{direction:<3} {TYPES[dtype]} {name}{shape}{meaning}"


_RESERVED = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    signbit fabs copysign size_t main""".split()
) | frozenset(keyword.kwlist)

_HEADER = """/* {about}Generated by ccjac.  Arrays are contiguous, row-major, and must not overlap.

{lines}

   `_batch` does the same for n samples, one after the other in every array. */
#ifndef {guard}
#define {guard}
#include <stddef.h>
#ifdef __cplusplus
#define CCJAC_RESTRICT
extern "C" {{
#else
#define CCJAC_RESTRICT restrict
#endif
{tables}{signature};
{batch};
#ifdef __cplusplus
}}
#endif
#endif
"""

_SOURCE = """#include "{name}.h"
#include <math.h>

#define CCJAC_INF_FLOAT ((float)INFINITY)
#define CCJAC_INF_DOUBLE ((double)INFINITY)
#define CCJAC_NAN_FLOAT ((float)NAN)
#define CCJAC_NAN_DOUBLE ((double)NAN)

{helpers}
{signature} {{
{body}
}}

{batch} {{
  for (size_t i = 0; i < n; ++i) {call};
}}
"""
