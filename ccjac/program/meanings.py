"""What operations of scalar programs mean, as functions of numpy arrays: those that numpy does not have itself.

They favour clarity over speed.  Special values follow ``jax.lax``: ``max`` and ``min`` propagate NaN and order -0
before +0, ``rem`` takes the dividend's sign, ``sign`` keeps signed zeros, integer division truncates, conversions to
integers saturate and send NaN to 0.  A meaning is a function of the operands, the result's type and the operation's
parameter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedError

Array = Any
Meaning = Callable[[Sequence[Array], np.dtype, Hashable], Array]


def plain(function: Callable[..., Array]) -> Meaning:
    return lambda args, dtype, param: function(*args)


def in_double(function: Callable[[float], float]) -> Meaning:
    """A function that numpy lacks, entry by entry in double precision."""
    wide = np.vectorize(function, otypes=[np.float64])
    return lambda args, dtype, param: wide(np.asarray(args[0], np.float64))


# -- arithmetic -------------------------------------------------------------------------------------------------------


def div(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    x, y = args
    if dtype.kind not in "iu":
        return np.divide(x, y)
    # XLA: x / 0 is -1 (all bits set); the quotient is truncated, also where both signs differ.
    safe = np.where(y == 0, 1, y)
    floor = np.floor_divide(x, safe)
    truncated = floor + ((np.remainder(x, safe) != 0) & ((x < 0) != (safe < 0)))
    return np.where(y == 0, np.array(-1).astype(dtype), truncated)


def rem(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    x, y = args
    if dtype.kind not in "iu":
        return np.fmod(x, y)
    return np.where(y == 0, x, np.fmod(x, np.where(y == 0, 1, y)))


def _extremum(larger: bool) -> Meaning:
    function = np.maximum if larger else np.minimum

    def meaning(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
        x, y = args
        if dtype.kind != "f":
            return function(x, y)
        # Both zero: +0 is the larger one.
        first = np.signbit(y) if larger else np.signbit(x)
        return np.where((x == 0) & (y == 0), np.where(first, x, y), function(x, y))

    return meaning


MAX, MIN = _extremum(True), _extremum(False)


def clamp(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    low, x, high = args
    return MIN((high, MAX((low, x), dtype, None)), dtype, None)


def integer_pow(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    exponent = param[0] if isinstance(param, tuple) else param
    assert isinstance(exponent, int)
    power, square, left = np.ones_like(args[0]), args[0], abs(exponent)
    while left:
        if left & 1:
            power = power * square
        left >>= 1
        square = square * square if left else square
    return 1 / power if exponent < 0 else power


def pow_(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    base, exponent = args
    return np.power(base, exponent.astype(dtype) if dtype.kind == "f" else exponent)


def sign(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    (x,) = args
    # np.sign forgets the sign of zero.
    return np.where(x == 0, x, np.sign(x)) if dtype.kind == "f" else np.sign(x)


def rsqrt(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    return 1 / np.sqrt(args[0])


def round_(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    (x,) = args
    to_even = np.rint(x)
    if param == 1:
        return to_even
    # Half away from zero: rint differs at exact halves only.
    return np.where(np.abs(x - np.trunc(x)) == 0.5, np.trunc(x) + np.copysign(1, x), to_even)


def reduce_precision(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    bits = dict(param)  # type: ignore[call-overload]
    narrow = {(5, 10): np.float16, (8, 23): np.float32, (11, 52): np.float64}.get(
        (bits["exponent_bits"], bits["mantissa_bits"])
    )
    if narrow is None:
        raise UnsupportedError(f"`evaluate` reduces precision to the IEEE formats only, got {bits}")
    return args[0].astype(narrow) if np.dtype(narrow).itemsize < dtype.itemsize else args[0]


# -- functions that numpy lacks ---------------------------------------------------------------------------------------


def logistic(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    return 1 / (1 + np.exp(-args[0]))


def lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def digamma(x: float) -> float:
    """Recurrence up to x >= 8, then the asymptotic series; reflection for negative x (DLMF 5.5.2, 5.5.4, 5.11.2)."""
    if math.isinf(x):
        return x if x > 0 else math.nan
    if math.isnan(x) or (x <= 0 and x == math.floor(x)):
        return math.nan
    if x < 0:
        return digamma(1 - x) - math.pi / math.tan(math.pi * math.fmod(x, 1.0))
    shift = 0.0
    while x < 8:
        shift -= 1 / x
        x += 1
    t = 1 / (x * x)
    series = t * (1 / 12 - t * (1 / 120 - t * (1 / 252 - t * (1 / 240 - t * (1 / 132 - t * (691 / 32760 - t / 12))))))
    return shift + math.log(x) - 0.5 / x - series


def erf_inv(y: float) -> float:
    """Newton's method on erf, and on erfc in the tails, where erf has no digits left."""
    if not -1 <= y <= 1:
        return math.nan
    if abs(y) == 1:
        return math.copysign(math.inf, y)
    if y == 0:
        return y
    # The starting point is Winitzki's approximation, good to two digits.
    log = math.log1p(-y * y)
    half = 2 / (math.pi * 0.147) + log / 2
    x = math.sqrt(math.sqrt(half * half - log / 0.147) - half)
    for _ in range(6):
        error = math.erf(x) - abs(y) if abs(y) < 0.5 else (1 - abs(y)) - math.erfc(x)
        step = error * math.sqrt(math.pi) / 2 * math.exp(x * x)
        x -= step / (1 + x * step)
    return math.copysign(x, y)


def _polygamma(order: float, x: float) -> float:
    """The sum of inverse powers up to x >= 20, then its asymptotic series (DLMF 5.15.1, 5.15.8)."""
    if order == 0:
        return digamma(x)
    if math.isnan(x) or order < 0 or order != math.floor(order):
        return math.nan
    n = int(order)
    sign = (-1.0) ** (n + 1)
    if x == math.inf:
        return sign * 0.0
    if x <= 0 and (math.isinf(x) or x == math.floor(x)):
        return math.inf if n % 2 else math.nan
    total = 0.0
    try:
        while x < 20 + n:
            total += x ** -(n + 1)
            x += 1
    except (OverflowError, ZeroDivisionError):
        return sign * math.copysign(math.inf, x)
    bernoulli = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
    series = 1 / n + 0.5 / x
    for k, b in enumerate(bernoulli, 1):
        series += b * math.factorial(n + 2 * k - 1) / math.factorial(n) / math.factorial(2 * k) * x ** (-2 * k)
    return sign * math.factorial(n) * (total + series * x**-n)


def polygamma(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    return np.vectorize(_polygamma, otypes=[np.float64])(*(np.asarray(a, np.float64) for a in args))


def bessel(order: int) -> Callable[[float], float]:
    """``exp(-abs(x)) I_order(x)``: the trapezoidal rule for its integral (DLMF 10.32.3), which converges faster than
    any power of the number of points; the first terms of its series at both ends (10.25.2, 10.40.1).
    """

    def meaning(x: float) -> float:
        size = abs(x)
        if math.isnan(x):
            return x
        if size < 1e-4:
            value = (1 + size * size / (4 + 4 * order)) * (size / 2) ** order * math.exp(-size)
        elif size > 1e5:
            value = (1 - (4 * order * order - 1) / (8 * size)) / math.sqrt(2 * math.pi * size)
        else:
            # The integrand is a bell of width 1 / sqrt(x) beside zero.
            points = 64 + int(16 * math.sqrt(size))
            half = np.pi * np.arange(points) / points
            value = float(np.mean(np.exp(-2 * size * np.sin(half) ** 2) * np.cos(2 * half) ** order))
        return math.copysign(value, x) if order else value

    return meaning


# -- logic, selection, conversion -------------------------------------------------------------------------------------


def select_n(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    which, *cases = args
    # np.choose allows few choices only; XLA clamps the index.
    index = np.clip(which.astype(np.int64), 0, len(cases) - 1)
    result = cases[0]
    for k, case in enumerate(cases[1:], 1):
        result = np.where(index == k, case, result)
    return np.broadcast_to(result, np.broadcast_shapes(np.shape(result), np.shape(which)))


def convert(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    (x,) = args
    if dtype.kind not in "iu" or x.dtype.kind != "f":
        return x.astype(dtype)
    limits = np.iinfo(dtype)
    # float(max) may round up beyond the range, so the ends are chosen rather than clipped to.
    inside = np.where((x > limits.min) & (x < limits.max), x, 0).astype(dtype)
    return np.where(x >= limits.max, limits.max, np.where(x <= limits.min, limits.min, inside)).astype(dtype)


def shift(kind: str) -> Meaning:
    def meaning(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
        x, count = args
        width = dtype.itemsize * 8
        unsigned = np.dtype(f"uint{width}")
        count = count.astype(unsigned)
        inside = count < width
        bounded = np.where(inside, count, 0)
        if kind == "arithmetic":
            # A shift by the width or more leaves the sign; the first bit counts as one in unsigned numbers too.
            signed = np.dtype(f"int{width}")
            return np.right_shift(x.astype(signed), np.where(inside, count, width - 1).astype(signed)).astype(dtype)
        shifted = (np.left_shift if kind == "left" else np.right_shift)(x.astype(unsigned), bounded)
        return np.where(inside, shifted, 0).astype(unsigned).astype(dtype)

    return meaning


def population_count(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    # np.bitwise_count counts the bits of the magnitude.
    return np.bitwise_count(args[0].view(f"uint{dtype.itemsize * 8}"))


def clz(args: Sequence[Array], dtype: np.dtype, param: Hashable) -> Array:
    width = dtype.itemsize * 8
    return np.vectorize(lambda v: width - int(v & ((1 << width) - 1)).bit_length(), otypes=[np.int64])(
        np.asarray(args[0], object)
    )
