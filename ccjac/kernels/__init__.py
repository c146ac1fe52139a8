"""Fused SIMD kernels: a scalar program as one loop over the batch, compiled in the process by LLVM.

:func:`supports` says why a program cannot become a kernel (then it runs as plain operations of its framework),
:func:`compile_kernel` makes one.  llvmlite is imported by the first call, not by this package.
"""

from .cpu.run import Kernel, compile_kernel
from .layout import Layout, Operand, Result
from .supports import supports

__all__ = ["Kernel", "Layout", "Operand", "Result", "compile_kernel", "supports"]
