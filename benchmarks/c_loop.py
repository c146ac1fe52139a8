"""The same scalar program as one C loop, compiled by the system's compiler: what the kernel is measured against."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ccjac.program import Program

_INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
}
_CALL = {
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    *("exp", "exp2", "expm1", "log", "log1p", "sqrt", "cbrt", "pow", "erf", "erfc", "floor", "ceil"),
}
_LOGIC = {"and": "&", "or": "|"}


def _expression(op: str, args: list[str], suffix: str) -> str | None:
    if op in _INFIX:
        return f"{args[0]} {_INFIX[op]} {args[1]}"
    if op in _LOGIC:
        return f"{args[0]} {_LOGIC[op]} {args[1]}"
    if op in _CALL:
        return f"{op}{suffix}({', '.join(args)})"
    simple = {
        "neg": "-{0}",
        "not": "!{0}",
        "abs": f"fabs{suffix}({{0}})",
        "max": f"fmax{suffix}({{0}}, {{1}})",
        "min": f"fmin{suffix}({{0}}, {{1}})",
        "rsqrt": f"1 / sqrt{suffix}({{0}})",
        "logistic": f"1 / (1 + exp{suffix}(-{{0}}))",
        "sign": "({0} > 0) - ({0} < 0)",
    }
    if op in simple:
        return simple[op].format(*args)
    if op == "select_n" and len(args) == 3:
        return f"{args[0]} ? {args[2]} : {args[1]}"
    return None


def source(program: Program, entries: np.ndarray, dtype: str, *, separate: bool = False) -> str | None:
    """C text of ``void run(const T* const* x, T* const* y, long B)``, or ``None`` for an unknown operation.

    Args:
        program: The computation.
        entries: ``[m, n]`` places of the Jacobian's entries among the results, negative for zero.
        dtype: ``"float32"`` or ``"float64"``.
        separate: Whether every input is an array ``[B]`` and has a result ``[B, m]``, instead of ``[B, n]`` and
            ``[B, m, n]``.
    """
    kind, suffix = ("float", "f") if dtype == "float32" else ("double", "")
    n = program.n_inputs
    lines = []
    for k, node in enumerate(program.nodes):
        if node.op == "input":
            text: str | None = f"x{node.param}[b]" if separate else f"x0[b * {n} + {node.param}]"
        elif node.op == "const":
            text = str(int(node.param)) if isinstance(node.param, bool) else f"({kind}){float(node.param)!r}"
        else:
            text = _expression(node.op, [f"v{a}" for a in node.args], suffix)
        if text is None or (node.op == "const" and not np.isfinite(node.param)):
            return None
        lines.append(f"const {'int' if node.dtype == 'bool' else kind} v{k} = {text};")
    blocks = list(entries.T) if separate else [entries]
    for j, block in enumerate(blocks):
        flat = block.ravel().tolist()
        for place, k in enumerate(flat):
            value = "0" if k < 0 else f"v{program.results[k]}"
            lines.append(f"y{j}[b * {len(flat)} + {place}] = {value};")
    pointers = [f"const {kind}* restrict x{k} = x[{k}];" for k in range(n if separate else 1)]
    pointers += [f"{kind}* restrict y{j} = y[{j}];" for j in range(len(blocks))]
    head, body = "\n".join(pointers), "\n".join(lines)
    return (
        "#include <math.h>\n"
        f"void run(const {kind}* const* x, {kind}* const* y, long B) {{\n{head}\n"
        "#pragma GCC ivdep\n"
        f"for (long b = 0; b < B; ++b) {{\n{body}\n}}\n}}\n"
    )


def c_loop(task: Any, rows: Any, *, separate: bool = False) -> Callable[[], object] | None:
    """The Jacobian's program of a task as a C loop over ``rows[B, n]``, on one thread; ``None`` without a compiler.

    ``separate``: see :func:`source`.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    from ccjac.backends.protocol import Request
    from ccjac.planning.choose import choose
    from ccjac.program.accumulate import accumulate
    from ccjac_jax.backend import JaxBackend

    backend = JaxBackend()
    traced = backend.trace(backend.prepare(Request(task.vector("jax"), 0, False, False), (rows[0],), {}))
    if traced.linearization is None:
        return None
    order = choose(traced.linearization.graph).order
    jacobian = accumulate(traced.linearization, order, with_values=False, dtypes=traced.entry_dtypes)
    dtype = rows.dtype.name
    text = source(jacobian.program, jacobian.dense(), dtype, separate=separate)
    if text is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="ccjac-c-"))
    (folder / "loop.c").write_text(text, encoding="utf-8")
    flags = ["-O3", "-march=native", "-ffast-math", "-fPIC", "-shared"]
    subprocess.run([compiler, *flags, "loop.c", "-o", "loop.so", "-lmvec", "-lm"], cwd=folder, check=True)
    run = ctypes.CDLL(str(folder / "loop.so")).run
    columns = np.asarray(rows).T if separate else [np.asarray(rows)]
    x = [np.ascontiguousarray(column) for column in columns]
    y = [np.empty((len(rows), int(np.prod(jacobian.shape)) // len(x)), dtype) for _ in x]
    ins = (ctypes.c_void_p * len(x))(*(a.ctypes.data for a in x))
    outs = (ctypes.c_void_p * len(y))(*(a.ctypes.data for a in y))
    run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]

    def call(arrays: Any = (x, y)) -> None:
        # The default argument keeps the arrays alive.
        run(ins, outs, len(rows))

    return call
