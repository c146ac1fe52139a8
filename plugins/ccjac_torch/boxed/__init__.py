"""Kernels as operators of torch's dispatcher, in machine code behind libtorch's stable C interface."""
