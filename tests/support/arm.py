"""Kernels for 64-bit Arm on another processor: linked by a cross compiler, run by qemu's user mode.

The C library of the cross compiler may have no vector functions (glibc has them since 2.38): then they are made here
of the scalar ones, with the names and the calling convention of the real ones.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccjac.kernels.cpu.library import C_NAME
from ccjac.kernels.cpu.module import Module
from ccjac.kernels.cpu.target import Target
from ccjac.kernels.layout import Layout
from ccjac.program.operations import OPERATIONS

COMPILER, EMULATOR = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
TRIPLE = "aarch64-unknown-linux-gnu"


def target(*, vector_math: bool) -> Target:
    """The baseline of the architecture, with or without a library of vector functions."""
    return Target(TRIPLE, "generic", "", 16, "n" if vector_math else "", fused=True)


def vector_functions() -> str:
    """C of ``_ZGVnN4v_sinf`` and the others."""
    lines = ["#include <math.h>"]
    for op, name in C_NAME.items():
        arity = OPERATIONS[op].arity or 1
        for kind, suffix, lanes in (("float", "f", 4), ("double", "", 2)):
            vector = f"{kind}_{lanes}"
            lines.append(f"typedef {kind} {vector} __attribute__((vector_size(16)));")
            parameters = ", ".join(f"{vector} x{k}" for k in range(arity))
            arguments = ", ".join(f"x{k}[i]" for k in range(arity))
            head = f"{vector} _ZGVnN{lanes}{'v' * arity}_{name}{suffix}({parameters})"
            loop = f"for (int i = 0; i < {lanes}; ++i) y[i] = {name}{suffix}({arguments});"
            lines.append(f"__attribute__((aarch64_vector_pcs)) {head} {{ {vector} y; {loop} return y; }}")
    return "\n".join(lines)


def linked(modules: Sequence[Module], directory: Path) -> Path:
    """A program that runs every module's ``@kernel`` on what a file holds; see :func:`run`."""
    from llvmlite import binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    objects = []
    for k, module in enumerate(modules):
        parsed = llvm.parse_assembly(module.text)
        parsed.get_function("kernel").name = f"kernel_{k}"
        machine = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu="generic", opt=module.effort, reloc="pic")
        objects.append(directory / f"kernel{k}.o")
        objects[-1].write_bytes(machine.emit_object(parsed))
    (directory / "vector.c").write_text(vector_functions())
    names = [f"kernel_{k}" for k in range(len(modules))]
    declared = "\n".join(f"int {name}(void **, void **, long, long);" for name in names)
    (directory / "main.c").write_text(_MAIN.replace("DECLARED", declared).replace("KERNELS", ", ".join(names)))
    command = [COMPILER or "", "-O1", "-static", "main.c", "vector.c", *map(str, objects), "-lm", "-o", "all"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return directory / "all"


_MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
DECLARED
static int (*kernels[])(void **, void **, long, long) = {KERNELS};
/* For every kernel: operands, results, samples, then the bytes of every array and, of operands, these bytes. */
static long number(FILE *f) { long n; if (fread(&n, 8, 1, f) != 1) exit(2); return n; }
int main(int argc, char **argv) {
  FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
  for (unsigned long k = 0; k < sizeof kernels / sizeof *kernels; ++k) {
    long n = number(in), m = number(in), samples = number(in);
    void *ins[64], *outs[64];
    for (long i = 0; i < n; ++i) {
      long bytes = number(in);
      ins[i] = malloc(bytes + 64);
      if (bytes && fread(ins[i], bytes, 1, in) != 1) return 2;
    }
    long sizes[64];
    for (long i = 0; i < m; ++i) outs[i] = malloc((sizes[i] = number(in)) + 64);
    if (kernels[k](ins, outs, 0, samples)) return 3;
    for (long i = 0; i < m; ++i) fwrite(outs[i], sizes[i], 1, out);
  }
  return fclose(out) ? 4 : 0;
}
"""


def run(program: Path, layouts: Sequence[Layout], arrays: Sequence[Sequence[np.ndarray]], samples: int) -> list:
    """The results ``[samples, m]`` of every kernel."""
    data, made = [], []
    for layout, operands in zip(layouts, arrays, strict=True):
        results = [np.empty((samples, len(r.entries)), r.dtype) for r in layout.results]
        data.append(np.array([len(operands), len(results), samples], np.int64).tobytes())
        for x in operands:
            ready = np.ascontiguousarray(x)
            data += [np.array([ready.nbytes], np.int64).tobytes(), ready.tobytes()]
        data += [np.array([r.nbytes], np.int64).tobytes() for r in results]
        made.append(results)
    given, found = program.with_suffix(".in"), program.with_suffix(".out")
    given.write_bytes(b"".join(data))
    done = subprocess.run([EMULATOR or "", program, given, found], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
    answer, place = found.read_bytes(), 0
    for results in made:
        for r in results:
            r[...] = np.frombuffer(answer, r.dtype, r.size, place).reshape(r.shape)
            place += r.nbytes
    return made
