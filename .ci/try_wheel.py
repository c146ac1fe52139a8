"""Build the wheel and try it outside the checkout: what it contains, its imports, a Jacobian, its commands.

Needs no network: dependencies come from the environment that runs this script.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"ccjac", "ccjac_jax", "ccjac_torch", "ccjac_zoo", "ccjac_trainer"}

TRIAL = """
import importlib, pkgutil, sys
from pathlib import Path
place = Path(sys.argv[1])
import ccjac
for name in sys.argv[2:]:
    package = importlib.import_module(name)
    assert Path(package.__file__).is_relative_to(place), package.__file__
    assert (Path(package.__file__).parent / "py.typed").is_file(), name
import jax, jax.numpy as jnp, numpy as np, ccjac_zoo
task = ccjac_zoo.task("RoeFlux_1d")
f, x = task.vector("jax"), jnp.asarray(task.pack(*task.example()), jnp.float32)
plan = ccjac.plan(f, x)
assert plan.source.startswith("zoo:"), plan
assert plan.executor == "kernel", plan.reason
np.testing.assert_allclose(ccjac.jacobian(f)(x), jax.jacfwd(f)(x), rtol=1e-4, atol=1e-4)
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ccjac-wheel-") as folder:
        away = Path(folder)
        site = away / "site"
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(away), cwd=ROOT)
        (wheel,) = away.glob("*.whl")
        names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
        extra = {name for name in names - PACKAGES if not name.endswith(".dist-info")}
        if extra or not names >= PACKAGES:
            sys.exit(f"{wheel.name} installs {sorted(names)}, wanted {sorted(PACKAGES)}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*pip, "--no-index", "--no-deps", "--target", str(site), str(wheel), cwd=away)
        private = {"PYTHONPATH": str(site), "CCJAC_ZOO": str(away / "zoo"), "JAX_PLATFORMS": "cpu"}
        run(sys.executable, "-c", TRIAL, str(site), *sorted(PACKAGES), cwd=away, **private)
        for command in ("ccjac", "ccjac-train"):
            text = run(str(site / "bin" / command), "--help", cwd=away, **private)
            if "Usage" not in text:
                sys.exit(f"{command} --help says: {text}")
        sys.stdout.write(f"{wheel.name}: outside the checkout, imports, a Jacobian and the commands are fine\n")


if __name__ == "__main__":
    main()
