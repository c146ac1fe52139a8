"""Which executor runs a program, and which of the framework's own modes a function that does not expand."""

from __future__ import annotations

import pytest

from ccjac.errors import BackendError, UnsupportedError
from ccjac.executor import fewer_sweeps, select, working_mode
from ccjac.limits import OPERATIONS_LIMIT
from ccjac.program import Builder, Program


def program(operations: int) -> Program:
    b = Builder()
    value = b.input(0, "float32")
    for _ in range(operations):
        value = b.emit("sin", (value,), "float32")
    return b.finish([value], 1)


def no_objection(_: Program) -> None:
    return None


def objection(_: Program) -> str:
    return "no compiler"


def test_the_kernel_where_it_can_run() -> None:
    assert select(program(3), "auto", platform="cpu", obstacle=no_objection) == ("kernel", "")
    assert select(program(3), "kernel", platform="cpu", obstacle=no_objection) == ("kernel", "")
    assert select(program(3), "ops", platform="cpu", obstacle=no_objection) == ("ops", "asked for")


def test_plain_operations_elsewhere() -> None:
    assert select(program(3), "auto", platform="cpu", obstacle=objection) == ("ops", "no compiler")
    executor, reason = select(program(3), "auto", platform="cuda", obstacle=no_objection)
    assert executor == "ops"
    assert 'on cuda a kernel runs only where executor="kernel" asks' in reason
    assert select(program(3), "auto", platform="tpu", obstacle=objection) == ("ops", "no compiler")
    assert select(program(3), "kernel", platform="cuda", obstacle=no_objection) == ("kernel", "")


@pytest.mark.parametrize(("platform", "obstacle"), [("cpu", objection), ("tpu", objection)])
def test_a_kernel_that_was_asked_for_and_cannot_run_is_an_error(platform: str, obstacle: object) -> None:
    with pytest.raises(BackendError, match='executor="auto"'):
        select(program(3), "kernel", platform=platform, obstacle=obstacle)  # type: ignore[arg-type]


def test_large_programs_need_a_kernel() -> None:
    large = program(OPERATIONS_LIMIT + 1)
    assert select(large, "auto", platform="cpu", obstacle=no_objection) == ("kernel", "")
    for platform, obstacle in (("cpu", objection), ("gpu", no_objection)):
        with pytest.raises(UnsupportedError, match="too many without a kernel"):
            select(large, "auto", platform=platform, obstacle=obstacle)


def test_the_mode_that_works() -> None:
    def only(mode: str):  # type: ignore[no-untyped-def]
        def works(tried: str) -> None:
            if tried != mode:
                raise TypeError(tried)

        return works

    for mode in ("forward", "reverse"):
        assert working_mode("reverse", only(mode)) == mode
        assert working_mode(mode, lambda tried: None) == mode
    assert fewer_sweeps(3, 3) == "forward"
    assert fewer_sweeps(3, 2) == "reverse"
    with pytest.raises(TypeError, match="reverse"):
        working_mode("reverse", only("none"))
