"""Array namespaces by name, and the few functions whose spelling differs between them.

Catalogue functions use names that numpy, ``jax.numpy`` and torch share with the same meaning.  What is missing in one
of them is here, and takes the namespace as its first argument like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from math import erf as _scalar_erf
from math import sqrt
from typing import Any

import numpy as np

_MODULES = {"numpy": "numpy", "jax": "jax.numpy", "torch": "torch"}


def namespace(name: Any) -> Any:
    """The array namespace called ``name``, imported now; a namespace is returned as it is.

    Args:
        name: ``"numpy"``, ``"jax"``, ``"torch"``, or an array namespace.

    Raises:
        ValueError: Another name.
        ImportError: The framework is not installed.
    """
    if not isinstance(name, str):
        return name
    if name not in _MODULES:
        raise ValueError(f"`namespace` knows {', '.join(_MODULES)}, got {name!r}; pass the array namespace itself.")
    return import_module(_MODULES[name])


def add(terms: Sequence[Any]) -> Any:
    """Sum from left to right of one or more terms; the built-in ``sum`` would trace an addition of zero first."""
    return sum(terms[1:], start=terms[0])


def erf(xp: Any, x: Any) -> Any:
    """The error function, which torch has, JAX keeps elsewhere, and numpy lacks."""
    if (own := getattr(xp, "erf", None)) is not None:
        return own(x)
    if getattr(xp, "__name__", "") == "jax.numpy":
        from jax.scipy.special import erf as of_jax

        return of_jax(x)
    x = np.asarray(x)
    return np.vectorize(_scalar_erf, otypes=[x.dtype])(x)[()]


def normal_cdf(xp: Any, x: Any) -> Any:
    """The standard normal distribution function, (1 + erf(x/√2)) / 2."""
    return 0.5 + 0.5 * erf(xp, x / sqrt(2.0))


def sigmoid(xp: Any, x: Any) -> Any:
    """The logistic function, 1 / (1 + e^−x)."""
    return 1.0 / (1.0 + xp.exp(-x))
