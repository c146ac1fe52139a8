"""What every test can rely on: float64, the CPU, strict promotion, a private order zoo, seeded numpy.

References are compiled by XLA, which takes most of the suite's time: what one run has compiled, the next ones take from
``.pytest_cache/jax``.  Kernels are compiled anew every time.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Folders of tests are called after the frameworks, and pytest puts their parent on the path: without this, Python takes
# such a folder for a framework that is not installed.
for _framework in ("jax", "torch"):
    _found = importlib.util.find_spec(_framework)
    if _found is None or _found.origin is None:
        sys.modules[_framework] = None  # type: ignore[assignment]

# JAX reads these when it is imported, so they are set before any test module is.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
# An error that a rule did not foresee fails the test, instead of leaving the function to the framework.
os.environ["CCJAC_STRICT"] = "1"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Processes that tests start inherit this one, so not even they reach the user's own zoo.
_SESSION = tempfile.TemporaryDirectory(prefix="ccjac-tests-")
os.environ["CCJAC_ZOO"] = str(Path(_SESSION.name, "zoo"))

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def zoo_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty directory as the user's order zoo, for this test alone."""
    # No `monkeypatch`, no `tmp_path`: hypothesis refuses tests that use function-scoped fixtures of others.
    before = os.environ["CCJAC_ZOO"]
    directory = tmp_path_factory.mktemp("zoo")
    os.environ["CCJAC_ZOO"] = str(directory)
    yield directory
    os.environ["CCJAC_ZOO"] = before


@pytest.fixture(autouse=True, scope="module")
def _compiled_functions_are_dropped() -> Iterator[None]:
    """Thousands of compiled functions would otherwise add up to gigabytes over the whole suite."""
    yield
    if (jax := sys.modules.get("jax")) is not None:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def _seed() -> None:
    np.random.seed(0)  # noqa: NPY002 - for code under test that draws from the global state


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts in the same state in every test."""
    return np.random.default_rng(0)
