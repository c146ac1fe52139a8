"""A kernel inside compiled JAX functions: every transformation gives what the plain operations give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ccjac.kernels import Layout, Operand, Result
from ccjac.program import Builder

pytest.importorskip("llvmlite")
kernels = pytest.importorskip("ccjac_jax.kernel")

if (_reason := kernels.obstacle(Builder().finish([], 0))) is not None:
    pytest.skip(_reason, allow_module_level=True)

V = jax.vmap


def plain(a, b):
    """``a[3], b[] -> [2, 3], []``: the function that the program below spells out."""
    first = jnp.stack([jnp.sin(a[0]) * b, a[1] / (b * b + 2.0), jnp.zeros_like(b)])
    second = jnp.stack([jnp.exp(-a[2] * a[2]), a[0] * a[1] * a[2], jnp.tanh(b)])
    return [jnp.stack([first, second]), jnp.where(a[0] < b, a[0] * b, a[1])]


def program():
    n = Builder()
    a0, a1, a2, b = (n.input(k, "float64") for k in range(4))

    def do(op, *args):
        return n.emit(op, args, "float64")

    two = n.const(2.0, "float64")
    results = [
        do("mul", do("sin", a0), b),
        do("div", a1, do("add", do("mul", b, b), two)),
        do("exp", do("neg", do("mul", a2, a2))),
        do("mul", do("mul", a0, a1), a2),
        do("tanh", b),
        n.emit("select_n", (n.emit("lt", (a0, b), "bool"), a1, do("mul", a0, b)), "float64"),
    ]
    return n.finish(results, 4)


LAYOUT = Layout(
    (Operand((0, 1, 2), "float64"), Operand((3,), "float64")),
    (Result((0, 1, -1, 2, 3, 4), "float64"), Result((5,), "float64")),
)


@pytest.fixture(params=["kernel", "operations for single samples"])
def fused(request):
    """The kernel call; with ``fusible`` this short program is plain operations for a single sample."""
    fusible = request.param != "kernel"
    return kernels.kernel_call(program(), LAYOUT, [(3,), ()], [(2, 3), ()], plain, fusible=fusible)


@pytest.fixture
def a(rng):
    return jnp.asarray(rng.normal(size=(4, 5, 3)))


@pytest.fixture
def b(rng):
    return jnp.asarray(rng.normal(size=(4, 5)))


def total(f):
    return lambda a, b: sum(jnp.sum(x) for x in f(a, b))


def same(transform, fused, *args):
    ours, theirs = jax.jit(transform(fused))(*args), jax.jit(transform(plain))(*args)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for x, y in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert x.shape == y.shape
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)


BATCHED = {
    "both": (lambda f: V(f), lambda a, b: (a[0], b[0])),
    "second unbatched": (lambda f: V(f, (0, None)), lambda a, b: (a[0], b[0, 0])),
    "first unbatched": (lambda f: V(f, (None, 0)), lambda a, b: (a[0, 0], b[0])),
    "nested": (lambda f: V(V(f)), lambda a, b: (a, b)),
    "nested, unbatched inside": (lambda f: V(V(f, (0, None))), lambda a, b: (a, b[:, 0])),
    "nested, unbatched outside": (lambda f: V(V(f), (0, None)), lambda a, b: (a, b[0])),
    "outer product": (lambda f: V(V(f, (None, 0)), (0, None)), lambda a, b: (a[0], b[0])),
    "outer product, the other way": (lambda f: V(V(f, (0, None)), (None, 0)), lambda a, b: (a[0], b[0])),
    "unbatched throughout": (lambda f: V(V(f, (0, None)), (0, None)), lambda a, b: (a, b[0, 0])),
    "another axis": (lambda f: V(f, (1, 0), [1, 0]), lambda a, b: (a[0].T, b[0])),
    "empty": (lambda f: V(f), lambda a, b: (a[0, :0], b[0, :0])),
    "one": (lambda f: V(f), lambda a, b: (a[0, :1], b[0, :1])),
    "one of one": (lambda f: V(V(f, (0, None))), lambda a, b: (a[:1, :1], b[0, :1])),
}


@pytest.mark.parametrize("case", BATCHED)
def test_vmap(fused, a, b, case):
    transform, pick = BATCHED[case]
    same(transform, fused, *pick(a, b))


DERIVATIVES = {
    "grad": lambda f: jax.grad(total(f), (0, 1)),
    "jvp": lambda f: lambda a, b: jax.jvp(f, (a, b), (a, b)),
    "jacfwd": lambda f: jax.jacfwd(f, (0, 1)),
    "jacrev": lambda f: jax.jacrev(f, (0, 1)),
    "hessian": lambda f: jax.hessian(f, (0, 1)),
    "rematerialised": lambda f: jax.grad(total(jax.checkpoint(f)), (0, 1)),
}


@pytest.mark.parametrize("case", DERIVATIVES)
def test_derivatives(fused, a, b, case):
    same(DERIVATIVES[case], fused, a[0, 0], b[0, 0])


def test_derivatives_of_a_batch_and_batches_of_derivatives(fused, a, b):
    same(lambda f: jax.grad(total(V(f)), (0, 1)), fused, a[0], b[0])
    same(lambda f: V(jax.grad(total(f), (0, 1)), (0, None)), fused, a[0], b[0, 0])


CONTROL = {
    "jit": lambda f: lambda a, b: f(a[0], b[0]),
    "scan": lambda f: lambda a, b: jax.lax.scan(lambda c, x: (f(c, x)[0][0], f(c, x)), a[0], b),
    "loop": lambda f: lambda a, b: jax.lax.fori_loop(0, 4, lambda i, c: f(c, b[i])[0][1], a[0]),
    "branch": lambda f: lambda a, b: jax.lax.cond(b[0] > 0, lambda: f(a[0], b[0]), lambda: f(a[1], b[1])),
    "map in chunks": lambda f: lambda a, b: jax.lax.map(lambda t: f(*t), (a, b), batch_size=3),
}


@pytest.mark.parametrize("case", CONTROL)
def test_control_flow(fused, a, b, case):
    same(CONTROL[case], fused, a[0], b[0])


def test_without_jit(fused, a, b):
    for x, y in zip(V(fused)(a[0], b[0]), V(plain)(a[0], b[0]), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)


def test_donated_operands(fused, a, b):
    expected = V(plain)(a[0], b[0])
    # The donated array has the shape of no result, but its memory is free for anything once it has been read.
    step = jax.jit(lambda a, b: (a * 2.0, V(fused)(a, b)), donate_argnums=0)
    doubled, results = step(jnp.array(a[0], copy=True), b[0])
    np.testing.assert_array_equal(doubled, 2 * a[0])
    for x, y in zip(results, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)


def test_one_call_for_a_whole_batch(fused, a, b):
    text = jax.jit(V(V(fused, (0, None)), (0, None))).lower(a, b[0, 0]).as_text()
    calls = [line for line in text.splitlines() if "@ccjac_kernel_" in line]
    assert len(calls) == 1
    # The unbatched operand goes in as it is.
    assert "tensor<f64>" in calls[0]


def test_large_batches_use_the_pool_and_agree(fused, rng):
    n = 300_001
    x, y = jnp.asarray(rng.normal(size=(n, 3))), jnp.asarray(rng.normal(size=n))
    ours, theirs = jax.jit(V(fused))(x, y), jax.jit(V(plain))(x, y)
    for u, v in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-12, atol=1e-13)


def test_unused_operands_and_empty_results(rng):
    n = Builder()
    square = n.finish([n.emit("mul", (n.input(2, "float64"),) * 2, "float64")], 3)
    layout = Layout(
        (Operand((0, 1), "float64"), Operand((2,), "float64"), Operand((), "float64")),
        (Result((), "float64"), Result((0,), "float64")),
    )

    def ops(x, y, z):
        return [jnp.zeros((0, 4)), y * y]

    call = kernels.kernel_call(square, layout, [(2,), (), (0,)], [(0, 4), ()], ops)
    x, y = jnp.zeros((6, 2)), jnp.asarray(rng.normal(size=6))
    empty, squared = jax.jit(V(call, (0, 0, None)))(x, y, jnp.zeros(0))
    assert empty.shape == (6, 0, 4)
    np.testing.assert_allclose(squared, y * y, rtol=1e-15)


def test_export_says_that_a_kernel_stays_in_its_process(fused, a, b):
    from jax import export

    with pytest.raises(ValueError, match="custom calls whose targets have no compatibility guarantees"):
        export.export(jax.jit(V(fused)))(a[0], b[0])
