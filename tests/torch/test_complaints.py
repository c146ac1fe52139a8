"""What users of ``torch.func`` have complained about in public, as scripts: ours work, or raise torch's own error.

Every script takes a namespace with ``jacobian`` and ``hessian``; it runs once with torch's functions and once with
these.  The names are those of the issues where it was reported, in the repositories ``pytorch/pytorch`` (P),
``pytorch/functorch`` (F), and others by name.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402
from torch.func import functional_call, jvp, stack_module_state, vmap  # noqa: E402

import ccjac  # noqa: E402

f64 = torch.float64
x3 = torch.tensor([0.3, 0.7, 1.2], dtype=f64)
X53 = torch.linspace(0.1, 1.5, 15, dtype=f64).reshape(5, 3)
M22 = torch.tensor([[1.3, 0.2], [0.4, 0.9]], dtype=f64)

THEIRS = SimpleNamespace(jacobian=torch.func.jacrev, hessian=torch.func.hessian)
OURS = SimpleNamespace(jacobian=ccjac.jacobian, hessian=ccjac.hessian)

Script = Callable[[Any], Any]
SCRIPTS: dict[str, Script] = {}


def complaint(*where: str) -> Callable[[Script], Script]:
    def keep(script: Script) -> Script:
        SCRIPTS[" ".join(where)] = script
        return script

    return keep


def net(*widths: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b, dtype=f64), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


# -- batches ---------------------------------------------------------------------------------------------------------


@complaint("F847")
def jacobian_of_a_kept_norm(d: Any) -> Any:
    return vmap(d.jacobian(lambda x: torch.linalg.norm(x, dim=0, keepdim=True)))(X53)


@complaint("F328", "P23475")
def jacobians_of_a_network_by_sample(d: Any) -> Any:
    return vmap(d.jacobian(net(3, 8, 5)))(X53)


@complaint("P105220")
def sum_of_squares_by_sample(d: Any) -> Any:
    return vmap(d.jacobian(lambda x: (x**2).sum(-1)))(X53)


@complaint("F105")
def strided_slices(d: Any) -> Any:
    weight = torch.linspace(0.1, 1.0, 8, dtype=f64).reshape(2, 1, 2, 2)

    def fun(x: Any) -> Any:
        y = F.conv2d(x[None, :, ::2, ::2], weight)
        return y[:, :, :1, :1].flatten()

    return vmap(d.jacobian(fun))(torch.linspace(0.0, 1.0, 50, dtype=f64).reshape(2, 1, 5, 5))


@complaint("F597")
def hessians_of_a_residual(d: Any) -> Any:
    def loss(a: Any, x: Any, y: Any) -> Any:
        return ((y - (a @ x.T).T) ** 2).sum()

    a = torch.linspace(0.1, 0.8, 8, dtype=f64).reshape(2, 2, 2)
    points = torch.linspace(-1.0, 1.0, 12, dtype=f64).reshape(2, 3, 2)
    return vmap(d.hessian(loss))(a, points, points)


@complaint("P182842")
def forward_mode_through_an_ensemble(d: Any) -> Any:
    heads = [net(3, 2, seed=k) for k in range(3)]
    parameters, buffers = stack_module_state(heads)

    def all_heads(x: Any) -> Any:
        call = lambda p, b: d.jacobian(lambda y: functional_call(heads[0], (p, b), (y,)))(x)  # noqa: E731
        return vmap(call)(parameters, buffers)

    return jvp(all_heads, (x3,), (torch.ones_like(x3),))


@complaint("F984", "F1022", "F977")
def determinants_by_sample(d: Any) -> Any:
    fun = lambda x: torch.linalg.slogdet(torch.outer(x, x) + torch.diag(x + 1.0))[1]  # noqa: E731
    return vmap(d.jacobian(fun))(X53), vmap(d.jacobian(torch.linalg.det))(torch.stack([M22, M22 + 0.1]))


@complaint("P68538")
def batching_rules_that_were_missing(d: Any) -> Any:
    def fun(x: Any) -> Any:
        y = torch.zeros(4, dtype=x.dtype)
        y[torch.tensor([0, 2, 3])] = F.softplus(x)
        return torch.gather(y, 0, torch.tensor([3, 2, 0, 1]))

    return d.jacobian(fun)(x3)


@complaint("F998")
def gru_cells(d: Any) -> Any:
    torch.manual_seed(0)
    cell = nn.GRUCell(3, 2, dtype=f64)
    h = torch.tensor([[0.1, -0.2]], dtype=f64)
    return vmap(d.jacobian(lambda x: cell(x[None], h)))(X53)


# -- in-place --------------------------------------------------------------------------------------------------------


@complaint("P103329")
def a_matrix_of_zeros_is_filled(d: Any) -> Any:
    def fun(x: Any) -> Any:
        mat = torch.zeros(x.shape, dtype=x.dtype)
        mat[0] = mat[1] + x[0]
        return mat

    return d.jacobian(fun)(x3)


@complaint("theseus650")
def blocks_of_an_error_vector_are_written(d: Any) -> Any:
    def fun(maps: Any) -> Any:
        error = torch.zeros(1, 6, dtype=maps.dtype)
        for i in range(2):
            for j in range(2):
                if i != j:
                    start = 3 * (i if j > i else 1)
                    error[:, start : start + 3] = maps[:, 3 * i : 3 * i + 3] - maps[:, 3 * j : 3 * j + 3] ** 2
        return error

    return d.jacobian(fun)(torch.linspace(0.1, 0.6, 6, dtype=f64)[None])


@complaint("F1025")
def a_buffer_is_copied_into(d: Any) -> Any:
    def fun(y: Any) -> Any:
        x = torch.ones(3, dtype=y.dtype)
        x.copy_(y)
        x.mul_(y)
        return x

    return d.jacobian(fun)(x3)


@complaint("F715")
def matrix_exponential(d: Any) -> Any:
    return d.jacobian(torch.linalg.matrix_exp)(0.3 * torch.eye(3, dtype=f64) + 0.1)


# -- modules and parameters ------------------------------------------------------------------------------------------


@complaint("F292", "F296")
def loss_by_parameters_data_and_targets(d: Any) -> Any:
    model = net(3, 2)
    parameters = {k: p.detach() for k, p in model.named_parameters()}

    def loss(parameters: Any, data: Any, targets: Any) -> Any:
        return torch.mean((functional_call(model, parameters, (data,)) - targets) ** 2)

    targets = torch.ones(5, 2, dtype=f64)
    return d.jacobian(loss, argnums=(0, 1, 2))(parameters, X53, targets)


@complaint("P99267", "P97908")
def functional_call_itself(d: Any) -> Any:
    model = net(3, 2)
    parameters = {k: p.detach() for k, p in model.named_parameters()}
    return d.jacobian(functional_call, argnums=1)(model, parameters, (X53[:2],))


@complaint("P103161")
def lstm_by_its_parameters(d: Any) -> Any:
    torch.manual_seed(0)
    lstm = nn.LSTM(input_size=2, hidden_size=2, batch_first=True, dtype=f64)
    parameters = {k: p.detach() for k, p in lstm.named_parameters()}
    data = torch.linspace(0.0, 1.0, 12, dtype=f64).reshape(2, 3, 2)
    return d.jacobian(lambda p: functional_call(lstm, p, (data,))[0].mean())(parameters)


@complaint("pypose59")
def network_by_its_weights(d: Any) -> Any:
    model = net(3, 4, 2)
    parameters = {k: p.detach() for k, p in model.named_parameters()}
    return d.jacobian(lambda p: functional_call(model, p, (x3,)))(parameters)


@complaint("F273", "F867")
def batch_norm_in_training(d: Any) -> Any:
    norm = nn.BatchNorm1d(3, dtype=f64)
    before = {k: b.clone() for k, b in norm.named_buffers()}
    try:
        return d.jacobian(norm)(X53)
    finally:
        for k, b in norm.named_buffers():
            assert torch.equal(b, before[k]), "a buffer was changed"


@complaint("F273: evaluation")
def batch_norm_in_evaluation(d: Any) -> Any:
    return d.jacobian(nn.BatchNorm1d(3, dtype=f64).eval())(X53[:2])


@complaint("P99187")
def other_normalisations(d: Any) -> Any:
    group, layer = nn.GroupNorm(1, 3, dtype=f64), nn.LayerNorm(3, dtype=f64)
    return d.jacobian(lambda x: group(x[None, :, None]))(x3), d.jacobian(layer)(x3)


# -- memory, chunks, randomness --------------------------------------------------------------------------------------


@complaint("F636")
def jacobian_of_a_gradient(d: Any) -> Any:
    model = lambda p, x: x[0] * p[0] ** 2  # noqa: E731
    p = torch.tensor([0.3, 0.5, 0.7], dtype=f64)
    return d.jacobian(lambda x: torch.func.grad(model)(p, x))(x3[:2])


@complaint("F680", "F673", "P89376", "P91157", "F1058")
def rows_in_chunks(d: Any) -> Any:
    return d.jacobian(torch.sin, chunk_size=2)(x3)


@complaint("P91326", "P127036")
def row_by_row_with_indices_that_depend(d: Any) -> Any:
    idx = torch.tensor([0, 1])
    return d.jacobian(lambda x: torch.take(x * x, idx), chunk_size=1)(x3)


@complaint("P116429", "P84220", "F1010")
def random_numbers(d: Any) -> Any:
    def fun(x: Any) -> Any:
        torch.manual_seed(3)
        return x * torch.randn(3, dtype=x.dtype)

    return d.jacobian(fun)(x3)


@complaint("F1010: dropout")
def dropout_of_everything(d: Any) -> Any:
    return d.jacobian(lambda x: F.dropout(x, 1.0))(x3)


# -- derivatives of derivatives --------------------------------------------------------------------------------------


@complaint("F719")
def hessian_of_rsub(d: Any) -> Any:
    return d.hessian(lambda x: ((1.0 - x) ** 2 * torch.rsub(x, 2.0)).sum())(x3)


@complaint("P95057")
def hessian_of_logsigmoid(d: Any) -> Any:
    return d.hessian(lambda x: F.logsigmoid(x).sum())(x3)


@complaint("P117629", "P128971", "P154226", "P98164", "P165530", "P146901")
def attention_twice(d: Any) -> Any:
    def fun(x: Any) -> Any:
        q, k, v = (x[None, :, None] * s for s in (1.0, 2.0, 3.0))
        return F.scaled_dot_product_attention(q, k, v).sum()

    return d.jacobian(fun)(x3), d.jacobian(d.jacobian(fun))(x3)


@complaint("P174355")
def forward_mode_of_a_gru(d: Any) -> Any:
    torch.manual_seed(0)
    cell = nn.GRUCell(3, 3, dtype=f64)
    return jvp(d.jacobian(lambda x: cell(x[None], x[None] * 0.5).norm()), (x3,), (torch.ones_like(x3),))


@complaint("P10223")
def product_with_a_hessian(d: Any) -> Any:
    model = net(3, 4, 1)
    return jvp(lambda x: d.jacobian(lambda y: model(y).sum())(x), (x3,), (x3 * 0.5,))


@complaint("P162879")
def hessian_of_many_variables(d: Any) -> Any:
    return d.hessian(lambda x: (x[1:] * x[:-1] ** 2).sum())(torch.linspace(0.1, 2.0, 20, dtype=f64))


# -- custom derivatives ----------------------------------------------------------------------------------------------


class Clipped(torch.autograd.Function):
    """A derivative of one's own, in both modes."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any, alpha: Any) -> Any:
        return x.clamp(min=0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, ctx.alpha = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.where(x < 0, 0.0, torch.where(x == 0, ctx.alpha, g)), None

    @staticmethod
    def jvp(ctx: Any, t: Any, _: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.where(x < 0, 0.0, torch.where(x == 0, ctx.alpha, t))


class OldStyle(torch.autograd.Function):
    """With the context in ``forward``, which ``torch.func`` refuses."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2.0

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3.0


class WithItsBatches(torch.autograd.Function):
    """With a rule for batches."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x**2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 7.0 * g * ctx.saved_tensors[0]

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        return WithItsBatches.apply(x), in_dims[0]


@complaint("F207", "F1031", "P90077")
def a_function_with_its_own_derivative(d: Any) -> Any:
    x = torch.tensor([-1.0, 0.0, 2.0], dtype=f64)
    return d.jacobian(lambda x: Clipped.apply(x, 0.25) * x)(x), vmap(d.jacobian(lambda x: Clipped.apply(x, 0.25)))(X53)


@complaint("P91280")
def forward_mode_of_a_function_with_its_own_derivative(d: Any) -> Any:
    x = torch.tensor([-1.0, 0.5, 2.0], dtype=f64)
    return jvp(d.jacobian(lambda x: Clipped.apply(x, 0.25) ** 2), (x,), (torch.ones_like(x),))


@complaint("finufft95", "mamba239")
def a_function_of_the_old_style(d: Any) -> Any:
    return d.jacobian(OldStyle.apply)(x3)


@complaint("P144639", "P134256")
def a_function_with_a_rule_for_batches(d: Any) -> Any:
    return d.jacobian(WithItsBatches.apply)(x3), vmap(d.jacobian(WithItsBatches.apply))(X53)


@functools.cache
def doubled() -> Any:
    @torch.library.custom_op("ccjac_complaints::double", mutates_args=())
    def double(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    double.register_fake(torch.empty_like)
    double.register_autograd(lambda ctx, g: g * 2, setup_context=lambda ctx, inputs, output: None)
    return double


@complaint("P179652", "P168393", "sphericart224")
def an_operator_with_a_registered_derivative(d: Any) -> Any:
    return d.jacobian(doubled())(x3)


# -- steps that look at numbers --------------------------------------------------------------------------------------


@complaint("P186301", "F257")
def a_branch_on_a_number(d: Any) -> Any:
    fun = lambda x: x * 2.0 if x.sum() > 0 else x  # noqa: E731
    return d.jacobian(fun)(x3), d.jacobian(fun)(-x3)


@complaint("torchode32")
def a_solver_that_stops_by_itself(d: Any) -> Any:
    def solve(x: Any) -> Any:
        y, t = x, torch.zeros((), dtype=x.dtype)
        while not bool((t >= 0.3).all()):
            y, t = y - 0.1 * y**2, t + 0.1
        return y

    return d.jacobian(solve)(x3)


@complaint("torchode32: batches")
def such_a_solver_in_a_batch(d: Any) -> Any:
    def solve(x: Any) -> Any:
        while bool((x > 0.5).any()):
            x = x * 0.5
        return x

    return vmap(d.jacobian(solve))(X53)


# -- types, containers, signatures -----------------------------------------------------------------------------------


@complaint("F1073")
def a_number_is_added_to_entries(d: Any) -> Any:
    def fun(x: Any) -> Any:
        q, p = x
        return torch.stack([q + 1.0, p + 1.0])

    return d.jacobian(fun)(torch.zeros(2))


@complaint("P94805", "P94397", "P91873")
def complex_arguments(d: Any) -> Any:
    return d.jacobian(lambda x: x * x)(torch.tensor([1.0 + 2.0j]))


@complaint("P185639")
def complex_powers_inside(d: Any) -> Any:
    def fun(v: Any) -> Any:
        z = torch.pow(torch.abs(v[:1] + 1j * v[1:]), torch.tensor(1.0 + 1.0j, dtype=torch.complex128))
        return torch.cat([torch.real(z), torch.imag(z)])

    return d.jacobian(fun)(torch.tensor([0.3, 0.4], dtype=f64))


@complaint("P154036")
def two_results_and_something_beside(d: Any) -> Any:
    fun = lambda x: (torch.sin(x), torch.cos(x))  # noqa: E731
    return vmap(d.jacobian(fun, has_aux=True))(torch.linspace(0.0, 1.0, 4, dtype=f64))


@complaint("F110")
def derivative_by_a_later_argument(d: Any) -> Any:
    return d.jacobian(torch.multiply, argnums=1)(x3, x3 * 2.0)


@complaint("P84915")
def an_argument_that_is_not_differentiated(d: Any) -> Any:
    def fun(x: Any, y: Any) -> Any:
        y = y.clone()
        y[:2] = x[:2]
        return y * x

    return d.jacobian(fun)(x3, x3 * 2.0), d.jacobian(fun, argnums=1)(x3, x3 * 2.0)


@complaint("P94395")
def wide_and_tall(d: Any) -> Any:
    wide = d.jacobian(lambda x: (x[None] * X53).sum(1))(x3)
    tall = d.jacobian(lambda x: torch.stack([x.sum(), x.prod()]))(X53[0])
    return wide, tall


@complaint("tutorial: per-sample gradients")
def gradients_by_sample(d: Any) -> Any:
    model = net(3, 4, 2)
    parameters = {k: p.detach() for k, p in model.named_parameters()}

    def loss(p: Any, x: Any, y: Any) -> Any:
        return F.cross_entropy(functional_call(model, p, (x[None],)), y[None])

    labels = torch.tensor([0, 1, 1, 0, 1])
    return vmap(d.jacobian(loss), in_dims=(None, 0, 0))(parameters, X53, labels)


@complaint("tutorial: outer products by einsum")
def neural_tangent_kernel(d: Any) -> Any:
    model = net(3, 4, 2)
    parameters = {k: p.detach() for k, p in model.named_parameters()}
    by_sample = vmap(d.jacobian(lambda p, x: functional_call(model, p, (x,))), in_dims=(None, 0))
    flat = [j.flatten(2) for j in by_sample(parameters, X53).values()]
    return sum(torch.einsum("naf,mbf->nmab", j, j) for j in flat)


@complaint("jax3058")
def ties_and_norms_of_zero(d: Any) -> Any:
    ties = torch.tensor([1.0, 1.0, 0.0], dtype=f64)
    return d.jacobian(lambda x: torch.stack([x.max(), x.amax(), torch.linalg.norm(x * 0.0), x.abs()[2]]))(ties)


@complaint("closures")
def a_tensor_of_a_surrounding_transformation(d: Any) -> Any:
    def by_gain(gain: Any) -> Any:
        return d.jacobian(lambda x: torch.sin(gain * x) * x.sum())(x3)

    gains = torch.tensor([0.5, 2.0], dtype=f64)
    once = lambda g: by_gain(g).sum()  # noqa: E731
    return vmap(by_gain)(gains), torch.func.grad(once)(gains[0]), vmap(torch.func.jacfwd(by_gain))(gains)


def outcome(script: Script, namespace: Any) -> Any:
    try:
        return script(namespace)
    except AssertionError:
        raise
    except Exception as error:
        return type(error), str(error).splitlines()[:1]


@pytest.mark.parametrize("where", SCRIPTS)
@pytest.mark.filterwarnings("ignore")
def test_scripts_pass_or_raise_torch_s_own_error(where: str, caplog: pytest.LogCaptureFixture) -> None:
    theirs, ours = outcome(SCRIPTS[where], THEIRS), outcome(SCRIPTS[where], OURS)
    if isinstance(theirs, tuple) and theirs and isinstance(theirs[0], type):
        assert ours == theirs
    else:
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12, equal_nan=True)


def test_there_are_enough() -> None:
    assert len(SCRIPTS) >= 40


# -- where torch's own result is wrong or missing --------------------------------------------------------------------


def test_hessian_of_a_determinant() -> None:
    """P149694, P192521: torch's has NaN in it wherever singular values coincide."""

    def phi(x: Any) -> Any:
        return torch.det(x @ torch.tensor([[1.0, 0.0], [-1.0, 1.0]], dtype=f64))

    x = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=f64)
    right = torch.autograd.functional.hessian(phi, x)
    assert torch.isfinite(right).all()
    torch.testing.assert_close(ccjac.hessian(phi)(x), right)
    for matrix in (torch.eye(3, dtype=f64), torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=f64))):
        ours = ccjac.hessian(torch.linalg.det)(matrix)
        torch.testing.assert_close(ours, torch.autograd.functional.hessian(torch.linalg.det, matrix))


def test_a_batch_needs_no_vmap_even_with_in_place_writes() -> None:
    """P103329, F247, F999, F501: ``torch.func.vmap`` cannot write samples into a tensor without a batch axis."""

    def fun(x: Any) -> Any:
        mat = torch.zeros(3, dtype=x.dtype)
        mat[0] = x[0] * x[1]
        return mat + x

    with pytest.raises(RuntimeError, match="inplace"):
        vmap(torch.func.jacfwd(fun))(X53)
    ours = vmap(ccjac.jacobian(fun))(X53)
    torch.testing.assert_close(ours, torch.stack([torch.func.jacrev(fun)(x) for x in X53]))
    torch.testing.assert_close(ccjac.jacobian(fun, in_dims=0)(X53), ours)


def test_what_is_not_chosen_does_not_matter() -> None:
    """jax347, tinygrad12409: torch's reverse mode gives zero times infinity."""

    def fun(x: Any) -> Any:
        return torch.where(x > 0, torch.sqrt(x), 0.0)

    x = torch.tensor([0.0, 4.0], dtype=f64)
    assert torch.func.jacrev(fun)(x).isnan().any()
    torch.testing.assert_close(ccjac.jacobian(fun)(x), torch.diag(torch.tensor([0.0, 0.25], dtype=f64)))


def test_mixed_derivative_of_a_distance_that_is_zero() -> None:
    """F1097, P92075: where points coincide, torch's forward and reverse modes differ; ours is one of theirs."""

    def rbf(a: Any, b: Any) -> Any:
        distance = torch.linalg.norm(a - b)
        return torch.exp(-distance * distance)

    outer = [torch.func.jacfwd, torch.func.jacrev]
    theirs = [j(torch.func.grad(rbf, argnums=0), argnums=1)(x3, x3) for j in outer]
    ours = ccjac.jacobian(torch.func.grad(rbf, argnums=0), argnums=1)(x3, x3)
    right = 2.0 * torch.eye(3, dtype=f64)
    assert any(torch.allclose(ours, t, equal_nan=True) for t in (*theirs, right))
