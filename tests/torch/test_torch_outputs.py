"""What tensors do not have yet is said before anything is computed."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ccjac  # noqa: E402

x = torch.tensor([0.3, 0.7, 1.2], dtype=torch.float64)


def fun(x: Any) -> Any:
    return torch.sin(x) * x.sum()


@pytest.mark.parametrize("output", ["bcoo", "bcsr", "operator"])
def test_sparse_results(output: str, caplog: pytest.LogCaptureFixture) -> None:
    for make in (ccjac.jacobian, ccjac.value_and_jacobian, ccjac.hessian):
        with pytest.raises(ccjac.BackendError, match=f'`output="{output}"` is not there for torch.*to_sparse'):
            make(fun, output=output)(x)
    assert not caplog.records


def test_patterns_values_and_fused_functions() -> None:
    with pytest.raises(ccjac.BackendError, match=r"`ccjac.sparse_values` is not there for torch"):
        ccjac.sparse_values(fun)(x)
    with pytest.raises(ccjac.UnsupportedError, match=r"`ccjac.sparsity`.*to_sparse"):
        ccjac.sparsity(fun, x)
    with pytest.raises(ccjac.BackendError, match=r"`ccjac.fuse`.*torch.compile"):
        ccjac.fuse(fun)(x)


def test_the_way_that_is_recommended() -> None:
    sparse = ccjac.jacobian(lambda x: x**3)(x).to_sparse()
    assert sparse._nnz() == 3
    torch.testing.assert_close(sparse.to_dense(), torch.diag(3.0 * x**2))
