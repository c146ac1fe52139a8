"""Who takes part in ``runtime.py --device gpu``: Jacobians of batches that lie on an accelerator.

Where torch has the device as well, its compiled reverse mode takes part, and ccjac's kernel called from torch.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from contenders import Call, Case

import ccjac
from ccjac_jax import showcase

BATCHES = [512, 65_536, 4_000_000]


def obstacle() -> str | None:
    """Why there is nothing to measure, or ``None``."""
    from ccjac_jax.xla import device

    return device.obstacle()


def device() -> Any:
    """JAX's first device of the kind."""
    from ccjac_jax.xla import device as cuda

    return cuda.devices()[0]


def contenders(case: Case, where: Any, *, torch_device: str | None = "cuda") -> dict[str, Call]:
    """All candidates of one row; each call returns when its result is there.

    Args:
        case: The row, of vectors.
        where: JAX's device.
        torch_device: torch's name of it.
    """
    function = case.task.vector("jax")
    rows = jax.block_until_ready(jax.device_put(np.asarray(showcase.points(case.task, case.batch, case.dtype)), where))

    def run(jacobian: Any) -> Call:
        compiled = jax.jit(jax.vmap(jacobian))
        return lambda: compiled(rows).block_until_ready()

    found = {
        "ccjac": run(ccjac.jacobian(function, executor="kernel")),
        "jacfwd": run(jax.jacfwd(function)),
        "jacrev": run(jax.jacrev(function)),
        "primal": run(function),
    }
    return found | _torch(case, np.asarray(rows), torch_device)


def _torch(case: Case, rows: np.ndarray, device: str | None) -> dict[str, Call]:
    try:
        import torch
    except ImportError:
        return {}
    if device is None or (device == "cuda" and not torch.cuda.is_available()):
        return {}
    function, points = case.task.vector("torch"), torch.from_numpy(rows).to(device)

    def run(jacobian: Any) -> Call:
        def call() -> Any:
            result = jacobian(points)
            if device == "cuda":
                torch.cuda.synchronize()
            return result

        return call

    return {
        "torch ccjac": run(torch.func.vmap(ccjac.jacobian(function, executor="kernel"))),
        "torch jacrev": run(torch.compile(torch.func.vmap(torch.func.jacrev(function)))),
    }


def copy_bandwidth(where: Any, size: int = 1 << 26) -> float:
    """Bytes per second, read and written, of a large copy on the device."""
    source = jax.device_put(jnp.ones(size, jnp.float32), where)
    copy = jax.jit(lambda x: x + 1)
    copy(source).block_until_ready()
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        copy(source).block_until_ready()
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best
