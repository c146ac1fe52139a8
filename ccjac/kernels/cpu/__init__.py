"""Kernels for processors: LLVM IR, compiled in the process."""
