"""Bad input and what cannot be expanded: torch's own behaviour or a clear error, nothing guessed, no crash."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402

x = torch.tensor([0.3, 0.7, 1.2], dtype=torch.float64)
counter = 0


def outcome(call: Any) -> Any:
    """A result, or the kind of error."""
    try:
        return call()
    except Exception as error:
        return type(error)


class Twice(torch.autograd.Function):
    """A value whose derivative is another one."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x * 2.0

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass


class Doubled(Twice):
    """A custom derivative for reverse mode alone."""

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 5.0


def hooked(x: Any) -> Any:
    y = x * 1.0
    if y.requires_grad:
        y.register_hook(lambda g: g * 3.0)
    return y * x


def through_data(x: Any) -> Any:
    return x * x.data


def written_after_detach(x: Any) -> Any:
    y = x * 2.0
    z = y.detach()
    y.mul_(x)
    return y + z


def written_without_gradient(x: Any) -> Any:
    y = x * x
    with torch.no_grad():
        y[:2].mul_(3.0)
    return y * x


def hidden_state(x: Any) -> Any:
    global counter
    counter += 1
    return x * 2.0


def quietly(make: Any) -> Any:
    """Torch warns of kinds of tensors that are not finished."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


class ForwardOnly(Twice):
    """A custom derivative for forward mode alone."""

    @staticmethod
    def jvp(ctx: Any, t: Any) -> Any:
        return t * 5.0


SAME_AS_TORCH: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "integers": (lambda x: x * 2, (torch.tensor([1, 2]),)),
    "booleans": (lambda x: x.double(), (torch.tensor([True, False]),)),
    "complex numbers": (lambda x: x * x, (torch.tensor([1.0 + 1.0j]),)),
    "complex inside": (lambda x: torch.complex(x, x * x).abs(), (x,)),
    "sparse": (lambda x: x.to_dense() * 2.0, (torch.eye(3).to_sparse(),)),
    "sparse rows": (lambda x: x.to_dense() * 2.0, (quietly(lambda: torch.eye(3).to_sparse_csr()),)),
    "sparse beside it": (lambda x, s: s @ x, (x, torch.eye(3, dtype=x.dtype).to_sparse())),
    "complex beside it": (lambda x, c: (x * c).real, (x, x + 1.0j)),
    "integers beside it": (lambda x, k: x * k, (x, torch.arange(3))),
    "truth values beside it": (lambda x, k: x * k, (x, x > 0.5)),
    "nested": (
        lambda t: torch.nested.to_padded_tensor(t * 2.0, 0.0),
        (quietly(lambda: torch.nested.nested_tensor([x, x[:2]])),),
    ),
    "nested, jagged": (
        lambda t: t.values() * 2.0,
        (quietly(lambda: torch.nested.nested_tensor([x, x[:2]], layout=torch.jagged)),),
    ),
    "quantized": (
        lambda t: t.dequantize(),
        (quietly(lambda: torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8)),),
    ),
    "mkldnn": (lambda t: t.to_dense() * 2.0, (x.float().to_mkldnn(),)),
    "no numbers": (lambda t: t * 2.0, (torch.empty(3, device="meta"),)),
    "bfloat16": (lambda t: t * t, (x.bfloat16(),)),
    "half": (lambda t: torch.sin(t) * t, (x.half(),)),
    "two precisions": (lambda t, u: t * u, (x, x.float())),
    "an inference tensor": (lambda t: t * t, (torch.inference_mode()(lambda: x * 1.0)(),)),
    "a string beside it": (lambda t, s: t * 2.0, (x, "a")),
    "a numpy array": (lambda t: t * 2.0, (x.numpy(),)),
    "a conjugated view": (lambda t: torch.view_as_real(torch.complex(t, t).conj())[..., 1], (x,)),
    "a forward derivative alone": (ForwardOnly.apply, (x,)),
    "cond": (lambda x: torch.cond(x.sum() > 0, lambda y: y * 2.0, lambda y: y * 3.0, (x,)), (x,)),
    "a Python number": (lambda x: x * 2.0, (2.0,)),
    "a list of numbers": (lambda x: x[0] * 2.0, ([1.0, 2.0],)),
    "shapes that do not fit": (lambda x: x + torch.ones(2, dtype=x.dtype), (x,)),
    "an argument that is written to": (lambda x: x.mul_(2.0), (x,)),
    "an argument's view that is written to": (lambda x: x[0].mul_(2.0), (x,)),
    "an integer output": (lambda x: (x > 0).long(), (x,)),
    "no tensor out": (lambda x: 1.0, (x,)),
    "a string out": (lambda x: "y", (x,)),
    "none out": (lambda x: None, (x,)),
    "an error of the user's": (lambda x: [][0], (x,)),
    "numpy": (lambda x: torch.from_numpy(x.numpy()), (x,)),
    "item": (lambda x: x * x[0].item(), (x,)),
    "float()": (lambda x: x * float(x[0]), (x,)),
    "tolist": (lambda x: x * x.tolist()[0], (x,)),
    "nonzero": (lambda x: x[x > 0.5], (x,)),
    "unique": (lambda x: torch.unique(x), (x,)),
    "python branches": (lambda x: x * 2.0 if bool(x.sum() > 0) else x, (x,)),
    "eigenvalues": (lambda x: torch.linalg.eigvalsh(torch.outer(x, x)), (x,)),
    "determinant": (lambda x: torch.linalg.det(torch.outer(x, x) + torch.eye(3).double()), (x,)),
    "solve": (lambda x: torch.linalg.solve(torch.diag(x), x * x), (x,)),
    "fft": (lambda x: torch.fft.rfft(x).abs(), (x,)),
    "a custom derivative": (Doubled.apply, (x,)),
    "data": (through_data, (x,)),
    "written to under no_grad": (written_without_gradient, (x,)),
    "detach and write": (written_after_detach, (x,)),
    "no_grad inside": (lambda x: x * torch.no_grad()(lambda: x * x)(), (x,)),
    "detach": (lambda x: x * x.detach(), (x,)),
    "checkpoint": (lambda x: torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=False), (x,)),
    "autograd.grad inside": (
        lambda x: torch.autograd.grad((y := x.detach().requires_grad_()).pow(3).sum(), y, create_graph=True)[0],
        (x,),
    ),
    "jvp inside": (lambda x: torch.func.jvp(torch.sin, (x,), (x,))[1], (x,)),
    "jacfwd inside": (lambda x: torch.func.jacfwd(torch.sin)(x), (x,)),
    "hessian inside": (lambda x: torch.func.hessian(lambda y: (y**3).sum())(x), (x,)),
    "a type view": (lambda x: x.view(torch.int64).view(torch.float64) * 2.0, (x,)),
    "empty input": (lambda x: x * 2.0, (x[:0],)),
    "state": (hidden_state, (x,)),
    "a half-precision detour": (lambda x: (x.half() * x.half()).double(), (x,)),
    "bfloat16 constants": (lambda x: x * torch.ones(3, dtype=torch.bfloat16), (x,)),
    "zero dimensions": (lambda x: torch.sin(x), (x[0],)),
    "an index that depends": (lambda x: x[(x > 0.5).long()], (x,)),
    "sort": (lambda x: torch.sort(x * x).values, (x,)),
    "topk": (lambda x: torch.topk(x, 2).values, (x,)),
    "convolution": (lambda x: torch.nn.functional.conv1d(x[None, None], x[None, None, :2]), (x,)),
    "cdist": (lambda x: torch.cdist(x[:, None], x[None].T), (x,)),
    "cosine similarity": (lambda x: torch.nn.functional.cosine_similarity(x, x * x, dim=0), (x,)),
    "attention": (
        lambda x: torch.nn.functional.scaled_dot_product_attention(*(x[None, :, None] * k for k in (1.0, 2.0, 3.0))),
        (x,),
    ),
    "grid of a large constant": (lambda x: (torch.ones(300, 300, dtype=x.dtype) * x[0]).sum(), (x,)),
    "ldexp": (lambda x: torch.ldexp(x, torch.tensor([1, 2, 3])), (x,)),
    "max pooling": (lambda x: torch.nn.functional.max_pool1d(x[None, None], 2), (x,)),
    "group norm": (lambda x: torch.nn.functional.group_norm(x[None, :, None], 1), (x,)),
    "embedding bag": (lambda x: torch.nn.functional.embedding(torch.tensor([1, 0]), x[:, None]), (x,)),
    "cross entropy": (lambda x: torch.nn.functional.cross_entropy(x[None], torch.tensor([1])), (x,)),
    "bce": (lambda x: torch.nn.functional.binary_cross_entropy_with_logits(x, x.detach() * 0.0), (x,)),
    "kl": (lambda x: torch.nn.functional.kl_div(x.log_softmax(0), x.softmax(0), reduction="sum"), (x,)),
    "pairwise": (lambda x: torch.nn.functional.pairwise_distance(x[None], x[None] * 2.0), (x,)),
    "interpolate": (lambda x: torch.nn.functional.interpolate(x[None, None], scale_factor=2.0, mode="linear"), (x,)),
    "matrix power": (lambda x: torch.linalg.matrix_power(torch.outer(x, x), 3), (x,)),
    "polar": (lambda x: torch.polar(x, x).real, (x,)),
    "cummax": (lambda x: torch.cummax(x * x, 0).values, (x,)),
    "renorm": (lambda x: torch.renorm(x[None], 2, 0, 1.0), (x,)),
    "quantile": (lambda x: torch.quantile(x, 0.3), (x,)),
    "searchsorted": (lambda x: x * torch.searchsorted(x, x), (x,)),
    "bucketize": (lambda x: x * torch.bucketize(torch.tensor([0.5]).double(), x), (x,)),
    "gradient of numpy's kind": (lambda x: torch.gradient(x * x)[0], (x,)),
    "lu": (lambda x: torch.linalg.lu(torch.outer(x, x) + torch.eye(3).double())[1], (x,)),
    "tensor of tensors": (lambda x: torch.tensor([x[0], x[1]]), (x,)),
    "as_tensor of a list": (lambda x: torch.stack([torch.as_tensor(v) for v in x]) * 2.0, (x,)),
    "iteration": (lambda x: sum(v * v for v in x), (x,)),
    "out= argument": (lambda x: torch.mul(x, x, out=torch.empty(3, dtype=x.dtype)), (x,)),
    "set_": (lambda x: torch.empty(0, dtype=x.dtype).set_(x * 2.0), (x,)),
}


def copied(x: Any) -> Any:
    """So that each call has arguments of its own, where torch can copy them."""
    return x.clone() if isinstance(x, torch.Tensor) and x.layout == torch.strided and not x.is_nested else x


@pytest.mark.parametrize("name", SAME_AS_TORCH)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_results_or_errors_are_torch_s(name: str, caplog: Any) -> None:
    fun, args = SAME_AS_TORCH[name]
    caplog.set_level(logging.ERROR, "ccjac")
    copies = [[copied(a) for a in args] for _ in range(2)]
    theirs = outcome(lambda: torch.func.jacrev(fun)(*copies[0]))
    jacobian = ccjac.jacobian(fun, backend="torch")
    for _ in range(2):
        ours = outcome(lambda: jacobian(*copies[1]))
        if isinstance(theirs, type):
            assert isinstance(ours, type), f"torch raises {theirs.__name__}"
        else:
            assert not isinstance(ours, type), ours
            if torch.utils._pytree.tree_leaves(theirs)[0].is_meta:
                assert ours.shape == theirs.shape
                continue
            torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9, equal_nan=True)


def test_random_numbers_are_drawn_anew() -> None:
    fun = lambda x: x * torch.rand(3, dtype=x.dtype)  # noqa: E731
    jacobian = ccjac.jacobian(fun)
    assert "random" in ccjac.plan(fun, x).reason
    assert not torch.equal(jacobian(x), jacobian(x))
    dropout = ccjac.jacobian(lambda x: torch.nn.functional.dropout(x * torch.ones(64, 1, dtype=x.dtype)))
    assert not torch.equal(dropout(x), dropout(x))


def test_arrays_of_two_frameworks() -> None:
    jax = pytest.importorskip("jax")
    with pytest.raises(ccjac.InputError, match="JAX"):
        ccjac.jacobian(lambda x, y: x, backend="torch")(x, jax.numpy.ones(3))


def test_tensors_on_several_devices() -> None:
    with pytest.raises(RuntimeError, match=r"device|meta"):
        ccjac.jacobian(lambda x, y: x * y)(x, torch.ones(3, device="meta"))


def test_tensor_subclasses_are_torch_s_affair() -> None:
    class Mine(torch.Tensor):
        pass

    y = x.as_subclass(Mine)
    assert "Mine" in ccjac.plan(lambda x: x * x, y).reason
    torch.testing.assert_close(
        ccjac.jacobian(lambda x: x * x)(y).as_subclass(torch.Tensor), torch.func.jacrev(lambda x: x * x)(x)
    )


def test_arguments_are_never_written_to_while_tracing() -> None:
    y = x.clone()
    with pytest.raises(RuntimeError):
        ccjac.jacobian(lambda x: x.mul_(2.0))(y)
    torch.testing.assert_close(y, x)


def test_the_reason_is_in_the_plan() -> None:
    for fun, word in (
        (lambda x: torch.linalg.eigvalsh(torch.outer(x, x)), "eigh"),
        (Doubled.apply, "autograd.Function"),
        (lambda x: x * x.tolist()[0], "tolist"),
        (through_data, ".data"),
        (lambda x: torch.complex(x, x).abs(), "complex"),
        (ForwardOnly.apply, "autograd.Function"),
        (lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)), "cannot be traced"),
    ):
        plan = ccjac.plan(fun, x)
        assert plan.source == "fallback"
        assert word in plan.reason
