"""Whether Jacobians in PyTorch are those of torch's own modes and those of JAX, for the whole catalogue in float64.

    python benchmarks/torch_agreement.py [--tasks RoeFlux_1d RobotArm_6DOF]

For every function: the largest distance from ``torch.func.jacrev``, from ``torch.func.jacfwd`` and from the Jacobian of
the same function in JAX, relative to the largest entry; whether both frameworks give the same graph; and how long the
first call took in a process that has made other Jacobians before.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

from common import arguments, bars, progress, report

TOLERANCE = 1e-10


def measure(task: Any) -> dict[str, Any]:
    """One function at its example."""
    import jax
    import numpy as np
    import torch

    import ccjac

    example = task.example()
    options = {"argnums": task.argnums, "zoo": False, "order": "reverse"}
    on_torch, tensors = task.bind("torch"), [torch.tensor(a) for a in example]
    start = time.perf_counter()
    ours = ccjac.jacobian(on_torch, **options)(*tensors)
    seconds = time.perf_counter() - start
    on_jax, arrays = task.bind("jax"), [jax.numpy.asarray(a) for a in example]
    graphs = [ccjac.trace(on_torch, *tensors, argnums=task.argnums), ccjac.trace(on_jax, *arrays, argnums=task.argnums)]
    others = {
        "jacrev": torch.func.jacrev(on_torch, argnums=task.argnums)(*tensors),
        "jacfwd": torch.func.jacfwd(on_torch, argnums=task.argnums)(*tensors),
        "jax": ccjac.jacobian(on_jax, **options)(*arrays),
    }
    found = [np.asarray(x) for x in torch.utils._pytree.tree_leaves(ours)]
    row: dict[str, Any] = {"task": task.name, "first call": seconds, "same graph": same(*graphs)}
    for name, other in others.items():
        leaves = [np.asarray(x) for x in jax.tree.leaves(other)]
        size = max((float(np.abs(x).max(initial=0.0)) for x in leaves), default=0.0) or 1.0
        row[name] = max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(found, leaves, strict=True)) / size
    return row


def same(a: Any, b: Any) -> bool:
    """Whether two graphs have the same fingerprint."""
    from ccjac.fingerprint import fingerprint

    return fingerprint(a) == fingerprint(b)


def main() -> None:
    options = arguments(__doc__.partition("\n")[0]).parse_args()
    os.environ["CCJAC_ZOO"] = tempfile.mkdtemp()
    import jax
    import torch

    import ccjac
    import ccjac_zoo

    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    ccjac.jacobian(torch.sin)(torch.ones(3))
    tasks = ccjac_zoo.tasks()
    with progress() as bar:
        rows = [measure(tasks[name]) for name in bar.track(options.tasks or list(tasks), description="functions")]
    kinds = ("jacrev", "jacfwd", "jax")
    worst = sorted(rows, key=lambda r: -max(r[k] for k in kinds))
    columns = ["task", *kinds, "same graph", "first call, s"]
    table = [
        [r["task"], *(f"{r[k]:.1e}" for k in kinds), "yes" if r["same graph"] else "no", f"{r['first call']:.2f}"]
        for r in worst[:20]
    ]
    summary = {
        "functions": len(rows),
        "within tolerance": sum(max(r[k] for k in kinds) <= TOLERANCE for r in rows),
        "same graph": sum(r["same graph"] for r in rows),
        "slow first calls": sorted(r["task"] for r in rows if r["first call"] > 0.5),
    }
    data = {"tolerance": TOLERANCE, "summary": summary, "rows": rows}
    report("torch_agreement", columns, table, data, options.results, title="The largest distances")
    shown = worst[:40]
    bars(
        "torch_agreement",
        [r["task"] for r in shown],
        {k: [max(r[k], 1e-17) for r in shown] for k in kinds},
        options.results,
        title="Distance of Jacobians in PyTorch from others, float64",
        xlabel="relative to the largest entry",
        log=True,
    )
    for name, value in summary.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
