"""Gamma functions, the inverse error function and Bessel functions, written in vector instructions.

Each is a function of the module's own, called where it is needed.  Coefficients that are not those of a series named
here are Chebyshev interpolations of the functions named beside them, made with 60 digits and rounded.

Sources: the recurrences and reflections of the gamma functions, Stirling's series and those of its derivatives, NIST
Handbook of Mathematical Functions (2010) 5.5, 5.11 and 5.15, the remainder of a Hurwitz zeta sum by Euler and
Maclaurin, 25.11.7; the power series of the modified Bessel functions, 10.25.2; the choice of variables for the inverse
error function, Giles, Approximating the erfinv function (GPU Computing Gems, 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from .context import Context
from .polynomials import Lanes, apart_function, emit_elementary

HIGHEST_ORDER = 8
"""Of derivatives of the digamma function; factorials and powers of higher ones leave the range of single precision."""

LOWEST = -10_000.0
"""Below, derivatives of the digamma function are NaN: the recurrence would take too many steps."""

# fmt: off
BERNOULLI = tuple(map(Fraction, (
    "1/6", "-1/30", "1/42", "-1/30", "5/66", "-691/2730", "7/6", "-3617/510", "43867/798", "-174611/330",
)))
"""B(2), B(4), ..."""

_LGAMMA = {
    # lgamma(r) / ((r - 1) (r - 2)) of r - 1.5, 1 <= r <= 2
    "float32": (
        0.48312896490097046, -0.14595989882946014, 0.06291140615940094, -0.03130800649523735, 0.01679679937660694,
        -0.00943628791719675, 0.005453080404549837, -0.0031169820576906204, 0.0018638849724084139,
        -0.001524485880509019, 0.00093493313761428,
    ),
    "float64": (
        0.4831289505409809, -0.14595989591430608, 0.06291140107456439, -0.031308487501010646, 0.01679709863127416,
        -0.009425622448525798, 0.005446457839126065, -0.0032120740737152814, 0.0019229163127905161,
        -0.0011644145847310124, 0.000711519067515296, -0.00043799307479613914, 0.00027131373861446925,
        -0.0001689178215524898, 0.00010535512483785591, -6.614136022346414e-05, 4.30276814976503e-05,
        -2.7201673025504752e-05, 1.3186019073996835e-05, -8.355075869795273e-06, 1.2140008083973407e-05,
        -7.760660152513446e-06,
    ),
}

DIGAMMA_ROOT = {
    "float32": (1.4616321325302124, 1.243815006546356e-08), "float64": (1.4616321449683622, 9.549995429965697e-17),
}
"""The positive zero of ``digamma`` in two parts."""
DIGAMMA = {
    # digamma(r) / (r - root) of r - 1.5, 1 <= r <= 2
    "float32": (
        0.9510558843612671, -0.42362740635871887, 0.24054265022277832, -0.1484050303697586, 0.09498082101345062,
        -0.061916861683130264, 0.0408935621380806, -0.027064258232712746, 0.016915224492549896,
        -0.01124703697860241, 0.01122315600514412, -0.00747684296220541,
    ),
    "float64": (
        0.9510558760318328, -0.42362742128146047, 0.24054248424078736, -0.14840492305391761, 0.09498872445283,
        -0.06192213327165706, 0.04076083394462657, -0.02697579684427536, 0.017907248195969127,
        -0.011908215172584002, 0.007927024067961237, -0.00528001782089874, 0.0035180800751066694,
        -0.002344650082351321, 0.0015635679757533885, -0.001042261556504223, 0.0006899717801166841,
        -0.0004599625144612576, 0.0003268068044141764, -0.0002178682145501451, 9.173383289174792e-05,
        -6.11554261750751e-05, 0.00012230983055406747, -8.153978973309418e-05,
    ),
}

ERF_INV: dict[str, tuple[tuple[float, float, tuple[float, ...]], ...]] = {
    # erf_inv(x) / x with w = -log(1 - x**2): a polynomial of w - c while w < limit, then of sqrt(w) - c
    "float32": (
        (5.0, 2.5, (
            1.5014092922210693, 0.24664027988910675, -0.004177324939519167, -0.001252707908861339,
            0.0002182641183026135, -4.9959999159909785e-06, -3.42626617566566e-06, 4.786896852237987e-07,
            1.650364467309373e-08, -1.0861761268188275e-08, 4.3406267469237036e-10, 1.2346576538924126e-10,
        )),
        (math.inf, 3.2, (
            3.0336365699768066, 1.0046924352645874, 0.0059733763337135315, -0.004293567966669798,
            0.0029482878744602203, -0.0019959849305450916, 0.0010898265754804015, -0.00035314419073984027,
            -3.524188286974095e-05, 9.461003355681896e-05, -3.273088077548891e-05, 1.9545086615835316e-06,
        )),
    ),
    "float64": (
        (6.25, 3.125, (
            1.6536545626831027, 0.2401581824255883, -0.006033670871426909, -0.0007407025341544301,
            0.0001867342080200925, -1.3882523394637344e-05, -1.3654691764135042e-06, 4.234788178266526e-07,
            -2.907039074871087e-08, -4.112661266924503e-09, 1.051223070748762e-09, -5.4142609576164565e-11,
            -1.2978692479994892e-11, 2.6303859148085384e-12, -8.074665167507013e-14, -3.998852309540432e-14,
            6.525767922399858e-15, -4.417003393665373e-17, -1.226305743260548e-16, 1.5992591736199305e-17,
            6.396664855709971e-19, -3.7848217521105335e-19, 1.8739434875095462e-20, 4.357475280244854e-21,
            -3.3795536525485224e-22, -1.9123778045391186e-23,
        )),
        (16.0, 3.25, (
            3.0838856104922208, 1.0052589676941655, 0.005370914553555033, -0.0037512085082247342,
            0.00249144209795696, -0.0016882755354488555, 0.0009532893415794137, -0.0003550378137852452,
            2.4031512865758357e-05, 6.828711739251955e-05, -4.732068066544697e-05, 1.2465028224217455e-05,
            2.93257845538535e-06, -3.985705945648173e-06, 1.4815977874022539e-06, -2.761716223816241e-08,
            -2.4549818963339823e-07, 1.3158663683192966e-07, -2.091453334773126e-08, -1.5305397964152548e-08,
            7.680200479077053e-09,
        )),
        (math.inf, 5.0, (
            4.849906401408584, 1.010300464864545, -0.0001387193183792655, -0.00021503011981034131,
            7.59952780722494e-05, -1.968177101388551e-05, 4.526052783887769e-06, -9.930268570958415e-07,
            2.2905148139287066e-07, -6.756716761294096e-08, 2.90224946459974e-08, -1.5227153184691098e-08,
            7.814987583571685e-09, -3.5142516690701242e-09, 1.3222656092606688e-09, -3.983167101503258e-10,
            6.628382764308038e-11, 2.323340311795662e-11, -1.967486846345636e-11, 4.1377674239083625e-12,
        )),
    ),
}

BESSEL = {
    # sqrt(x) exp(-x) I_order(x) of 1/x - 1/16, x >= 8
    (0, "float32"): (
        0.40217649936676025, 0.05376889184117317, 0.03487151116132736, 0.04551280662417412, 0.09678304940462112,
        0.380812406539917, 1.8169556856155396,
    ),
    (0, "float64"): (
        0.4021765094450081, 0.05376883173868615, 0.03487131504445659, 0.045641866397938026, 0.09724543232497163,
        0.3118044882295031, 1.4885212951125235, 10.556168880049988, 92.52089531097718, 519.7327956799074,
        -7369.292606088517, -236625.60346392443, -1576885.0542676854, 34621301.42417839, 576948198.7506496,
        -4380226413.6266, -131057523813.92386, 576082305807.6248, 24631801159247.58, -75269409796939.52,
        -3722498298036119.5, 8122278339227891.0, 4.113655219125892e+17, -5.816823869511753e+17,
        -2.880228759159453e+19, 1.9729999032120734e+19, 9.442790074263938e+20,
    ),
    (1, "float32"): (
        0.389398455619812, -0.1559932976961136, -0.05612458661198616, -0.06145361065864563, -0.11971555650234222,
        -0.44203290343284607, -2.048917531967163,
    ),
    (1, "float64"): (
        0.38939845902587233, -0.15599323509177213, -0.056124355541603145, -0.06159788932444653,
        -0.12025266863450132, -0.3653088256522656, -1.6779479745182313, -11.577137082221753, -100.36038173072461,
        -579.6920808242319, 7352.7171889102565, 247578.37682358263, 1739537.8685176338, -34986087.0939336,
        -611664408.527532, 4266243005.492166, 137271805674.16148, -543766877884.95013, -25680567882642.992,
        70006237777685.77, 3875282218618568.5, -7541121560175290.0, -4.281535739926845e+17, 5.417658449285641e+17,
        2.998397378901646e+19, -1.844913652075672e+19, -9.833395083588251e+20,
    ),
}
# fmt: on

STIRLING_FROM = 8
"""From here on, ``lgamma`` and ``digamma`` are asymptotic series."""


def _function(v: Lanes, op: str, x: str) -> str:
    if op in v.ctx.polynomials:
        return emit_elementary(v.ctx, op, v.dtype, x)
    return v.w.call(v.ctx.functions.symbol(op, v.dtype), v.type, [(v.type, x)])


def _reflected(v: Lanes, x: str) -> tuple[str, str]:
    """Sine and cosine of ``pi x``, up to a common sign."""
    rest = v.sub(x, v.w.intrinsic("rint", v.dtype, (x,)))
    angle = v.mul(rest, v.number(math.pi))
    return _function(v, "sin", angle), _function(v, "cos", angle)


def _is_pole(v: Lanes, x: str) -> str:
    """Whether ``x`` is zero or a negative integer."""
    whole = v.compare("oeq", x, v.w.intrinsic("floor", v.dtype, (x,)))
    low = v.compare("ole", x, v.number(0.0))
    return v.w.let(f"and {v.w.vector('bool')} {whole}, {low}")


def _any(v: Lanes, condition: str) -> str:
    w = v.w
    return w.call(f"llvm.vector.reduce.or.v{w.lanes}i1", "i1", [(w.vector("bool"), condition)])


def _lgamma_positive(v: Lanes, a: str) -> str:
    """From ``1 .. 2`` by the recurrence, or by Stirling's series.  One logarithm serves all of them."""
    one, two = v.number(1.0), v.number(2.0)
    large, small = v.compare("oge", a, v.number(STIRLING_FROM)), v.compare("olt", a, one)
    r, product = v.select(small, v.add(a, one), a), one
    for _ in range(STIRLING_FROM - 2):
        above = v.compare("ogt", r, two)
        r = v.select(above, v.sub(r, one), r)
        product = v.select(above, v.mul(product, r), product)
    logarithm = _function(v, "log", v.select(small, a, v.select(large, a, product)))
    # (r - 1) (r - 2) without the rounding of r where a is small.
    first = v.select(small, a, v.sub(r, one))
    second = v.select(small, v.sub(a, one), v.sub(r, two))
    near = v.mul(v.mul(first, second), v.polynomial(v.sub(r, v.number(1.5)), _LGAMMA[v.dtype]))
    near = v.add(near, v.select(small, v.sub(v.number(-0.0), logarithm), logarithm))
    inverse = v.div(one, a)
    terms = 8 if v.dtype == "float64" else 3
    series = [float(b / (2 * k * (2 * k - 1))) for k, b in enumerate(BERNOULLI[:terms], 1)]
    correction = v.mul(inverse, v.polynomial(v.mul(inverse, inverse), series))
    # (a - 1/2) log(a) - a + log(2 pi) / 2, with less to cancel.
    main = v.mul(v.sub(a, v.number(0.5)), v.sub(logarithm, one))
    far = v.add(main, v.add(correction, v.number(0.5 * math.log(2.0 * math.pi) - 0.5)))
    value = v.select(large, far, near)
    return v.select(v.compare("oeq", a, v.number(math.inf)), a, value)


def _lgamma(v: Lanes, x: str) -> str:
    w = v.w
    size = v.magnitude(x)
    value = _lgamma_positive(v, size)
    below = v.compare("olt", x, v.number(0.0))
    before, rare, common = w.here, w.new_label("below"), w.new_label("above")
    w.do(f"br i1 {_any(v, below)}, label %{rare}, label %{common}")
    w.label(rare)
    sine, _ = _reflected(v, x)
    reflected = v.sub(_function(v, "log", v.div(v.number(math.pi), v.mul(size, v.magnitude(sine)))), value)
    chosen = v.select(below, reflected, value)
    # Infinite at the poles and at both ends.
    infinite = v.compare("oeq", v.magnitude(value), v.number(math.inf))
    chosen = v.select(infinite, v.magnitude(value), chosen)
    after = w.here
    w.do(f"br label %{common}")
    w.label(common)
    return w.let(f"phi {v.type} [ {value}, %{before} ], [ {chosen}, %{after} ]")


def _digamma(v: Lanes, x: str) -> str:
    w, one, two = v.w, v.number(1.0), v.number(2.0)
    below = v.compare("olt", x, v.number(0.0))
    z = v.select(below, v.sub(one, x), x)
    large, small = v.compare("oge", z, v.number(STIRLING_FROM)), v.compare("olt", z, one)
    # The terms of the recurrence as one fraction.
    r = v.select(small, v.add(z, one), z)
    numerator, denominator = v.select(small, v.number(-1.0), v.number(0.0)), v.select(small, z, one)
    for _ in range(STIRLING_FROM - 2):
        above = v.compare("ogt", r, two)
        r = v.select(above, v.sub(r, one), r)
        numerator = v.select(above, v.fma(numerator, r, denominator), numerator)
        denominator = v.select(above, v.mul(denominator, r), denominator)
    high, low = DIGAMMA_ROOT[v.dtype]
    from_root = v.sub(v.sub(r, v.number(high)), v.number(low))
    near = v.mul(from_root, v.polynomial(v.sub(r, v.number(1.5)), DIGAMMA[v.dtype]))
    near = v.add(near, v.div(numerator, denominator))
    inverse = v.div(one, z)
    square = v.mul(inverse, inverse)
    terms = 9 if v.dtype == "float64" else 3
    series = [float(-b / (2 * k)) for k, b in enumerate(BERNOULLI[:terms], 1)]
    far = v.fma(v.polynomial(square, series), square, v.mul(inverse, v.number(-0.5)))
    value = v.select(large, v.add(_function(v, "log", z), far), near)
    before, rare, common = w.here, w.new_label("below"), w.new_label("above")
    pole = _is_pole(v, x)
    either = w.let(f"or {w.vector('bool')} {below}, {pole}")
    w.do(f"br i1 {_any(v, either)}, label %{rare}, label %{common}")
    w.label(rare)
    sine, cosine = _reflected(v, x)
    reflected = v.sub(value, v.div(v.mul(v.number(math.pi), cosine), sine))
    chosen = v.select(pole, v.number(math.nan), v.select(below, reflected, value))
    after = w.here
    w.do(f"br label %{common}")
    w.label(common)
    return w.let(f"phi {v.type} [ {value}, %{before} ], [ {chosen}, %{after} ]")


def _power(v: Lanes, x: str, exponent: int) -> str:
    result, square = None, x
    while True:
        if exponent & 1:
            result = square if result is None else v.mul(result, square)
        exponent >>= 1
        if not exponent:
            assert result is not None
            return result
        square = v.mul(square, square)


def polygamma(v: Lanes, x: str, order: int) -> str:
    """``(-1)**(order + 1) order! zeta(order + 1, x)``: terms up to some number, then the rest of the sum."""
    w, one, zero = v.w, v.number(1.0), v.number(0.0)
    reach = v.number(10.0 + order)
    start = v.select(v.compare("olt", x, v.number(LOWEST)), v.number(math.nan), x)
    before, loop, done = w.here, w.new_label("loop"), w.new_label("done")
    w.do(f"br label %{loop}")
    w.label(loop)
    w.do(f"%y = phi {v.type} [ {start}, %{before} ], [ %y.next, %{loop} ]")
    w.do(f"%sum = phi {v.type} [ {zero}, %{before} ], [ %sum.next, %{loop} ]")
    active = v.compare("olt", "%y", reach)
    term = _power(v, v.div(one, "%y"), order + 1)
    w.do(f"%sum.next = fadd {v.type} %sum, {v.select(active, term, zero)}")
    w.do(f"%y.next = fadd {v.type} %y, {v.select(active, one, zero)}")
    w.do(f"br i1 {_any(v, v.compare('olt', '%y.next', reach))}, label %{loop}, label %{done}")
    w.label(done)
    inverse = v.div(one, "%y.next")
    square = v.mul(inverse, inverse)
    terms = 10 if v.dtype == "float64" else 5
    series, factor = [1.0 / order], Fraction(1)
    for k, b in enumerate(BERNOULLI[:terms], 1):
        # B(2k) / (2k)! (order + 1) (order + 2) ... (order + 2k - 1)
        factor = b * math.factorial(order + 2 * k - 1) / (math.factorial(order) * math.factorial(2 * k))
        series.append(float(factor))
    tail = v.fma(inverse, v.number(0.5), v.polynomial(square, series))
    total = v.add("%sum.next", v.mul(tail, _power(v, inverse, order)))
    value = v.mul(total, v.number(float((-1) ** (order + 1) * math.factorial(order))))
    # At the poles both signs meet where the order is even.
    return v.select(_is_pole(v, x), v.number(math.nan if order % 2 == 0 else math.inf), value)


def _erf_inv(v: Lanes, x: str) -> str:
    one = v.number(1.0)
    size = v.magnitude(x)
    w = v.sub(v.number(-0.0), _function(v, "log", v.mul(v.sub(one, size), v.add(one, size))))
    root = v.w.intrinsic("sqrt", v.dtype, (w,))
    pieces = ERF_INV[v.dtype]
    value = v.polynomial(v.sub(root, v.number(pieces[-1][1])), pieces[-1][2])
    for k in range(len(pieces) - 2, -1, -1):
        limit, centre, coefficients = pieces[k]
        piece = v.polynomial(v.sub(w if k == 0 else root, v.number(centre)), coefficients)
        value = v.select(v.compare("olt", w, v.number(limit)), piece, value)
    value = v.mul(value, x)
    end = v.with_sign_of(v.number(math.inf), x)
    return v.select(v.compare("oeq", size, one), end, value)


def _bessel(order: int) -> Callable[[Lanes, str], str]:
    def rule(v: Lanes, x: str) -> str:
        size = v.magnitude(x)
        near = v.compare("olt", size, v.number(8.0))
        inside = v.select(near, size, v.number(8.0))
        quarter = v.mul(v.mul(inside, inside), v.number(0.25))
        terms = 22 if v.dtype == "float64" else 15
        series = [1.0 / (math.factorial(k) * math.factorial(k + order)) for k in range(terms)]
        value = v.mul(v.polynomial(quarter, series), _function(v, "exp", v.sub(v.number(-0.0), inside)))
        if order == 1:
            value = v.mul(value, v.mul(inside, v.number(0.5)))
        outside = v.select(near, v.number(8.0), size)
        far = v.polynomial(v.sub(v.div(v.number(1.0), outside), v.number(1.0 / 16.0)), BESSEL[order, v.dtype])
        far = v.div(far, v.w.intrinsic("sqrt", v.dtype, (outside,)))
        value = v.select(near, value, far)
        value = v.with_sign_of(value, x) if order == 1 else value
        return v.select(v.compare("uno", x, x), x, value)

    return rule


_RULES: dict[str, Callable[[Lanes, str], str]] = {
    "lgamma": _lgamma,
    "digamma": _digamma,
    "erf_inv": _erf_inv,
    "bessel_i0e": _bessel(0),
    "bessel_i1e": _bessel(1),
}
SPECIAL = frozenset(_RULES)
"""The functions of one argument."""


def emit_special(ctx: Context, op: str, dtype: str, x: str, order: int = 0) -> str:
    """One of :data:`SPECIAL`, or ``"polygamma"`` of an order from 1 to :data:`HIGHEST_ORDER`, of a vector."""
    name = f"special.{op}.{order}" if op == "polygamma" else f"special.{op}"
    vector = ctx.writer.vector(dtype)

    def rule(v: Lanes, a: str) -> str:
        return f"{vector} {polygamma(v, a, order) if op == 'polygamma' else _RULES[op](v, a)}"

    return apart_function(ctx, name, dtype, x, vector, rule)


__all__ = ["HIGHEST_ORDER", "LOWEST", "SPECIAL", "emit_special"]
