"""CUDA C++ on the processor: a shim, compiled by the system's C++ compiler, that runs a grid of blocks of threads.

A thread is a fiber: it runs until it waits at a barrier, then the next one of its block does.  A block whose threads do
not all reach the same barrier is told, which on a device would hang or be undefined.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccjac.kernels.gpu.source import ENTRY, Source
from ccjac.kernels.layout import Layout

COMPILER = shutil.which("g++")

_HEAD = r"""
#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>
#include <ucontext.h>
struct Index { unsigned x; };
static Index threadIdx, blockIdx;
static ucontext_t scheduler, fibers[1024];
static bool done[1024];
static int current;
static void __syncthreads() { swapcontext(&fibers[current], &scheduler); }
static float __int_as_float(unsigned x) { float y; std::memcpy(&y, &x, 4); return y; }
static double __longlong_as_double(unsigned long long x) { double y; std::memcpy(&y, &x, 8); return y; }
#define __global__
#define __device__
#define __noinline__ __attribute__((noinline))
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(n)
#define __restrict__
using std::signbit;
static void (*body)(void **);
static void **arguments;
static void start() { body(arguments); done[current] = true; swapcontext(&fibers[current], &scheduler); }
template <class... T, size_t... k>
static void call(void (*kernel)(T...), void **p, std::index_sequence<k...>) { kernel(*(T *)p[k]...); }
template <class... T>
static void call(void (*kernel)(T...), void **p) { call(kernel, p, std::index_sequence_for<T...>()); }
static int run(void (*kernel)(void **), void **p, unsigned blocks, unsigned threads) {
  static std::mutex one_grid;
  static std::vector<char> stacks(1024 << 18);
  std::lock_guard<std::mutex> guard(one_grid);
  body = kernel; arguments = p;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
    for (unsigned t = 0; t < threads; ++t) {
      getcontext(&fibers[t]);
      fibers[t].uc_stack.ss_sp = stacks.data() + ((size_t)t << 18);
      fibers[t].uc_stack.ss_size = 1 << 18;
      fibers[t].uc_link = nullptr;
      makecontext(&fibers[t], start, 0);
      done[t] = false;
    }
    for (unsigned finished = 0; finished < threads;) {
      finished = 0;
      for (unsigned t = 0; t < threads; ++t) {
        current = t; threadIdx.x = t;
        swapcontext(&scheduler, &fibers[t]);
        finished += done[t];
      }
      if (finished != 0 && finished != threads) return 719;
    }
  }
  return 0;
}
"""


def compiled(sources: Sequence[Source], directory: Path, name: str = "grid", *, effort: str = "-O1") -> ctypes.CDLL:
    """All sources as one library: ``int run_K(void **arguments, unsigned blocks, unsigned threads)`` for every one.

    Args:
        sources: Kernels.
        directory: Where files go.
        name: Of the files.
        effort: The compiler's level.
    """
    parts = [_HEAD]
    for k, source in enumerate(sources):
        parts.append(f"#define {ENTRY} {ENTRY}_{k}\nnamespace kernel_{k} {{\n{source.text}\n}}\n#undef {ENTRY}")
        body = f"[](void **p) {{ call(kernel_{k}::{ENTRY}_{k}, p); }}"
        parts.append(f'extern "C" int run_{k}(void **p, unsigned b, unsigned t) {{ return run({body}, p, b, t); }}')
    (directory / f"{name}.cpp").write_text("\n".join(parts))
    # Products and sums are contracted, as on the device.
    options = ["-std=c++17", effort, "-ffp-contract=fast", "-march=native", "-Wall", "-fPIC", "-shared"]
    command = [COMPILER or "g++", *options, f"{name}.cpp", "-o", f"{name}.so"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return ctypes.CDLL(str(directory / f"{name}.so"))


def run(
    library: ctypes.CDLL, k: int, source: Source, layout: Layout, arrays: Sequence[np.ndarray], samples: int
) -> list[np.ndarray]:
    """Results of a compiled kernel, in arrays ``[samples, m]`` with a guard behind them that must not be touched."""
    results = [np.full((samples + 1, len(r.entries)), 77, r.dtype) for r in layout.results]
    addresses = [ctypes.c_void_p(a.ctypes.data) for a in (*arrays, *results)]
    values = [*addresses, ctypes.c_longlong(samples)]
    pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
    code = getattr(library, f"run_{k}")(pointers, source.blocks(samples), source.threads)
    assert code == 0, "threads of a block part at a barrier"
    assert all((r[samples] == np.full((), 77, r.dtype)).all() for r in results), "written beyond the batch"
    return [r[:samples] for r in results]
