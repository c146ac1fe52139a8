"""Settings of the process and of a block of code: ``ccjac.config``.

Limits belong to the thread, or task, that entered a ``with`` block, and decide while functions are traced there.
Threads and the level of the log belong to the process: of several blocks that set them the one entered last decides.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, TypedDict, TypeVar, Unpack, overload

from .errors import CcjacError, nearest
from .limits import (
    COMPILED_PER_FUNCTION,
    DERIVATIVE_LIMIT,
    DIFFERENTIATED_LIMIT,
    ENTRY_LIMIT,
    ITERATION_LIMIT,
    OPERATIONS_LIMIT,
    PROGRAM_LIMIT,
    SCALAR_LIMIT,
)

T = TypeVar("T")

_ALL_THREADS = 1 << 30
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Changes(TypedDict, total=False):
    """Settings by name."""

    program_values: int
    jacobian_entries: int
    program_operations: int
    plain_operations: int
    differentiated_operations: int
    derivative_operations: int
    loop_iterations: int
    compiled_variants: int
    threads: int | None
    log_level: str | None


@dataclass(frozen=True)
class Limits:
    """The limits of one place, by the names that :mod:`ccjac.limits` explains."""

    program_values: int = SCALAR_LIMIT
    jacobian_entries: int = ENTRY_LIMIT
    program_operations: int = PROGRAM_LIMIT
    plain_operations: int = OPERATIONS_LIMIT
    differentiated_operations: int = DIFFERENTIATED_LIMIT
    derivative_operations: int = DERIVATIVE_LIMIT
    loop_iterations: int = ITERATION_LIMIT
    compiled_variants: int = COMPILED_PER_FUNCTION


@dataclass(frozen=True)
class _Process:
    threads: int | None = None
    log_level: str | None = None


class Setting(Generic[T]):
    """An attribute of :class:`Config`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, config: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, config: Config, owner: type) -> T: ...
    def __get__(self, config: Config | None, owner: type) -> Setting[T] | T:
        if config is None:
            return self
        found: T = _values()[self._name]
        return found

    def __set__(self, config: Config, value: T) -> None:
        _assign(self._name, value)


class Config:
    """Settings: read and set them as attributes, or set them for a block of code.

    An assignment holds for the whole process from then on.  In a ``with`` block limits hold for the thread that runs
    it; ``threads`` and ``log_level`` hold for the process until the block ends.  Nothing has to be cleared: Jacobian
    functions look at the settings at every call, and what was compiled under other limits is not used.  As with other
    settings, functions that ``jax.jit`` or ``torch.compile`` has compiled keep those they were traced with; ``threads``
    acts on them too.

    Raises:
        CcjacError: An unknown name or a value that does not fit.

    Examples:
        >>> import ccjac
        >>> with ccjac.config(threads=1, program_operations=50_000):
        ...     ccjac.config.threads
        1
        >>> print(ccjac.config.threads)
        None
    """

    __slots__ = ()

    program_values = Setting[int]()
    jacobian_entries = Setting[int]()
    program_operations = Setting[int]()
    plain_operations = Setting[int]()
    differentiated_operations = Setting[int]()
    derivative_operations = Setting[int]()
    loop_iterations = Setting[int]()
    compiled_variants = Setting[int]()
    threads = Setting[int | None]()
    log_level = Setting[str | None]()

    def __call__(self, **changes: Unpack[Changes]) -> AbstractContextManager[None]:
        """Settings for a ``with`` block."""
        for name, value in changes.items():
            _check(name, value)
        return _block(changes)

    def __setattr__(self, name: str, value: Any) -> None:
        _check(name, value)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(str(_unknown(name)))

    def __repr__(self) -> str:
        width = max(map(len, _STANDARD))
        lines = []
        for name, value in _values().items():
            shown = f"{value:,}" if isinstance(value, int) else str(value)
            lines.append(f"{name:<{width}}  {shown:>9}" + ("" if value == _STANDARD[name] else "  (set)"))
        return "\n".join(lines)


config = Config()


def limits() -> Limits:
    """The limits that hold here and now.  Equal ones are the same object, as long as they are in use."""
    local = _local.get()
    return _limits if local is None else _merged(_limits, local)


def threads_address() -> int:
    """Where machine code finds how many threads may share a batch: an int64 of the process."""
    return ctypes.addressof(_most_threads)


@functools.lru_cache(maxsize=64)
def _same(found: Limits) -> Limits:
    return found


_lock = threading.RLock()
_limits = _same(Limits())
"""What was assigned."""
_local: ContextVar[tuple[tuple[str, int], ...] | None] = ContextVar("ccjac.config", default=None)
"""Limits of the blocks that this thread is in."""
_process = _Process()
"""What was assigned."""
_blocks: list[Mapping[str, Any]] = []
"""Settings of the process from the blocks that some thread is in, the last one last."""
_most_threads = ctypes.c_int64(_ALL_THREADS)
_level_before: int | None = None
_STANDARD: dict[str, Any] = asdict(Limits()) | asdict(_Process())


@functools.lru_cache(maxsize=64)
def _merged(everywhere: Limits, local: tuple[tuple[str, int], ...]) -> Limits:
    return _same(replace(everywhere, **dict(local)))


def _values() -> dict[str, Any]:
    return asdict(limits()) | asdict(_effective())


def _effective() -> _Process:
    found = _process
    for block in _blocks:
        found = replace(found, **block)
    return found


@contextmanager
def _block(changes: Mapping[str, Any]) -> Iterator[None]:
    ours = {name: value for name, value in changes.items() if name in Limits.__dataclass_fields__}
    everybodys = {name: value for name, value in changes.items() if name not in ours}
    token = _local.set(tuple((dict(_local.get() or ()) | ours).items()) or None)
    with _lock:
        _blocks.append(everybodys)
        _act()
    try:
        yield
    finally:
        _local.reset(token)
        with _lock:
            # Equal ones of other threads are not ours.
            del _blocks[next(k for k, other in enumerate(_blocks) if other is everybodys)]
            _act()


def _assign(name: str, value: Any) -> None:
    global _limits, _process
    with _lock:
        if name in Limits.__dataclass_fields__:
            _limits = _same(replace(_limits, **{name: value}))
        else:
            _process = replace(_process, **{name: value})
        _act()


def _act() -> None:
    """Let the process know its settings."""
    global _level_before
    found = _effective()
    _most_threads.value = _ALL_THREADS if found.threads is None else found.threads
    log = logging.getLogger("ccjac")
    if found.log_level is not None:
        _level_before = log.level if _level_before is None else _level_before
        log.setLevel(found.log_level)
    elif _level_before is not None:
        log.setLevel(_level_before)
        _level_before = None


def _check(name: str, value: Any) -> None:
    if name not in _STANDARD:
        raise _unknown(name)
    if name == "log_level":
        if value is not None and value not in _LEVELS:
            near = nearest(value, _LEVELS) if isinstance(value, str) else ""
            raise CcjacError(f"`ccjac.config.log_level` is {', '.join(_LEVELS)} or None; got {value!r}.{near}")
        return
    least = 1 if name in ("threads", "compiled_variants") else 0
    other = " or None" if name == "threads" else ""
    if (value is None and other) or (isinstance(value, int) and not isinstance(value, bool) and value >= least):
        return
    raise CcjacError(f"`ccjac.config.{name}` is a whole number from {least} on{other}; got {value!r}.")


def _unknown(name: str) -> CcjacError:
    known = ", ".join(_STANDARD)
    return CcjacError(f"`ccjac.config` has no setting {name!r}; it has {known}.{nearest(name, _STANDARD)}")
