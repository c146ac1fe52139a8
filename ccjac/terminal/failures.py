"""What commands do when something goes wrong: one paragraph that says where, no traceback of their own frames."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path

from ..errors import CcjacError
from . import complain

TRACEBACK = "--traceback"
"""The option of all commands that asks for the whole traceback."""

_PACKAGES = ("ccjac", "ccjac_jax", "ccjac_torch", "ccjac_zoo", "ccjac_trainer")
_INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_FRAMEWORKS = {"jax": "jax", "jaxlib": "jax", "torch": "torch"}


def run(app: Callable[..., object], name: str) -> None:
    """Run a command line on ``sys.argv``.

    Exit codes: those of the command; 1 for an error, said in one paragraph on standard error.  With :data:`TRACEBACK`
    among the words errors that are not ccjac's own come with their traceback.
    """
    whole = TRACEBACK in sys.argv
    if whole:
        sys.argv.remove(TRACEBACK)
    try:
        app(prog_name=name)
    except CcjacError as error:
        complain(str(error))
        sys.exit(1)
    except Exception as error:
        if whole:
            traceback.print_exception(error)
        complain(explained(error, " ".join([name, *sys.argv[1:3]])))
        sys.exit(1)


def explained(error: Exception, command: str) -> str:
    """``error`` in one paragraph: what, and where in the user's own code.

    Args:
        error: Anything but an error of ccjac's, which explains itself.
        command: What was being run.
    """
    what = f"{type(error).__name__}: {_first_paragraph(str(error)).rstrip('.')}"
    more = f"Add {TRACEBACK} for all of it."
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        return f"`{command}`: {error.msg} in {error.filename}, line {error.lineno}" + (f": `{line}`." if line else ".")
    framework = _FRAMEWORKS.get((error.name or "").split(".")[0]) if isinstance(error, ModuleNotFoundError) else None
    if framework is not None:
        return (
            f"`{command}` needs {error.name}, which is not installed here; install it with "  # type: ignore[attr-defined]
            f"`pip install 'ccjac[{framework}]'`."
        )
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users(frame.filename)]
    if not own and isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"`{command}` cannot use {str(error.filename)!r}: {error.strerror.lower()}. Name another file."
    if not own:
        return f"`{command}` failed with {what}. {more} If your function is not at fault, please report it."
    last = own[-1]
    place = f"{last.filename}, line {last.lineno}, in {last.name}"
    line = f": `{last.line.strip()}`" if last.line else ""
    return f"`{command}`: your code raised {what} ({place}{line}). {more}"


def _first_paragraph(message: str) -> str:
    """Frameworks append pages of advice; the first paragraph says what is wrong."""
    return " ".join(message.strip().split("\n\n")[0].split())


def _is_users(filename: str) -> bool:
    """Whether a frame is neither Python's, nor an installed package's, nor ccjac's."""
    if filename.startswith("<") or any(f"{Path(folder)}/" in filename for folder in _INSTALLED if folder):
        return False
    return not any(part in _PACKAGES for part in Path(filename).parts[:-1] if not _is_catalogue(filename))


def _is_catalogue(filename: str) -> bool:
    return "ccjac_zoo" in filename and "functions" in filename
