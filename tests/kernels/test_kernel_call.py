"""Arrays that a kernel's call leaves out: those that nobody reads, and those without entries."""

from __future__ import annotations

from ccjac.kernels import Layout, Operand, Result
from ccjac.kernels.call import batched, reduced
from ccjac.program import Builder


def test_what_is_not_read_is_not_passed() -> None:
    b = Builder()
    program = b.finish([b.emit("sin", (b.input(2, "float32"),), "float32")], 4)
    operands = (Operand((0, 1), "float32"), Operand((), "int32"), Operand((2, 3), "float32"))
    results = (Result((), "float32"), Result((0, -1), "float32"))
    needed = reduced(program, Layout(operands, results))
    assert (needed.read, needed.written) == ((2,), (1,))
    assert needed.layout == Layout(operands[2:], results[1:])
    assert needed.operands("abc") == ["c"]
    assert needed.all_operands(["c"], lambda k: f"blank {k}") == ["blank 0", "blank 1", "c"]
    assert needed.results("rs") == ["s"]
    assert needed.all_results(["s"], lambda k: f"empty {k}") == ["empty 0", "s"]


def test_batch_axes_mark_the_operands_that_have_them() -> None:
    layout = Layout((Operand((0,), "float32"), Operand((1,), "float32")), ())
    assert [o.batched for o in batched(layout, (True, False), rank=2).operands] == [True, False]
    assert [o.batched for o in batched(layout, (False, False), rank=0).operands] == [True, True]
