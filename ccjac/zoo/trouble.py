"""Trouble with a zoo is reported once per place, and never raised."""

from __future__ import annotations

import logging
import warnings

from ..errors import ZooWarning

log = logging.getLogger("ccjac")


class Trouble:
    """What went wrong at one place: the first time a warning, later a line in the log."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._told = False

    def report(self, what: str, error: BaseException | None = None) -> None:
        """Tell that ``what`` happened; the orders concerned are ignored or kept in memory."""
        cause = f" ({type(error).__name__}: {error})" if error is not None else ""
        message = f"Order zoo {self._place}: {what}{cause}. Results are unaffected."
        log.debug("%s", message)
        if not self._told:
            self._told = True
            warnings.warn(f"{message} `ccjac zoo verify` lists what is wrong.", ZooWarning, stacklevel=3)
