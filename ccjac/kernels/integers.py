"""Quotients, remainders and shifts of integers as LLVM vector instructions, defined for every operand as XLA's are."""

from __future__ import annotations

from .writer import BYTES, Writer


def quotient(w: Writer, dtype: str, args: tuple[str, str], *, rest: bool) -> str:
    """``x / y`` truncated, or its remainder; by 0 all bits set, or ``x``; the least number by -1 is itself."""
    x, y = args
    vector, signed = w.vector(dtype), not dtype.startswith("u")
    zero, one, ones = w.constant(0, dtype), w.constant(1, dtype), f"splat (i{8 * BYTES[dtype]} -1)"
    by_zero = w.let(f"icmp eq {vector} {y}, {zero}")
    divisor = w.select(dtype, by_zero, one, y)
    by_minus_one = ""
    if signed:
        # The one quotient that overflows is by -1, which is a change of sign.
        by_minus_one = w.let(f"icmp eq {vector} {y}, {ones}")
        divisor = w.select(dtype, by_minus_one, one, divisor)
    name = f"{'s' if signed else 'u'}{'rem' if rest else 'div'}"
    found = w.let(f"{name} {vector} {x}, {divisor}")
    if signed and not rest:
        found = w.select(dtype, by_minus_one, w.let(f"sub {vector} {zero}, {x}"), found)
    return w.select(dtype, by_zero, x if rest else ones, found)


def shifted(w: Writer, dtype: str, args: tuple[str, str], instruction: str) -> str:
    """``shl``, ``lshr`` or ``ashr``, as if bit after bit for counts of the width and more."""
    x, count = args
    vector, width = w.vector(dtype), 8 * BYTES[dtype]
    last = w.constant(width - 1, dtype)
    within = w.let(f"icmp ule {vector} {count}, {last}")
    found = w.let(f"{instruction} {vector} {x}, {w.select(dtype, within, count, last)}")
    return found if instruction == "ashr" else w.select(dtype, within, found, w.constant(0, dtype))
