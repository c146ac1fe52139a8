"""Exceptions and warnings of ccjac.  Every message names the public symbol, the rule, the value seen and the remedy."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(wanted: str, known: Iterable[str]) -> str:
    """`` Did you mean 'exact'?`` for the end of a message, or nothing if no known name is near."""
    from difflib import get_close_matches

    by_case = {name.lower(): name for name in known}
    near = [repr(by_case[name]) for name in get_close_matches(wanted.lower(), by_case, n=3)]
    return f" Did you mean {' or '.join(near)}?" if near else ""


class CcjacError(Exception):
    """Base class of every error that ccjac raises on purpose."""


class GraphError(CcjacError, ValueError):
    """A graph description that is not a linearized computational graph."""


class OrderError(CcjacError, ValueError):
    """An elimination order that does not fit its graph, or an unknown order name."""


class InputError(CcjacError, TypeError):
    """An argument or output of the differentiated function that has no real Jacobian."""


class BackendError(CcjacError, RuntimeError):
    """No backend takes the arguments, or the requested one is missing."""


class UnsupportedError(CcjacError, NotImplementedError):
    """A request that is understood but that this version does not serve."""


class NoLoopsError(UnsupportedError):
    """A function that was looked through for loops has none."""


class TooLargeError(UnsupportedError):
    """A function that is too large for one straight-line program, whatever it consists of."""


class ZooError(CcjacError, ValueError):
    """An order zoo that was asked for explicitly and cannot be used."""


class ZooWarning(UserWarning):
    """Stored orders were ignored, or could not be stored.  Results are unaffected."""


class PluginWarning(UserWarning):
    """A plugin could not be loaded and was skipped."""


class KernelWarning(UserWarning):
    """Kernels cannot run in this process; everything is computed by the framework's own operations instead."""


class DenseWarning(UserWarning):
    """A sparse result was asked for that is nearly dense.  It is right, but larger than the dense one."""
