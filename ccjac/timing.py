"""Fair timing: all candidates in one process, on the same data, taking turns."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Timing:
    """What one candidate took.

    Attributes:
        first: Seconds of the first call, which compiles.
        samples: Seconds of the later calls, in the order in which they were made.
    """

    first: float
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median seconds per call."""
        return median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """Lower and upper quartile."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        low, _, high = quantiles(self.samples, n=4, method="inclusive")
        return low, high


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    *,
    seconds: float = 2.0,
    least: int = 9,
    most: int = 1000,
    turn_seconds: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Timing]:
    """Time several candidates side by side.

    Each round calls every candidate once, so that whatever else the machine does meets all of them; the starting
    candidate rotates, so that none always inherits the same neighbour's caches.

    Args:
        calls: The candidates by name.  A call must return only when its work is done.
        seconds: Budget for all candidates together, after their first calls.
        least: Rounds that are made even if they take longer.
        most: Rounds after which to stop.
        turn_seconds: How long a candidate's turn lasts: it is called once untimed, then again and again, as a hot loop
            calls it.  0: every turn is one call, right after another candidate's.
        progress: Told the share of the work that is done, from 0 to 1.

    Returns:
        A timing per name.
    """
    tell = progress or (lambda share: None)
    names = list(calls)
    first = {}
    for i, name in enumerate(names):
        first[name] = _timed(calls[name])
        tell(0.5 * (i + 1) / len(names))
    samples: dict[str, list[float]] = {name: [] for name in names}
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for turn in range(most):
            for i in range(len(names)):
                name = names[(turn + i) % len(names)]
                samples[name].extend(_turn(calls[name], turn_seconds))
            spent = time.perf_counter() - start
            tell(0.5 + 0.5 * min(1.0, spent / seconds if seconds else 1.0))
            if turn + 1 >= least and spent >= seconds:
                break
    finally:
        if collecting:
            gc.enable()
    return {name: Timing(first[name], tuple(samples[name])) for name in names}


def machine() -> str:
    """Processor, usable cores and operating system in one line; no host name."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{_processor()}, {_cores()} cores, {system}, Python {platform.python_version()}"


def _turn(call: Callable[[], object], seconds: float) -> list[float]:
    if seconds > 0.0:
        call()
    end = time.perf_counter() + seconds
    samples = [_timed(call)]
    while time.perf_counter() < end:
        samples.append(_timed(call))
    return samples


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
