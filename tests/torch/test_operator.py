"""Kernels as operators of torch's dispatcher: any batch axes, any strides, every transformation, and clear errors."""

from __future__ import annotations

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ccjac.kernels import Layout, Operand, Result  # noqa: E402
from ccjac.program import Builder  # noqa: E402
from ccjac_torch.boxed import interface, register  # noqa: E402
from ccjac_torch.boxed.entry import Signature  # noqa: E402


def two_operands(dtype: str = "float64"):
    """``x[2, 3], y[] -> x * y [2, 3], x[0] + x[1] [3]``."""
    builder = Builder()
    x = [builder.input(k, dtype) for k in range(6)]
    y = builder.input(6, dtype)
    results = [builder.emit("mul", (v, y), dtype) for v in x]
    results += [builder.emit("add", (x[k], x[3 + k]), dtype) for k in range(3)]
    program = builder.finish(results, 7)
    layout = Layout(
        (Operand(tuple(range(6)), dtype), Operand((6,), dtype)),
        (Result(tuple(range(6)), dtype), Result(tuple(range(6, 9)), dtype)),
    )
    return program, Signature(layout, ((2, 3), ()), ((2, 3), (3,)))


@pytest.fixture(params=["machine code", "python"])
def operator(request, monkeypatch):
    if request.param == "machine code":
        assert not isinstance(interface.addresses(), str), interface.addresses()
        return register.register(*two_operands())
    # An operator's name cannot be defined twice, so the one without libtorch's interface lives in another namespace.
    monkeypatch.setattr(interface, "addresses", lambda: "not here")
    monkeypatch.setattr(register, "NAMESPACE", "ccjac_test")
    monkeypatch.setattr(register, "_operators", OPERATORS)
    monkeypatch.setattr(register, "_library", lambda: LIBRARY)
    return register.register(*two_operands())


OPERATORS: dict[str, object] = {}
LIBRARY = torch.library.Library("ccjac_test", "FRAGMENT")


def check(operator, x, y):
    product, total = operator(x, y)
    assert product.shape == x.shape
    assert total.shape == (*x.shape[:-2], 3)
    torch.testing.assert_close(product, x * y[..., None, None], rtol=1e-14, atol=0)
    torch.testing.assert_close(total, x[..., 0, :] + x[..., 1, :], rtol=1e-14, atol=0)


@pytest.mark.parametrize("lead", [(), (1,), (5,), (4, 3), (2, 1, 3), (0,), (3, 0), (1025,)])
def test_any_leading_axes(operator, lead):
    check(operator, torch.randn(*lead, 2, 3).double(), torch.randn(lead).double())


STRIDED = {
    "columns": lambda: (torch.randn(2, 3, 50).double().movedim(2, 0), torch.randn(50).double()),
    "every second": lambda: (torch.randn(40, 4, 6).double()[::2, ::2, ::2], torch.randn(40).double()[::2]),
    "expanded": lambda: (torch.randn(2, 3).double().expand(30, 2, 3), torch.randn(()).double().expand(30)),
    "turned rows": lambda: (torch.randn(30, 3, 2).double().transpose(1, 2), torch.randn(30).double()),
    "two axes": lambda: (torch.randn(7, 9, 2, 3).double().transpose(0, 1), torch.randn(7, 9).double().T),
    "three axes": lambda: (torch.randn(2, 3, 4, 5, 6).double().permute(4, 2, 3, 0, 1), torch.randn(6, 4, 5).double()),
    "an offset": lambda: (torch.randn(31, 3, 4).double()[1:, 1:, 1:], torch.randn(31).double()[1:]),
    "large": lambda: (torch.randn(2, 3, 30_001).double().movedim(2, 0), torch.randn(30_001).double()),
    "negated": lambda: (torch.randn(8, 2, 3).double(), torch.conj(torch.randn(8, dtype=torch.complex128)).imag),
}


@pytest.mark.parametrize("name", STRIDED)
def test_strides_are_read_where_they_lie(operator, name):
    check(operator, *STRIDED[name]())


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_large_batches_on_several_threads(operator, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        check(operator, torch.randn(200_000, 2, 3).double(), torch.randn(200_000).double())
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("x", "y"),
    [((2, 3), (1,)), ((5, 2, 3), ()), ((5, 2, 3), (4,)), ((5, 3, 2), (5,)), ((6,), ()), ((), ()), ((4, 2, 3), (2, 2))],
)
def test_other_shapes_are_refused(operator, x, y):
    with pytest.raises(RuntimeError, match="another type or shape"):
        operator(torch.randn(x).double(), torch.randn(y).double())


def test_other_types_and_devices_are_refused(operator):
    with pytest.raises(RuntimeError, match="another type or shape"):
        operator(torch.randn(2, 3), torch.randn(()).double())
    with pytest.raises((NotImplementedError, RuntimeError), match="Sparse"):
        operator(torch.randn(2, 3).double().to_sparse(), torch.randn(()).double())


def test_vmap_nested_and_with_unbatched_operands(operator):
    x, y = torch.randn(4, 2, 5, 3).double(), torch.randn(5).double()
    product, total = torch.func.vmap(torch.func.vmap(operator, in_dims=(1, 0)), in_dims=(0, None))(x, y)
    torch.testing.assert_close(product, x.transpose(1, 2) * y[:, None, None], rtol=1e-14, atol=0)
    torch.testing.assert_close(total, x.transpose(1, 2).sum(2), rtol=1e-14, atol=0)


def test_opcheck(operator):
    torch.library.opcheck(operator, (torch.randn(4, 2, 3).double(), torch.randn(4).double()))


def test_fake_and_meta_tensors(operator):
    product, total = operator(torch.empty(7, 2, 3, dtype=torch.float64, device="meta"), torch.empty(7, device="meta"))
    assert product.shape == (7, 2, 3)
    assert total.shape == (7, 3)
    assert total.dtype == torch.float64


def test_names_are_made_from_the_code():
    program, signature = two_operands()
    first = register.register(program, signature)
    assert register.register(*two_operands()) is first
    assert register.register(*two_operands("float32")) is not first


def test_many_threads_register_and_run():
    x, y = torch.randn(500, 2, 3), torch.randn(500)
    results: dict[int, torch.Tensor] = {}

    def work(k: int) -> None:
        results[k] = register.register(*two_operands("float32"))(x, y)[0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    for result in results.values():
        np.testing.assert_array_equal(result.numpy(), (x * y[:, None, None]).numpy())
