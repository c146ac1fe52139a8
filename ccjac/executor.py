"""What runs a program: the generated kernel, the framework's plain operations, or one of the framework's own modes."""

from __future__ import annotations

from collections.abc import Callable

from .errors import BackendError, UnsupportedError
from .program import Program
from .settings import limits


def select(
    program: Program, wanted: str, *, platform: str, obstacle: Callable[[Program], str | None]
) -> tuple[str, str]:
    """``"kernel"`` or ``"ops"``, and why it is not the kernel.

    Args:
        program: What is to run.
        wanted: ``"auto"``, or what the user asked for.
        platform: Where the operands live: ``"cpu"``, or the framework's name of an accelerator.
        obstacle: Why a program cannot run as a kernel in this process on that platform, or ``None`` if it can.

    Raises:
        BackendError: ``"kernel"`` was asked for and is not possible.
        UnsupportedError: The program is too large for plain operations; the framework's own modes are left.
    """
    if wanted == "ops":
        return "ops", "asked for"
    if wanted == "inductor":
        raise BackendError('`executor="inductor"` is torch\'s compiler; use executor="auto" for other arrays.')
    reason = obstacle(program)
    if reason is None and wanted == "auto" and platform != "cpu":
        # No device has measured them.
        reason = f'on {platform} a kernel runs only where executor="kernel" asks for it'
    if reason is None:
        return "kernel", ""
    if wanted == "kernel":
        raise BackendError(f'`executor="kernel"` cannot run this program: {reason}. Use executor="auto".')
    if program.operations > limits().plain_operations:
        raise UnsupportedError(f"the program has {program.operations} operations, too many without a kernel ({reason})")
    return "ops", reason


def fewer_sweeps(n_inputs: int, n_outputs: int) -> str:
    """The mode that goes less often through the function: ``"forward"`` unless it has fewer outputs than inputs."""
    return "forward" if n_inputs <= n_outputs else "reverse"


def working_mode(better: str, works: Callable[[str], None]) -> str:
    """The framework's own mode: the better one, or else the other one.

    Args:
        better: ``"forward"`` or ``"reverse"``.
        works: Raises where a mode (``"forward"`` or ``"reverse"``) does not serve the function; some functions have
            one mode only.

    Raises:
        Exception: What ``works`` raised for the better mode, if it raises for both.
    """
    first, second = ("forward", "reverse") if better == "forward" else ("reverse", "forward")
    try:
        works(first)
    except Exception as error:
        try:
            works(second)
        except Exception:
            raise error from None
        return second
    return first
