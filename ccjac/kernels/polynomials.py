"""Sines, exponentials and logarithms as polynomials, written between a program's other vector instructions.

A call of a vector library makes the compiler save all vector registers, and cannot share the reduction of an angle
between its sine and its cosine; and not every system has such a library.  There is one path without branches for all
arguments, but for angles beyond :data:`ANGLE_LIMIT`, which are left to a library.

Errors stay below 2 units in the last place.  The coefficients are Chebyshev interpolations of the functions named
beside them, made with 60 digits and rounded; a processor must have fused multiply-add, without which the reductions
would lose digits.  The reductions of angles and exponents in parts of constants are those of Cody and Waite (Software
Manual for the Elementary Functions, 1980); the logarithm's last sum is that of Tang (ACM TOMS 16, 1990).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .context import Context
from .writer import BYTES, Writer

ANGLE_LIMIT = {"float32": 65536.0, "float64": 1048576.0}
"""Smaller angles are reduced with a relative error below the type's precision."""

SMALL_TANH = 0.5625
"""Below, ``tanh`` is a polynomial; above, it is made from an exponential."""

ERFC_SHIFT = 2.5


@dataclass(frozen=True)
class Numbers:
    """Constants of a floating-point type.

    Attributes:
        mantissa: Stored bits of the mantissa.
        bias: Of the exponent.
        integer: The integer type of the same size.
        round: Adding it leaves the nearest integer in the lowest bits.
        half_pi: -pi/2 in three parts, each truncated to the type's precision.
        ln2: ln 2 in two parts.
        exp_range: Beyond, ``exp`` is zero or infinite.
        tanh_range: Beyond, ``tanh`` is one.
        normal: The least normal number.
        lift: A power of two that makes every subnormal number normal, and its logarithm.
        sin: ``(sin(r)/r - 1)/z`` of ``z = r**2``, ``|r| <= pi/4``.
        cos: ``(cos(r) - 1 + z/2)/z**2`` of ``z = r**2``, ``|r| <= pi/4``.
        exp: ``(exp(r) - 1 - r)/r**2`` of ``r``, ``|r| <= ln(2)/2``.
        log: ``(2 atanh(s)/s - 2)/w`` of ``w = s**2``, ``|s| <= (sqrt(2)-1)/(sqrt(2)+1)``.
        tanh: ``(tanh(x)/x - 1)/z`` of ``z = x**2``, ``|x| <= SMALL_TANH``.
        erf: ``erf(x)/x - 1`` of ``z = x**2``, ``|x| <= 1``.
        erfc: ``erfc(x) exp(x**2)`` of ``1/(x + ERFC_SHIFT)``, ``1 <= x <= erf_range``.
        erf_range: Beyond, ``erf`` is one.
    """

    mantissa: int
    bias: int
    integer: str
    round: float
    half_pi: tuple[float, float, float]
    ln2: tuple[float, float]
    exp_range: tuple[float, float]
    tanh_range: float
    normal: float
    lift: tuple[float, int]
    sin: tuple[float, ...]
    cos: tuple[float, ...]
    exp: tuple[float, ...]
    log: tuple[float, ...]
    tanh: tuple[float, ...]
    erf: tuple[float, ...]
    erfc: tuple[float, ...]
    erf_range: float


# fmt: off
NUMBERS = {
    "float32": Numbers(
        23, 127, "int32", 1.5 * 2.0**23,
        (-1.570796251296997, -7.549789415861596e-08, -5.390302529957765e-15),
        (0.6931471228599548, 5.7699990475432854e-08),
        (-105.0, 89.0), 10.0, 2.0**-126, (2.0**25, 25),
        (-0.1666666716337204, 0.008333331905305386, -0.00019840039021801203, 2.724378191487631e-06),
        (0.0416666641831398, -0.0013888279208913445, 2.4542870960431173e-05),
        (0.5, 0.1666666716337204, 0.04166645556688309, 0.00833331048488617, 0.0013934541493654251,
         0.00019891980628017336),
        (0.6666668653488159, 0.3998875916004181, 0.29580986499786377),
        (-0.3333333134651184, 0.13333073258399963, -0.053901754319667816, 0.021263353526592255,
         -0.0065255723893642426),
        (0.12837916612625122, -0.3761262595653534, 0.11283594369888306, -0.02685421146452427, 0.005189087241888046,
         -0.000801686430349946, 7.875874871388078e-05),
        (-0.0013861951883882284, 0.6108610033988953, 0.7451685667037964, 8.41914176940918, -16.69069480895996,
         70.87953186035156, -48.68515396118164),
        4.0,
    ),
    "float64": Numbers(
        52, 1023, "int64", 1.5 * 2.0**52,
        (-1.5707963267948966, -6.123233995736765e-17, -1.0828566739219139e-32),
        (0.6931471805599453, 2.3190468138462996e-17),
        (-746.0, 710.0), 20.0, 2.0**-1022, (2.0**54, 54),
        (-0.16666666666666666, 0.008333333333333331, -0.00019841269841264567, 2.7557319218954762e-06,
         -2.505210610025599e-08, 1.6058510875319195e-10, -7.585486485235938e-13),
        (0.041666666666666664, -0.0013888888888887241, 2.480158729853226e-05, -2.7557317151858866e-07,
         2.0876121534608454e-09, -1.1380868171449914e-11),
        (0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333325544, 0.0013888888888883327,
         0.00019841269876864356, 2.4801587327007187e-05, 2.755725283351691e-06, 2.75572718102198e-07,
         2.5106274733573296e-08, 2.0915442297780116e-09),
        (0.666666666666667, 0.3999999999989889, 0.28571428626253836, 0.22222211089379496, 0.1818289243253687,
         0.15331611722055008, 0.14617807153417325),
        (-0.3333333333333333, 0.13333333333332392, -0.0539682539670594, 0.021869488476962563, -0.008863234021529514,
         0.003592105532132769, -0.0014556239774192678, 0.0005887537111834804, -0.00023410556936672797,
         8.426522203958066e-05, -2.0026740085317684e-05),
        (0.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792, 0.0052239776248180145,
         -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05, 1.6461000484121368e-06,
         -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09, 5.957176147748911e-11),
        (-2.3638787468688184e-07, 0.5642096335612224, 1.4096848728463436, 3.263196878335441, 6.381644950503916,
         15.736072860610408, -18.69518975052285, 253.22197235344714, -1300.7473829188534, 5025.002283168374,
         -15258.262499281633, 31419.316288817372, -40527.83708414228, 29858.064154709886, -9690.148273482324),
        6.0,
    ),
}
# fmt: on


class Lanes:
    """Arithmetic on vectors of one floating-point type."""

    def __init__(self, ctx: Context, dtype: str) -> None:
        self.ctx, self.w, self.dtype, self.n = ctx, ctx.writer, dtype, NUMBERS[dtype]
        self.type, self.integer = self.w.vector(dtype), self.w.vector(self.n.integer)

    def number(self, value: float) -> str:
        return self.w.constant(value, self.dtype)

    def whole(self, value: int) -> str:
        return self.w.constant(value, self.n.integer)

    def bits_of(self, value: float) -> int:
        """The number's representation as an integer."""
        fraction, exponent = math.frexp(value)
        return (exponent - 1 + self.n.bias << self.n.mantissa) + int((2 * fraction - 1) * 2**self.n.mantissa)

    # No flags: these instructions are in the order that their errors were bounded for.

    def add(self, a: str, b: str) -> str:
        return self.w.let(f"fadd {self.type} {a}, {b}")

    def sub(self, a: str, b: str) -> str:
        return self.w.let(f"fsub {self.type} {a}, {b}")

    def mul(self, a: str, b: str) -> str:
        return self.w.let(f"fmul {self.type} {a}, {b}")

    def div(self, a: str, b: str) -> str:
        return self.w.let(f"fdiv {self.type} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        return self.w.intrinsic("fma", self.dtype, (a, b, c))

    def magnitude(self, a: str) -> str:
        return self.w.intrinsic("fabs", self.dtype, (a,))

    def with_sign_of(self, a: str, b: str) -> str:
        return self.w.intrinsic("copysign", self.dtype, (a, b))

    def compare(self, how: str, a: str, b: str) -> str:
        return self.w.let(f"fcmp {how} {self.type} {a}, {b}")

    def select(self, condition: str, yes: str, no: str) -> str:
        return self.w.select(self.dtype, condition, yes, no)

    def integers(self, instruction: str, a: str, b: str) -> str:
        return self.w.let(f"{instruction} {self.integer} {a}, {b}")

    def bits(self, a: str) -> str:
        return self.w.let(f"bitcast {self.type} {a} to {self.integer}")

    def from_bits(self, a: str) -> str:
        return self.w.let(f"bitcast {self.integer} {a} to {self.type}")

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """Even and odd powers apart if there are many: two chains of half the length."""
        if len(coefficients) < 6:
            return self._chain(x, coefficients)
        square = self.mul(x, x)
        return self.fma(self._chain(square, coefficients[1::2]), x, self._chain(square, coefficients[::2]))

    def _chain(self, x: str, coefficients: Sequence[float]) -> str:
        value = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            value = self.fma(value, x, self.number(coefficient))
        return value

    def nearest(self, x: str, factor: float) -> tuple[str, str]:
        """The integer nearest to ``x * factor``: in the lowest bits of an integer vector, and as a number."""
        shifted = self.fma(x, self.number(factor), self.number(self.n.round))
        return self.bits(shifted), self.sub(shifted, self.number(self.n.round))


def _sine_and_cosine(v: Lanes, x: str) -> tuple[str, str]:
    n, w = v.n, v.w
    quadrant, turns = v.nearest(x, 2.0 / math.pi)
    # The parts are negative so that the sum keeps the sign of a zero.
    r = x
    for part in n.half_pi:
        r = v.fma(turns, v.number(part), r)
    z = v.mul(r, r)
    sine = v.mul(r, v.fma(v.polynomial(z, n.sin), z, v.number(1.0)))
    cosine = v.fma(v.fma(v.polynomial(z, n.cos), z, v.number(-0.5)), z, v.number(1.0))
    odd = w.let(f"icmp ne {v.integer} {v.integers('and', quadrant, v.whole(1))}, {v.whole(0)}")
    sine, cosine = v.select(odd, cosine, sine), v.select(odd, sine, cosine)
    after = v.integers("add", quadrant, v.whole(1))
    near = (_negated_where(v, quadrant, sine), _negated_where(v, after, cosine))
    far = v.compare("oge", v.magnitude(x), v.number(ANGLE_LIMIT[v.dtype]))
    any_far = w.call(f"llvm.vector.reduce.or.v{w.lanes}i1", "i1", [(w.vector("bool"), far)])
    before, rare, common = w.here, w.new_label("far"), w.new_label("near")
    w.do(f"br i1 {any_far}, label %{rare}, label %{common}, !prof !0")
    w.label(rare)
    by_library = _pair(v.ctx, "library.angle", v.dtype, x, _by_library, rare=True)
    w.do(f"br label %{common}")
    w.label(common)
    sine, cosine = (
        w.let(f"phi {v.type} [ {a}, %{before} ], [ {b}, %{rare} ]") for a, b in zip(near, by_library, strict=True)
    )
    return sine, cosine


def _by_library(v: Lanes, x: str) -> tuple[str, str]:
    sine, cosine = (v.w.call(v.ctx.functions.symbol(op, v.dtype), v.type, [(v.type, x)]) for op in ("sin", "cos"))
    return sine, cosine


def _negated_where(v: Lanes, quadrant: str, value: str) -> str:
    """``-value`` in lanes whose quadrant has its second bit set."""
    sign = v.integers("shl", v.integers("and", quadrant, v.whole(2)), v.whole(8 * BYTES[v.dtype] - 2))
    return v.from_bits(v.integers("xor", v.bits(value), sign))


def _exponential(v: Lanes, x: str, *, anywhere: bool) -> str:
    """``exp(x)``; unless ``anywhere``, for arguments whose result is normal."""
    n = v.n
    power, k = v.nearest(x, 1.0 / math.log(2.0))
    r = v.fma(k, v.number(-n.ln2[0]), x)
    r = v.fma(k, v.number(-n.ln2[1]), r)
    value = v.add(v.fma(v.mul(r, r), v.polynomial(r, n.exp), r), v.number(1.0))
    mantissa, one = v.whole(n.mantissa), v.whole(n.bias << n.mantissa)

    def scaled(value: str, exponent: str) -> str:
        return v.mul(value, v.from_bits(v.integers("add", v.integers("shl", exponent, mantissa), one)))

    if not anywhere:
        return scaled(value, power)
    # In two steps, because the power itself may be too small or too large for a normal number.
    exponent = v.integers("sub", power, v.whole(v.bits_of(n.round)))
    # An arithmetic shift by one, which some processors lack for 64 bits: through numbers that are never negative.
    lifted = v.integers("add", exponent, v.whole(2 * n.bias))
    half = v.integers("sub", v.integers("lshr", lifted, v.whole(1)), v.whole(n.bias))
    return scaled(scaled(value, half), v.integers("sub", exponent, half))


def _exp(v: Lanes, x: str) -> str:
    low, high = v.n.exp_range
    x = _at_most(v, x, high)
    x = v.select(v.compare("olt", x, v.number(low)), v.number(low), x)
    return _exponential(v, x, anywhere=True)


def _at_most(v: Lanes, x: str, limit: float) -> str:
    """The smaller one, or NaN."""
    return v.select(v.compare("ogt", x, v.number(limit)), v.number(limit), x)


def _tanh(v: Lanes, x: str) -> str:
    square = v.mul(x, x)
    near = v.mul(x, v.fma(v.polynomial(square, v.n.tanh), square, v.number(1.0)))
    size = _at_most(v, v.magnitude(x), v.n.tanh_range)
    power = _exponential(v, v.add(size, size), anywhere=False)
    far = v.sub(v.number(1.0), v.div(v.number(2.0), v.add(power, v.number(1.0))))
    return v.select(v.compare("olt", size, v.number(SMALL_TANH)), near, v.with_sign_of(far, x))


def _erf(v: Lanes, x: str) -> str:
    square = v.mul(x, x)
    near = v.fma(v.polynomial(square, v.n.erf), x, x)
    size = _at_most(v, v.magnitude(x), v.n.erf_range)
    t = v.div(v.number(1.0), v.add(size, v.number(ERFC_SHIFT)))
    bell = _exponential(v, v.mul(v.mul(size, size), v.number(-1.0)), anywhere=False)
    far = v.sub(v.number(1.0), v.mul(bell, v.polynomial(t, v.n.erfc)))
    return v.select(v.compare("olt", size, v.number(1.0)), near, v.with_sign_of(far, x))


def _log(v: Lanes, x: str) -> str:
    n = v.n
    factor, raised = n.lift
    # Where the processor flushes subnormal numbers, they become zeros here, as in the framework's own logarithm.
    tiny = v.compare("olt", x, v.number(n.normal))
    normal = v.select(tiny, v.mul(x, v.number(factor)), x)
    # x = 2**k m, m between sqrt(1/2) and sqrt(2).  The bits of k plus the bias, taken as those of a number, give k.
    bias = n.bias << n.mantissa
    bits = v.bits(normal)
    from_root = v.integers("add", bits, v.whole(bias - v.bits_of(math.sqrt(0.5))))
    exponent = v.integers("lshr", from_root, v.whole(n.mantissa))
    m = v.from_bits(
        v.integers("sub", v.integers("add", bits, v.whole(bias)), v.integers("shl", exponent, v.whole(n.mantissa)))
    )
    shifted = v.from_bits(v.integers("or", exponent, v.whole(v.bits_of(n.round))))
    offset = n.round + n.bias
    k = v.sub(shifted, v.select(tiny, v.number(offset + raised), v.number(offset)))
    f = v.sub(m, v.number(1.0))
    s = v.div(f, v.add(f, v.number(2.0)))
    w = v.mul(s, s)
    half = v.mul(v.mul(v.number(0.5), f), f)
    inner = v.fma(s, v.fma(w, v.polynomial(w, n.log), half), v.mul(k, v.number(n.ln2[1])))
    value = v.fma(k, v.number(n.ln2[0]), v.sub(f, v.sub(half, inner)))
    zero, infinity = v.number(0.0), v.number(math.inf)
    below = v.select(v.compare("oeq", x, zero), v.number(-math.inf), v.number(math.nan))
    value = v.select(v.compare("ogt", x, zero), value, below)
    return v.select(v.compare("oeq", x, infinity), infinity, value)


_RULES: dict[str, Callable[[Lanes, str], str]] = {"erf": _erf, "exp": _exp, "log": _log, "tanh": _tanh}
ANGULAR = frozenset({"cos", "sin", "tan"})
ELEMENTARY = ANGULAR | frozenset(_RULES)
"""The operations that need no library."""


def emit_elementary(ctx: Context, op: str, dtype: str, x: str) -> str:
    """One of :data:`ELEMENTARY` of a vector."""
    if op in ANGULAR:
        key = (dtype, x)
        if key not in ctx.angles:
            # Written once per angle.
            ctx.angles[key] = _angle(ctx, dtype, x)
        sine, cosine = ctx.angles[key]
        return {"sin": sine, "cos": cosine}.get(op) or Lanes(ctx, dtype).div(sine, cosine)
    if not ctx.apart:
        return _RULES[op](Lanes(ctx, dtype), x)
    vector = ctx.writer.vector(dtype)
    return apart_function(ctx, f"polynomial.{op}", dtype, x, vector, lambda v, a: f"{vector} {_RULES[op](v, a)}")


def _angle(ctx: Context, dtype: str, x: str) -> tuple[str, str]:
    if ctx.apart:
        return _pair(ctx, "polynomial.angle", dtype, x, _sine_and_cosine)
    return _sine_and_cosine(Lanes(ctx, dtype), x)


def _pair(
    ctx: Context, name: str, dtype: str, x: str, rule: Callable[[Lanes, str], tuple[str, str]], *, rare: bool = False
) -> tuple[str, str]:
    """Two results by a function of the module's own."""
    vector = ctx.writer.vector(dtype)
    pair = f"{{ {vector}, {vector} }}"

    def packed(v: Lanes, a: str) -> str:
        first, second = rule(v, a)
        one = v.w.let(f"insertvalue {pair} poison, {vector} {first}, 0")
        return f"{pair} {v.w.let(f'insertvalue {pair} {one}, {vector} {second}, 1')}"

    both = apart_function(ctx, name, dtype, x, pair, packed, rare=rare)
    return ctx.writer.let(f"extractvalue {pair} {both}, 0"), ctx.writer.let(f"extractvalue {pair} {both}, 1")


def apart_function(
    ctx: Context,
    name: str,
    dtype: str,
    x: str,
    returned: str,
    rule: Callable[[Lanes, str], str],
    *,
    rare: bool = False,
) -> str:
    """Call a function of the module's own, written once.

    ``rule`` writes its body, and gives the result with its type ``returned``.  A ``rare`` function leaves alone all
    registers that it can.
    """
    vector, symbol = ctx.writer.vector(dtype), f"{name}.{dtype}"

    def text() -> str:
        inner = replace(ctx.on(Writer(ctx.writer.lanes)), apart=False)
        inner.writer.do(f"ret {rule(Lanes(inner, dtype), '%x')}")
        body = "\n".join(inner.writer.lines)
        return f"define internal {returned} @{symbol}({vector} %x) #{3 if rare else 2} {{\nentry:\n{body}\n}}"

    return ctx.writer.call(ctx.functions.define(symbol, text), returned, [(vector, x)])
