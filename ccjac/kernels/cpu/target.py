"""The machine that kernels are compiled for: instruction set, vector width, and the vector math library.

Two environment variables narrow the choice; the test-suite runs with them, and they help to tell a wrong result's
cause: ``CCJAC_KERNEL_VECTOR_MATH=0`` leaves the vector math library out, ``CCJAC_KERNEL_CPU=x86-64`` compiles for that
processor's baseline instead of the host.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import threading
from dataclasses import dataclass, replace

_lock = threading.Lock()


@dataclass(frozen=True)
class Target:
    """Where the code will run.

    Attributes:
        triple: LLVM's name of the platform.
        cpu: LLVM's name of the processor.
        features: LLVM's feature string, ``"+avx2,-sse4a,..."``.
        vector_bytes: Width of a vector register.
        vector_math: The letter of the vector function ABI (``"b"`` SSE, ``"c"`` AVX, ``"d"`` AVX2, ``"e"`` AVX-512,
            ``"n"`` Advanced SIMD of 64-bit Arm) whose functions glibc's libmvec offers here, or an empty string.
        fused: Whether there is an instruction for a fused multiply-add.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    vector_math: str
    fused: bool

    @property
    def x86(self) -> bool:
        """Whether this is a 64-bit x86."""
        return self.triple.startswith("x86_64")

    def narrowed(self, vector_bytes: int) -> Target:
        """The same machine with vectors of at most ``vector_bytes``."""
        if vector_bytes >= self.vector_bytes:
            return self
        letter = "b" if vector_bytes == 16 else "d"
        return replace(self, vector_bytes=vector_bytes, vector_math=letter if self.vector_math else "")

    @classmethod
    def host(cls) -> Target:
        """The machine that this process runs on, narrowed by the environment."""
        return _host(os.environ.get("CCJAC_KERNEL_CPU", ""), os.environ.get("CCJAC_KERNEL_VECTOR_MATH", "1") != "0")


_AVX2 = frozenset({"avx", "avx2", "fma"})
_IMPLIED: dict[str, frozenset[str]] = {
    "x86-64-v3": _AVX2,
    "x86-64-v4": _AVX2 | {"avx512f", "avx512dq", "avx512vl", "avx512bw"},
}
"""Features of the processor levels that may be named in the environment; other names get the narrowest vectors."""


@functools.cache
def _host(cpu: str, vector_math: bool) -> Target:
    from llvmlite import binding as llvm

    initialize()
    triple = llvm.get_process_triple()
    if cpu:
        chosen, text, enabled = cpu, "", _IMPLIED.get(cpu, frozenset())
    else:
        chosen = llvm.get_host_cpu_name()
        table = llvm.get_host_cpu_features()
        text = table.flatten()
        enabled = frozenset(name for name, on in table.items() if on)
    x86 = triple.startswith("x86_64")
    if {"avx512f", "avx512dq", "avx512vl", "avx512bw"} <= enabled:
        width, letter = 64, "e"
    elif {"avx2", "fma"} <= enabled:
        width, letter = 32, "d"
    elif "avx" in enabled:
        width, letter = 32, "c"
    else:
        width, letter = 16, "b" if x86 else "n"
    usable = vector_math and vector_library() is not None
    return Target(triple, chosen, text, width, letter if usable else "", fused=not x86 or "fma" in enabled)


def initialize() -> None:
    """Make LLVM ready to generate native code; cheap when repeated."""
    from llvmlite import binding as llvm

    with _lock:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()


@functools.cache
def vector_library() -> ctypes.CDLL | None:
    """glibc's libmvec, or ``None`` where there is none (other C libraries, other systems, other processors)."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64", "aarch64"):
        return None
    try:
        return ctypes.CDLL("libmvec.so.1")
    except OSError:
        return None


@functools.cache
def math_library() -> ctypes.CDLL:
    """The C mathematics library of this process."""
    if platform.system() == "Linux":
        for name in ("libm.so.6", "libm.so"):
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    return ctypes.CDLL(None)


def address_of(library: ctypes.CDLL | None, name: str) -> int | None:
    """The address of a C function, or ``None`` if the library lacks it."""
    if library is None:
        return None
    try:
        function = getattr(library, name)
    except AttributeError:
        return None
    return ctypes.cast(function, ctypes.c_void_p).value
