"""Kernels for graphics processors: C++ source of one function, a thread per sample."""
