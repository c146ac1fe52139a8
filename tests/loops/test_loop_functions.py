"""Jacobians of functions with loops, from either side, against JAX's own modes in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from chain_reference import run
from jax import lax

import ccjac
from ccjac.backends.protocol import Request
from ccjac.errors import UnsupportedError
from ccjac.kernels import Layout
from ccjac.kernels.cpu.run import compile_chain
from ccjac.kernels.layout import Operand, Result
from ccjac.loops.forward import forward
from ccjac.loops.reverse import reverse
from ccjac.planning.choose import choose
from ccjac_jax.arguments import prepare
from ccjac_jax.loops import tape
from ccjac_jax.tracing import trace

_random = np.random.default_rng(11)
x2, x3, x4 = (_random.uniform(0.2, 0.9, n) for n in (2, 3, 4))
A, W = 0.4 * _random.normal(size=(3, 3)), 0.5 * _random.normal(size=(4, 6))
XS = _random.normal(size=(9, 2))
NOISE = _random.normal(size=9)


def _runge_kutta(f: Callable[..., Any], n: int, h: float = 0.05, *, path: bool = False) -> Callable[..., Any]:
    def fun(x: Any, *parameters: Any) -> Any:
        def step(x: Any, _: Any) -> Any:
            k1 = f(x, *parameters)
            k2 = f(x + h / 2 * k1, *parameters)
            k3 = f(x + h / 2 * k2, *parameters)
            k4 = f(x + h * k3, *parameters)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return x, x if path else None

        last, all_ = lax.scan(step, x, None, length=n)
        return all_ if path else last

    return fun


def _lorenz(x: Any, p: Any) -> Any:
    return jnp.stack([p[0] * (x[1] - x[0]), x[0] * (p[1] - x[2]) - x[1], x[0] * x[1] - p[2] * x[2]])


def _pendulum(x: Any, p: Any) -> Any:
    return jnp.stack([x[1], -p[0] * jnp.sin(x[0]) - p[1] * x[1]])


def _logistic(p: Any) -> Any:
    return lax.scan(lambda x, _: (p[0] * x * (1 - x), None), p[1], None, length=11)[0]


def _gru(h: Any, w: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        z = jax.nn.sigmoid(w[0] @ jnp.concatenate([h, x]))
        c = jnp.tanh(w[1] @ jnp.concatenate([h, x]))
        return (1 - z) * h + z * c, h

    return lax.scan(step, h, jnp.asarray(XS))


def _kalman(p: Any) -> Any:
    def step(carry: Any, y: Any) -> Any:
        m, v = carry
        m, v = p[0] * m, p[0] ** 2 * v + jnp.exp(p[1])
        s = v + jnp.exp(p[2])
        gain = v / s
        cost = 0.5 * (jnp.log(s) + (y - m) ** 2 / s)
        return (m + gain * (y - m), (1 - gain) * v), cost

    return jnp.sum(lax.scan(step, (0.0, 1.0), jnp.asarray(NOISE))[1])


def _geometric(p: Any) -> Any:
    spot, volatility, rate = p

    def step(s: Any, dw: Any) -> Any:
        return s * jnp.exp((rate - 0.5 * volatility**2) * 0.1 + volatility * 0.3 * dw), None

    return jnp.maximum(lax.scan(step, spot, jnp.asarray(NOISE))[0] - 0.3, 0.0)


def _counter(x: Any) -> Any:
    return lax.fori_loop(0, 13, lambda i, s: s + jnp.sin(x * i.astype(float)) / (1.0 + i.astype(float)), x * 0.0)


def _cond(x: Any) -> Any:
    def step(c: Any, k: Any) -> Any:
        c = lax.cond(k % 2 == 0, lambda c: c * x[0], lambda c: jnp.sin(c) + x[1], c)
        return c, jnp.where(c > 0.5, c, 2 * c)

    return lax.scan(step, x[1], jnp.arange(8))


def _newton(a: Any) -> Any:
    def going(state: Any) -> Any:
        return (jnp.abs(state[0] ** 2 - a[0]) > 1e-13) & (state[1] < 50)

    return lax.while_loop(going, lambda s: (0.5 * (s[0] + a[0] / s[0]), s[1] + 1), (a[1], jnp.array(0)))[0]


def _nested(x: Any) -> Any:
    def outer(c: Any, _: Any) -> Any:
        inner = lax.scan(lambda d, k: (d * 0.9 + jnp.sin(c) * k, None), c, jnp.array([0.1, 0.2, 0.3]))[0]
        return inner * x[0], inner

    return lax.scan(outer, x, None, length=7)


def _tree(p: dict[str, Any]) -> Any:
    def step(c: dict[str, Any], xs: tuple[Any, Any]) -> Any:
        a, b = xs
        c = {"u": jnp.tanh(p["w"] @ c["u"] + a), "v": c["v"] * 0.5 + b}
        return c, (c["u"][0], c["v"] ** 2)

    last, (first, second) = lax.scan(step, {"u": p["u"], "v": p["w"][0, 0]}, (jnp.asarray(NOISE), p["b"]))
    return {"last": last, "sum": first + second}


def _two(x: Any) -> Any:
    a, path = lax.scan(lambda c, k: (jnp.sin(c) * x[0] + k, c), x, jnp.linspace(0.0, 1.0, 6))
    b = lax.scan(lambda c, row: (c * 0.5 + jnp.sum(row) * x[1], c), jnp.sum(a), path)
    return b[0], b[1], a


def _backwards(x: Any) -> Any:
    return lax.scan(lambda c, k: (c * jnp.cos(k) + x[0] * k, c[1] * k), x, jnp.asarray(NOISE), reverse=True)


def _early(x: Any) -> Any:
    y = jnp.exp(-x) * x[0]
    last, ys = lax.scan(lambda c, _: (jnp.tanh(A @ c) + y, c[0]), y, None, length=6)
    return jnp.stack([last[0] * x[1], jnp.max(ys), ys[2] * ys[-1], x[2]])


def _called(x: Any) -> Any:
    @jax.jit
    def inner(y: Any) -> Any:
        return lax.fori_loop(0, 6, lambda _, c: jnp.sin(c) * y, y)

    return inner(x) + inner(jnp.cos(x))


def _empty(x: Any) -> Any:
    last, ys = lax.scan(lambda c, k: (c * k, c), x, jnp.zeros(0))
    also = lax.scan(lambda c, _: (c * x, None), x, None, length=5)[0]
    return last + also, ys


def _odd_carry(x: Any) -> Any:
    def step(c: Any, _: Any) -> Any:
        a, on, n, idle = c
        return (jnp.where(on, a * x[0], a + x[1]), ~on, n + 1, idle), (a, n, on)

    return lax.scan(step, (x[0], jnp.array(True), jnp.array(3, jnp.int32), 2.0), None, length=7)


def _controls(u: Any) -> Any:
    return lax.scan(lambda c, v: (0.8 * c + jnp.sin(v), None), 1.0, u)[0]


def _all_controls(u: Any, x: Any) -> Any:
    def step(c: Any, v: Any) -> Any:
        c = jnp.stack([c[1] + v[0], jnp.sin(c[0]) * v[1]])
        return c, c[0] * v[1]

    last, ys = lax.scan(step, x, u)
    return last, ys


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "logistic map": (_logistic, (np.array([2.9, 0.3]),)),
    "Lorenz, parameters": (_runge_kutta(_lorenz, 7), (x3, np.array([10.0, 28.0, 8 / 3]))),
    "Lorenz, path": (_runge_kutta(_lorenz, 7, path=True), (x3, np.array([10.0, 28.0, 8 / 3]))),
    "pendulum": (_runge_kutta(_pendulum, 8), (x2, np.array([9.8, 0.1]))),
    "pendulum, path": (_runge_kutta(_pendulum, 8, path=True), (x2, np.array([9.8, 0.1]))),
    "gated recurrence": (_gru, (x4, 0.1 * np.stack([W, -W[::-1]]))),
    "Kalman filter": (_kalman, (np.array([0.9, -1.0, -0.5]),)),
    "geometric Brownian motion": (_geometric, (np.array([1.0, 0.2, 0.05]),)),
    "counter": (_counter, (np.array(0.7),)),
    "conditionals": (_cond, (x2,)),
    "short loop inside": (_nested, (x2,)),
    "containers": (_tree, ({"w": A, "u": x3, "b": NOISE[:9]},)),
    "two loops": (_two, (x2,)),
    "backwards": (_backwards, (x3,)),
    "code before and after": (_early, (x3,)),
    "inside calls": (_called, (x2,)),
    "no step": (_empty, (x2,)),
    "integers and bools": (_odd_carry, (x2,)),
    "controls": (_controls, (NOISE,)),
    "controls and state": (_all_controls, (XS, x2)),
    "constant operand": (lambda x: lax.scan(lambda c, k: (c @ A + x * k, None), x3, jnp.asarray(NOISE))[0], (x3,)),
    "unused operand": (lambda x, y: (lax.fori_loop(0, 6, lambda _, c: c * 1.1, x), x), (x2, x3)),
    "same result twice": (lambda x: (lambda r: (r, r, x))(lax.fori_loop(0, 6, lambda _, c: c * x, x)), (x2,)),
    "linear recurrence": (lambda x: lax.scan(lambda c, k: (A @ c, c), x, None, length=8), (x3,)),
    "matrix carried": (lambda m: lax.fori_loop(0, 6, lambda _, c: jnp.sin(c @ m), jnp.eye(3)), (A,)),
    "shift register": (
        lambda x: lax.scan(lambda c, k: (jnp.concatenate([c[1:], c[:1] * k]), c[0]), x, jnp.asarray(NOISE)),
        (x4,),
    ),
    "table": (lambda x: lax.scan(lambda c, k: (c * x[0] + jnp.asarray(NOISE)[k], c), x[1], jnp.arange(9)), (x2,)),
    "long vector": (lambda x: lax.fori_loop(0, 6, lambda _, c: jnp.tanh(c + jnp.roll(c, 1)) * x, x), (np.tile(x4, 3),)),
}
FORWARD_ONLY: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "Newton's method": (_newton, (np.array([2.0, 1.0]),)),
    "while, code around it": (lambda a: jnp.log(_newton(a * 1.5)) * a, (np.array([3.0, 2.0]),)),
    "while that does not begin": (
        lambda x: lax.while_loop(lambda s: s[0] > 100.0, lambda s: s * x, x),
        (x3,),
    ),
}
EVERY = FUNCTIONS | FORWARD_ONLY


def _oracle(fun: Callable[..., Any], args: tuple[Any, ...], mode: Any = jax.jacfwd) -> list[np.ndarray]:
    arrays = jax.tree.map(jnp.asarray, args)
    everything = tuple(range(len(args)))
    found = [fun(*arrays), jax.jit(mode(lambda *a: _floats(fun(*a)), everything))(*arrays)]
    return [np.asarray(x) for x in jax.tree.leaves(found[1])]


def _floats(tree: Any) -> list[Any]:
    return [x for x in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(x), jnp.floating)]


def _close(found: Any, expected: Any) -> None:
    assert np.shape(found) == np.shape(expected)
    scale = max(float(np.max(np.abs(expected), initial=0.0)), 1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * scale)


def _made(fun: Callable[..., Any], args: tuple[Any, ...], direction: Callable[..., Any]) -> Any:
    arrays = jax.tree.map(jnp.asarray, args)
    request = Request(lambda *a: _floats(fun(*a)), tuple(range(len(args))), False, True)
    traced = trace(prepare(request, arrays, {}))
    made = direction(tape(traced), lambda lin: choose(lin.graph, "auto", False), with_values=True)
    return made, [np.asarray(x) for x in jax.tree.leaves(arrays)], _floats(fun(*arrays))


@pytest.mark.parametrize("direction", [forward, reverse])
@pytest.mark.parametrize("name", EVERY)
def test_chains_are_exact_from_either_side(name: str, direction: Any) -> None:
    fun, args = EVERY[name]
    if direction is reverse and name in FORWARD_ONLY:
        with pytest.raises(UnsupportedError, match="depends on the arguments"):
            _made(fun, args, direction)
        return
    made, operands, values = _made(fun, args, direction)
    expected = [*map(np.asarray, values), *_oracle(fun, args)]
    filled = [k for k, x in enumerate(expected) if x.size]
    expected, made = [expected[k] for k in filled], replace(made, chain=made.chain.without(filled))
    found = run(made.chain, [*operands, *made.known])
    for a, b in zip(found, expected, strict=True):
        _close(a, b.ravel())
    for batch in (1, 3, 21):
        kernel = compile_chain(made.chain, _layout(made, len(operands)))
        rows = [np.stack([x.ravel()] * batch) for x in operands]
        for a, b in zip(kernel.run([*rows, *made.known], batch=batch), expected, strict=True):
            _close(a, np.stack([b.ravel()] * batch))


def _layout(made: Any, n_operands: int) -> Layout:
    arrays, numbered = made.chain.arrays, made.chain.numbered
    operands = [
        Operand(tuple(range(arrays[k].size)), arrays[k].dtype, batched=n < n_operands)
        for n, k in enumerate(numbered("operand"))
    ]
    return Layout(
        tuple(operands), tuple(Result(tuple(range(arrays[k].size)), arrays[k].dtype) for k in numbered("result"))
    )


def test_there_are_enough_functions() -> None:
    assert len(EVERY) >= 25
    assert ccjac.__name__ == "ccjac"
