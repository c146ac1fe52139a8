"""What becomes of an error that no rule foresaw."""

from __future__ import annotations

import logging
import os
from typing import Any

log = logging.getLogger("ccjac")

STRICT = "CCJAC_STRICT"
"""Environment variable: anything but ``""`` and ``"0"`` turns such errors into failures, as the tests want it."""


def unforeseen(error: Exception, fun: Any) -> str:
    """Let a function that the framework can differentiate work all the same: why it is not expanded, as an obstacle.

    The framework's own mode raises again what is the user's error.  ``fun`` is the user's function, or its name.

    Raises:
        Exception: ``error`` itself, under ``CCJAC_STRICT=1``.
    """
    if os.environ.get(STRICT, "") not in ("", "0"):
        raise error
    name = fun if isinstance(fun, str) else getattr(fun, "__name__", type(fun).__name__)
    what = f"{type(error).__name__}: {error}"
    log.warning("ccjac: %s was not expanded because of an error in ccjac; please report it: %s", name, what)
    log.debug("the error", exc_info=error)
    return f"the expansion to scalars failed with {what}"
