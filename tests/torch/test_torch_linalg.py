"""Small linear algebra: expanded to scalars, with pivots chosen when the program runs."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402

f64 = torch.float64
L = torch.linalg
B = torch.tensor([[0.3, 0.5], [0.2, 0.9], [0.7, 0.1]], dtype=f64)
b = B[:, 0].clone()
W = torch.stack([torch.eye(3, dtype=f64) * k + 0.1 for k in (1.0, 2.0)])
FIRST_PIVOT = torch.tensor([[0.1, 0.6, 0.3], [0.2, 2.5, 0.4], [1.9, 0.3, 0.8]], dtype=f64)
LAST_PIVOT = torch.tensor([[2.1, 0.6, 0.3], [0.2, 0.05, 1.4], [0.9, 0.8, 0.7]], dtype=f64)


def positive(a: Any) -> Any:
    return a @ a.mT + torch.eye(a.shape[-1], dtype=a.dtype)


FUNCTIONS: dict[str, Any] = {
    "inv": L.inv,
    "inv of one number": lambda a: L.inv(a[:1, 1:2]),
    "inv of a stack": lambda a: L.inv(W + a),
    "inv in vmap": lambda a: torch.func.vmap(L.inv)(W + a),
    "solve": lambda a: L.solve(a, B),
    "solve a vector": lambda a: L.solve(a, a[0] * b),
    "solve from the right": lambda a: L.solve(a, B.T, left=False),
    "solve the transposed": lambda a: L.solve(a.T, B),
    "solve a stack": lambda a: L.solve(W + a, B),
    "tensorsolve": lambda a: L.tensorsolve(a, b),
    "det": L.det,
    "det of two rows": lambda a: torch.det(a[:2, 1:]),
    "det of four rows": lambda a: torch.block_diag(a, a[:1, :1] + 1.0).add(0.1).det(),
    "det of a stack": lambda a: L.det(W + a),
    "slogdet": lambda a: L.slogdet(a)[1] * L.slogdet(a)[0],
    "logdet": lambda a: torch.logdet(positive(a)),
    "cholesky": lambda a: L.cholesky(positive(a)),
    "cholesky, upper": lambda a: L.cholesky(positive(a), upper=True),
    "cholesky of a stack": lambda a: L.cholesky(positive(W + a)),
    "cholesky_solve": lambda a: torch.cholesky_solve(B, L.cholesky(positive(a))),
    "cholesky_inverse": lambda a: torch.cholesky_inverse(L.cholesky(positive(a), upper=True), upper=True),
    "solve_triangular": lambda a: L.solve_triangular(a, a[:, :1] * B, upper=True),
    "solve_triangular from the right": lambda a: L.solve_triangular(a, B.T, upper=False, left=False),
    "solve_triangular, ones": lambda a: L.solve_triangular(a, B, upper=False, unitriangular=True),
    "triangular_solve": lambda a: torch.triangular_solve(B, a, upper=False, transpose=True)[0],
    "lu": lambda a: torch.cat(L.lu(a)),
    "lu of a wide matrix": lambda a: L.lu(a[:2])[2],
    "lu_factor": lambda a: L.lu_factor(a)[0],
    "lu_solve": lambda a: L.lu_solve(*L.lu_factor(a), B),
    "lu_solve, adjoint": lambda a: L.lu_solve(*L.lu_factor(a), B, adjoint=True),
    "qr": lambda a: torch.cat(L.qr(a)),
    "qr of a tall matrix": lambda a: L.qr(a[:, :2])[0],
    "matrix_power": lambda a: L.matrix_power(a, -2),
    "multi_dot": lambda a: L.multi_dot([a, a, a]),
    "matrix_norm": L.matrix_norm,
    "grad of logdet": lambda a: torch.func.grad(lambda m: torch.logdet(positive(m)))(a),
    "grad of solve": lambda a: torch.func.grad(lambda m: L.solve(m, b).sum())(a),
    "grad of inv": lambda a: torch.func.grad(lambda m: L.inv(m)[0, 1])(a),
    "grad of det": lambda a: torch.func.grad(L.det)(a),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_expanded_and_right(name: str) -> None:
    fun = FUNCTIONS[name]
    assert (plan := ccjac.plan(fun, FIRST_PIVOT, zoo=False)).source != "fallback", plan.reason
    jacobian = ccjac.value_and_jacobian(fun, zoo=False)
    # One program for matrices that are eliminated in different orders.
    for matrix in (FIRST_PIVOT, LAST_PIVOT, FIRST_PIVOT.T.contiguous()):
        value, found = jacobian(matrix)
        torch.testing.assert_close(value, fun(matrix), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(found, torch.func.jacrev(fun)(matrix), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["inv", "solve a vector", "logdet", "cholesky"])
def test_second_derivatives(name: str) -> None:
    fun = lambda a: FUNCTIONS[name](a).sum()  # noqa: E731
    ours = ccjac.hessian(fun, zoo=False)(FIRST_PIVOT)
    torch.testing.assert_close(ours, torch.autograd.functional.hessian(fun, FIRST_PIVOT), rtol=1e-8, atol=1e-8)


def test_a_singular_matrix_has_no_inverse() -> None:
    """Where torch raises an error, the result cannot be mistaken for one."""
    singular = torch.ones(2, 2, dtype=f64)
    with pytest.raises(RuntimeError, match="singular"):
        torch.func.jacrev(L.inv)(singular)
    assert not torch.isfinite(ccjac.jacobian(L.inv)(singular)).any()
    negative = -torch.eye(2, dtype=f64)
    assert ccjac.jacobian(L.cholesky)(negative).isnan().any()


@pytest.mark.parametrize("fun", [L.svdvals, L.pinv, L.matrix_exp, L.eigvalsh], ids=lambda f: f.__name__)
def test_what_is_left_to_torch(fun: Any) -> None:
    plan = ccjac.plan(fun, FIRST_PIVOT)
    assert plan.source == "fallback"
    assert "linalg" in plan.reason
    matrix = positive(FIRST_PIVOT)
    torch.testing.assert_close(ccjac.jacobian(fun)(matrix), torch.func.jacrev(fun)(matrix))
