"""What is not public in torch: found in this release, and not needed for a right result."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")

from ccjac_torch import private


@pytest.mark.parametrize("what", private.PROBES)
def test_every_name_is_there(what):
    assert private.probe(what) is not None


_WITHOUT = """
from ccjac_torch import private
missing = {missing!r}
found = private.probe
private.probe = lambda what: None if what in missing else found(what)
import torch, ccjac
fun = lambda x: torch.stack([torch.sin(x[0]) * x[1], torch.logsumexp(x, 0), x.prod()])
x = torch.tensor([0.3, 0.7, 1.2], dtype=torch.float64)
X = torch.rand(4, 3, dtype=torch.float64) + 0.2
J, R = ccjac.jacobian(fun), torch.func.jacrev(fun)
close = lambda a, b: torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
close(J(x), R(x))
close(torch.func.vmap(J)(X), torch.func.vmap(R)(X))
close(torch.func.jacrev(J)(x), torch.func.jacrev(R)(x))
close(torch.func.vmap(torch.func.jacfwd(J))(X), torch.func.vmap(torch.func.jacfwd(R))(X))
y, z = (x.clone().requires_grad_() for _ in range(2))
J(y).sum().backward(), R(z).sum().backward()
close(y.grad, z.grad)
with torch.no_grad():
    close(ccjac.jacobian(fun)(x), R(x))
print("right", ccjac.plan(fun, x).executor)
"""


@pytest.mark.parametrize(
    "missing",
    [
        ("modes off", "levels off"),
        ("any level", "levels", "vmap"),
        ("batched", "batch axis", "batch level", "unwrapped", "wrapped", "level off", "level on"),
        ("decompositions",),
        ("make dual", "unpack dual", "fake"),
    ],
    ids=lambda names: names[0],
)
def test_results_are_right_without(missing):
    script = _WITHOUT.format(missing=missing)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=200)
    assert done.stdout.split() == ["right", "kernel"], done.stderr[-2000:]
