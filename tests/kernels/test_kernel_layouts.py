"""Rows, columns, batches, remainders, unbatched operands and structural zeros, in both forms of the loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccjac.kernels import Layout, Operand, Result, compile_kernel
from ccjac.kernels.cpu import module, segments, tiled
from ccjac.kernels.cpu.target import Target
from ccjac.program import Builder, Node, Program, evaluate
from kernel_programs import random_program, single

pytest.importorskip("llvmlite")

BATCHES = (0, 1, 2, 7, 8, 15, 16, 17, 33, 100)
FORMS = ["straight", "tiled"]


@pytest.fixture(params=FORMS)
def form(request):
    with pytest.MonkeyPatch.context() as patch:
        choose(patch, request.param)
        yield request.param


def choose(patch: pytest.MonkeyPatch, form: str) -> None:
    if form == "tiled":
        patch.setattr(module, "STRAIGHT_OPERATIONS", -1)
        patch.setattr(segments, "SEGMENT_OPERATIONS", 7)


def check(program: Program, layout: Layout, arrays: list[np.ndarray], batch: int, rtol: float = 1e-11) -> None:
    """Run a kernel and compare every entry with the numpy evaluation."""
    scalars: list[object] = [0] * program.n_inputs
    for array, operand in zip(arrays, layout.operands, strict=True):
        for column, scalar in enumerate(operand.scalars):
            scalars[scalar] = array[..., column]
    expected = [np.broadcast_to(v, batch) for v in evaluate(program, scalars)]
    results = compile_kernel(program, layout).run(arrays, batch=batch)
    for got, result in zip(results, layout.results, strict=True):
        assert got.shape == (batch, len(result.entries))
        assert got.dtype == result.dtype
        for column, entry in enumerate(result.entries):
            want = np.zeros(batch) if entry < 0 else expected[entry]
            np.testing.assert_allclose(got[:, column], want, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 7, 9, 16, 19])
def test_rows_of_every_width(form, dtype, width, rng):
    b = Builder()
    inputs = [b.input(k, dtype) for k in range(width)]
    # Entry k of the result is 2 x_k + 1000 k: nothing may be mixed up.
    two = b.const(2.0, dtype)
    out = [
        b.emit("add", (b.emit("mul", (x, two), dtype), b.const(1e3 * k, dtype)), dtype) for k, x in enumerate(inputs)
    ]
    program = b.finish(out, width)
    kernel = compile_kernel(program, Layout.rows(program))
    for batch in BATCHES:
        x = rng.integers(-400, 400, (batch, width)).astype(dtype)
        np.testing.assert_array_equal(kernel.run([x])[0], 2 * x + 1000 * np.arange(width))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_are_mostly_zero_or_constant(monkeypatch, dtype, rng):
    choose(monkeypatch, "tiled")
    monkeypatch.setattr(tiled, "SPARSE_ENTRIES", 8)
    b = Builder()
    x, y = b.input(0, dtype), b.input(1, dtype)
    computed = b.emit("mul", (x, y), dtype)
    program = b.finish([computed, b.const(3.0, dtype), x, b.const(-0.0, dtype)], 2)
    # One row by table, one by columns; an operand, a product written twice, constants, zeros.
    layout = Layout(
        (Operand((0, 1), dtype),),
        (Result((-1, 0, 1, -1, 3, 2, -1, 1, 0, -1, -1), dtype), Result((0, 2, 0, 1, -1), dtype)),
    )
    assert [tiled.is_sparse(program, result) for result in layout.results] == [True, False]
    for batch in BATCHES:
        check(program, layout, [rng.normal(size=(batch, 2)).astype(dtype)], batch)


def test_code_does_not_grow_with_the_number_of_results(monkeypatch):
    def lines(width: int, lanes: int | None) -> int:
        b = Builder()
        x = b.input(0, "float32")
        square = b.emit("mul", (x, x), "float32")
        program = b.finish([square, b.const(2.0, "float32")], 1)
        layout = Layout((Operand((0,), "float32"),), (Result((0, 1) * width, "float32"),))
        text = module.write_module(program, layout, Target.host(), fastmath=False, lanes=lanes).text
        return text.count("\n")

    for lanes, width in ((1, 16000), (None, 3000)):
        assert lines(2 * width, lanes) == lines(width, lanes)


def test_rows_that_are_too_long_to_be_padded_are_written_by_scalar_code(rng):
    b = Builder()
    x = b.input(0, "float32")
    program = b.finish([b.emit("mul", (x, x), "float32")], 1)

    def layout(width: int) -> Layout:
        return Layout((Operand((0,), "float32"),), (Result((0, -1) * width, "float32"),))

    lanes = [module.write_module(program, layout(n), Target.host(), fastmath=False).lanes for n in (3_000, 300_000)]
    assert lanes[0] > 1
    assert lanes[1] == 1
    for batch in (1, 3):
        check(program, layout(300_000), [rng.normal(size=(batch, 1)).astype("float32")], batch)


def test_nothing_outside_the_arrays_is_touched(form, rng):
    program = random_program(3, 5, 30, 7)
    layout = Layout.rows(program)
    kernel = compile_kernel(program, layout)
    for batch in BATCHES[1:]:
        x = rng.uniform(-1, 1, (batch, 5))
        guarded = np.full((batch + 2, 7), 12345.0)
        kernel.call([x.ctypes.data], [guarded[1:].ctypes.data], batch)
        np.testing.assert_array_equal(guarded[[0, -1]], 12345.0)
        np.testing.assert_array_equal(guarded[1:-1], kernel.run([x])[0])


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    form=st.sampled_from(FORMS),
    dtype=st.sampled_from(["float32", "float64"]),
    size=st.integers(0, 120),
    widths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    rows=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    batch=st.integers(0, 70),
    data=st.data(),
)
def test_random_programs_and_layouts(seed, form, dtype, size, widths, rows, batch, data):
    program = random_program(seed, sum(widths), size, 6, dtype)
    starts = np.cumsum([0, *widths])
    flags = data.draw(st.lists(st.booleans(), min_size=len(widths), max_size=len(widths)))
    operands = tuple(
        Operand(tuple(range(a, a + n)), dtype, flag) for a, n, flag in zip(starts, widths, flags, strict=False)
    )
    entries = st.integers(-1, 5)
    results = tuple(Result(tuple(data.draw(st.lists(entries, min_size=n, max_size=n))), dtype) for n in rows)
    rng = np.random.default_rng(seed)
    arrays = [
        rng.uniform(-1, 1, (batch, n) if flag else n).astype(dtype) for n, flag in zip(widths, flags, strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        choose(patch, form)
        check(program, Layout(operands, results), arrays, batch, 1e-3 if dtype == "float32" else 1e-9)


def test_results_that_are_inputs_constants_and_repeats(form, rng):
    b = Builder()
    x, y = b.input(0, "float64"), b.input(1, "float64")
    product = b.emit("mul", (x, y), "float64")
    program = b.finish([x, product, b.const(2.5, "float64"), product, y], 2)
    layout = Layout(
        (Operand((0,), "float64"), Operand((1,), "float64", batched=False)),
        (
            Result((0, -1, 1, 2, 1), "float64"),
            Result((4,), "float64"),
            Result((-1, -1), "float64"),
            Result((3,), "float64"),
        ),
    )
    check(program, layout, [rng.normal(size=(37, 1)), rng.normal(size=1)], 37)


def test_a_program_of_unbatched_operands_alone(form, rng):
    program = random_program(11, 3, 40, 5)
    layout = Layout((Operand((0, 1, 2), "float64", batched=False),), (Result(tuple(range(5)), "float64"),))
    check(program, layout, [rng.normal(size=3)], 21)


def test_unread_scalars_and_any_order_of_them(form, rng):
    b = Builder()
    program = b.finish([b.emit("sub", (b.input(4, "float64"), b.input(1, "float64")), "float64")], 6)
    layout = Layout(
        (Operand((5, 4), "float64"), Operand((0,), "float64"), Operand((3, 2, 1), "float64")),
        (Result((0,), "float64"),),
    )
    arrays = [rng.normal(size=(19, n)) for n in (2, 1, 3)]
    np.testing.assert_array_equal(
        compile_kernel(program, layout).run(arrays)[0][:, 0], arrays[0][:, 1] - arrays[2][:, 2]
    )


def test_mixed_types(form, rng):
    nodes = (
        Node("input", (), "float32", 0),
        Node("input", (), "float64", 1),
        Node("input", (), "bool", 2),
        Node("input", (), "int32", 3),
        Node("convert_element_type", (0,), "float64"),
        Node("mul", (4, 1), "float64"),
        Node("sin", (5,), "float64"),
        Node("select_n", (2, 6, 1), "float64"),
        Node("convert_element_type", (7,), "float32"),
        Node("convert_element_type", (3,), "float64"),
        Node("lt", (9, 1), "bool"),
        Node("const", (), "bool", True),
    )
    program = Program(nodes, 6, (6, 7, 8, 10, 3, 2, 11))
    layout = Layout(
        (
            Operand((0,), "float32"),
            Operand((1,), "float64", batched=False),
            Operand((4, 2, 5), "bool"),
            Operand((3,), "int32"),
        ),
        (
            Result((0, 1, 0), "float64"),
            Result((2, -1), "float32"),
            Result((3, -1, 5, 6), "bool"),
            Result((4,), "int32"),
        ),
    )
    n = 41
    arrays = [
        rng.normal(size=(n, 1)).astype("float32"),
        np.array([0.3]),
        rng.integers(0, 2, (n, 3)).astype(bool),
        rng.integers(-3, 3, (n, 1)).astype("int32"),
    ]
    check(program, layout, arrays, n, 1e-6)


def test_wide_results_of_mostly_zeros(form, rng):
    program = random_program(5, 4, 50, 8, "float32")
    entries = [-1] * 403
    for k in range(8):
        entries[k * 57 + 1] = k
    layout = Layout((Operand((0, 1, 2, 3), "float32"),), (Result(tuple(entries), "float32"),))
    check(program, layout, [rng.uniform(-1, 1, (50, 4)).astype("float32")], 50, 1e-4)


def test_threads_share_a_batch(form, rng):
    program = random_program(8, 4, 60, 5)
    kernel = compile_kernel(program, Layout.rows(program))
    x = rng.normal(size=(1003, 4))
    one = kernel.run([x])[0]
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(kernel.run([x], threads=threads)[0], one)


def test_a_sample_s_result_does_not_depend_on_its_neighbours(form, rng):
    program = random_program(21, 3, 80, 4)
    kernel = compile_kernel(program, Layout.rows(program))
    x = rng.normal(size=(67, 3))
    whole = kernel.run([x])[0]
    for k in (0, 5, 63, 66):
        np.testing.assert_array_equal(kernel.run([x[k : k + 1]])[0][0], whole[k])


def test_wrong_arrays_are_refused():
    program = single("add", ["float32", "float32"], "float32")
    kernel = compile_kernel(program, Layout.separate(program))
    with pytest.raises(ValueError, match="takes 2 arrays, got 1"):
        kernel.run([np.zeros(3)])
    with pytest.raises(ValueError, match="operand 1 has 4 entries"):
        kernel.run([np.zeros(3), np.zeros(4)])


def test_ten_thousand_operations(rng):
    program = random_program(1, 40, 6500, 300)
    assert program.operations > 10_000 * 0.5
    layout = Layout.rows(program)
    assert module.is_long(program, layout)
    x = rng.uniform(-1, 1, (21, 40))
    got = compile_kernel(program, layout).run([x])[0]
    expected = evaluate(program, list(x.T))
    for column, want in enumerate(expected):
        np.testing.assert_allclose(got[:, column], np.broadcast_to(want, 21), rtol=1e-7, atol=1e-9)
