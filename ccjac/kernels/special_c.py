"""The functions of :mod:`.special` as C: the same series and coefficients, one sample at a time, with branches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from .special import BERNOULLI, BESSEL, DIGAMMA, DIGAMMA_ROOT, ERF_INV, HIGHEST_ORDER, LOWEST, STIRLING_FROM

SPECIAL_C = ("digamma", "erf_inv", "bessel_i0e", "bessel_i1e", *(f"polygamma_{k}" for k in range(1, HIGHEST_ORDER + 1)))
"""Functions that C's library lacks, polygamma once for every order."""


def name_of(function: str, dtype: str) -> str:
    """The C function's name."""
    return f"ccjac_{function}_{dtype}"


def definition(function: str, dtype: str, qualifier: str) -> str:
    """The C function ``T name(T x)``.

    Args:
        function: One of :data:`SPECIAL_C`.
        dtype: ``"float32"`` or ``"float64"``.
        qualifier: What stands before it, such as ``"static"``.
    """
    kind, suffix = ("float", "f") if dtype == "float32" else ("double", "")
    stem, _, order = function.partition("_") if function.startswith("polygamma") else (function, "", "0")
    body = _BODIES[stem](dtype, suffix, int(order))
    text = "\n".join(f"  {line}" for line in body).replace("T ", f"{kind} ")
    return f"{qualifier} {kind} {name_of(function, dtype)}({kind} x) {{\n{text}\n}}\n"


def _number(value: float, suffix: str) -> str:
    text = f"{value!r}{suffix}"
    return f"({text})" if value < 0 else text


def _horner(x: str, coefficients: Sequence[float], suffix: str) -> str:
    text = _number(coefficients[-1], suffix)
    for coefficient in reversed(coefficients[:-1]):
        text = f"({text} * {x} + {_number(coefficient, suffix)})"
    return text


def _nan(suffix: str) -> str:
    return "CCJAC_NAN_FLOAT" if suffix else "CCJAC_NAN_DOUBLE"


def _infinity(suffix: str) -> str:
    return "CCJAC_INF_FLOAT" if suffix else "CCJAC_INF_DOUBLE"


def _digamma(dtype: str, s: str, _: int) -> list[str]:
    terms = 9 if dtype == "float64" else 3
    series = [float(-b / (2 * k)) for k, b in enumerate(BERNOULLI[:terms], 1)]
    high, low = DIGAMMA_ROOT[dtype]
    pi = _number(math.pi, s)
    return [
        f"if (x != x || (x <= 0 && x == floor{s}(x))) return {_nan(s)};",
        f"const T z = x < 0 ? 1.0{s} - x : x;",
        f"T value = 0.0{s};",
        f"if (z >= {STIRLING_FROM}.0{s}) {{",
        f"  const T q = 1.0{s} / (z * z);",
        f"  value = log{s}(z) + {_horner('q', series, s)} * q - 0.5{s} / z;",
        "} else {",
        "  T r = z, above = 0, below = 1;",
        f"  if (z < 1.0{s}) {{ r = z + 1.0{s}; above = -1; below = z; }}",
        f"  while (r > 2.0{s}) {{ r -= 1.0{s}; above = above * r + below; below *= r; }}",
        f"  const T t = r - 1.5{s};",
        f"  value = (r - {_number(high, s)} - {_number(low, s)}) * {_horner('t', DIGAMMA[dtype], s)} + above / below;",
        "}",
        "if (x < 0) {",
        f"  const T angle = {pi} * (x - rint{s}(x));",
        f"  value -= {pi} * cos{s}(angle) / sin{s}(angle);",
        "}",
        "return value;",
    ]


def _polygamma(dtype: str, s: str, order: int) -> list[str]:
    terms = 10 if dtype == "float64" else 5
    series, scale = [1.0 / order], float((-1) ** (order + 1) * math.factorial(order))
    for k, b in enumerate(BERNOULLI[:terms], 1):
        factor = Fraction(math.factorial(order + 2 * k - 1), math.factorial(order) * math.factorial(2 * k))
        series.append(float(b * factor))
    pole = _nan(s) if order % 2 == 0 else _infinity(s)
    term, rest = " * ".join(["w"] * (order + 1)), " * ".join(["w"] * order)
    return [
        f"if (x <= 0 && x == floor{s}(x)) return {pole};",
        f"if (x != x || x < {_number(LOWEST, s)}) return {_nan(s)};",
        "T sum = 0, y = x;",
        f"for (; y < {10.0 + order}{s}; y += 1.0{s}) {{",
        f"  const T w = 1.0{s} / y;",
        f"  sum += {term};",
        "}",
        f"const T w = 1.0{s} / y, q = w * w;",
        f"return {_number(scale, s)} * (sum + (0.5{s} * w + {_horner('q', series, s)}) * {rest});",
    ]


def _erf_inv(dtype: str, s: str, _: int) -> list[str]:
    lines = [
        f"const T size = fabs{s}(x);",
        f"if (size == 1.0{s}) return copysign{s}({_infinity(s)}, x);",
        f"const T w = -log{s}((1.0{s} - size) * (1.0{s} + size));",
        f"const T root = sqrt{s}(w);",
    ]
    for k, (limit, centre, coefficients) in enumerate(ERF_INV[dtype]):
        condition = f"if (w < {_number(limit, s)}) " if math.isfinite(limit) else ""
        lines += [
            f"{condition}{{",
            f"  const T t = {'w' if k == 0 else 'root'} - {_number(centre, s)};",
            f"  return {_horner('t', coefficients, s)} * x;",
            "}",
        ]
    return lines


def _bessel(which: int) -> Callable[[str, str, int], list[str]]:
    def body(dtype: str, s: str, _: int) -> list[str]:
        terms = 22 if dtype == "float64" else 15
        series = [1.0 / (math.factorial(k) * math.factorial(k + which)) for k in range(terms)]
        odd = f" * (0.5{s} * size)" if which else ""
        signed = f"copysign{s}(value, x)" if which else "value"
        return [
            "if (x != x) return x;",
            f"const T size = fabs{s}(x);",
            f"T value = 0.0{s};",
            f"if (size < 8.0{s}) {{",
            f"  const T t = 0.25{s} * size * size;",
            f"  value = {_horner('t', series, s)} * exp{s}(-size){odd};",
            "} else {",
            f"  const T t = 1.0{s} / size - {1.0 / 16.0}{s};",
            f"  value = {_horner('t', BESSEL[which, dtype], s)} / sqrt{s}(size);",
            "}",
            f"return {signed};",
        ]

    return body


_BODIES: dict[str, Callable[[str, str, int], list[str]]] = {
    "digamma": _digamma,
    "polygamma": _polygamma,
    "erf_inv": _erf_inv,
    "bessel_i0e": _bessel(0),
    "bessel_i1e": _bessel(1),
}
