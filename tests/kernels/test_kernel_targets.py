"""Other machines: less of a processor, no or half a vector library, other architectures."""

import functools
import importlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ccjac.kernels import Layout, compile_kernel
from ccjac.kernels.cpu import library, module, target
from ccjac.kernels.cpu.module import write_module
from ccjac.kernels.cpu.target import Target
from ccjac.program import Node, Program, evaluate
from ccjac_jax.xla.call import ApiVersion, write_common
from ccjac_jax.xla.handler import write_handler
from kernel_programs import random_program, several

llvm = pytest.importorskip("llvmlite.binding")

ROOT = Path(__file__).parents[2]
FUNCTIONS = ["sin", "tanh", "erf", "exp", "cbrt", "sinh"]


def check_functions(machine: Target) -> None:
    """The functions of a few numbers, full vectors and a remainder."""
    x = np.linspace(-3, 3, 41)
    program = several([(op, "float64", None) for op in FUNCTIONS], ["float64"])
    results = compile_kernel(program, Layout.separate(program), target=machine).run([x])
    for ours, exact in zip(results, evaluate(program, [x]), strict=True):
        np.testing.assert_allclose(ours[:, 0], exact, rtol=1e-14)


def text_for(machine: Target, lanes: int | None = None) -> str:
    program = several([(op, "float64", None) for op in FUNCTIONS], ["float64"])
    return write_module(program, Layout.separate(program), machine, fastmath=False, lanes=lanes).text


def test_without_a_vector_library_every_lane_is_called(monkeypatch):
    # As on other systems and C libraries: there is no libmvec to load.
    target._host.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(target, "vector_library", lambda: None)
        machine = Target.host()
    target._host.cache_clear()
    assert machine.vector_math == ""
    text = text_for(machine)
    assert "_ZGV" not in text
    assert "call double @sinh(" in text
    check_functions(machine)


def test_a_vector_library_may_lack_functions(monkeypatch):
    # Before glibc 2.35 there was no vector sinh.
    if not Target.host().vector_math:
        pytest.skip("no vector library here")
    found = library.address_of
    monkeypatch.setattr(library, "address_of", lambda lib, name: None if name.endswith("_sinh") else found(lib, name))
    text = text_for(Target.host())
    assert "_cbrt(" in text
    assert "_ZGV" in text
    assert "call double @sinh(" in text
    check_functions(Target.host())


def test_the_environment_names_the_machine(monkeypatch):
    monkeypatch.setenv("CCJAC_KERNEL_VECTOR_MATH", "0")
    assert Target.host().vector_math == ""
    monkeypatch.setenv("CCJAC_KERNEL_CPU", "x86-64")
    machine = Target.host()
    if machine.x86:
        assert (machine.cpu, machine.features, machine.vector_bytes) == ("x86-64", "", 16)
        check_functions(machine)


def test_polynomials_need_fused_multiply_add():
    program = several([(op, "float64", None) for op in ("exp", "log", "sin")], ["float64"])
    text = {
        fused: write_module(program, Layout.separate(program), replace(Target.host(), fused=fused), fastmath=False).text
        for fused in (False, True)
    }
    for function in ("exp", "log"):
        call = re.compile(rf"= call .*[@_.]{function}(\.float64)?\(")
        assert call.search(text[False])
        assert not call.search(text[True])
    assert "@llvm.fma" in text[True]
    assert "@llvm.fma" not in text[False]


@pytest.mark.parametrize("width", [16, 32, 64])
@pytest.mark.parametrize("size", [60, 3200])
def test_vectors_of_every_width(width, size, monkeypatch, rng):
    monkeypatch.setattr(module, "vector_bytes_for", lambda program, layout: width)
    program, x = random_program(4, 9, size, 20, "float64"), rng.uniform(0.5, 1.5, (37, 9))
    kernel = compile_kernel(program, Layout.rows(program))
    assert kernel.lanes == min(width, Target.host().vector_bytes) // 8
    for k, exact in enumerate(evaluate(program, list(x.T))):
        np.testing.assert_allclose(kernel.run([x])[0][:, k], exact, rtol=1e-9)


@pytest.mark.parametrize(
    ("function", "times", "entries", "register"),
    [("mul", 30, 1, "ymm"), ("mul", 30, 40, "xmm"), ("cbrt", 30, 1, "zmm"), ("cbrt", 3, 1, "ymm")],
)
def test_the_widest_vectors_are_for_functions_and_the_narrowest_for_stores(function, times, entries, register):
    nodes = [Node("input", (), "float32", 0)]
    nodes += [Node(function, (k, k) if function == "mul" else (k,), "float32") for k in range(times)]
    program = Program(tuple(nodes), 1, (times,) * entries)
    wide = Target("x86_64-unknown-linux-gnu", "cascadelake", "", 64, "", fused=True)
    text = write_module(program, Layout.rows(program), wide, fastmath=False).text
    machine = llvm.Target.from_triple(wide.triple).create_target_machine(cpu=wide.cpu, opt=2, reloc="pic")
    loop, _ = machine.emit_assembly(llvm.parse_assembly(text)).split("\nkernel:")
    assert max(re.findall(r"[xyz]mm", loop)) == register


@pytest.mark.parametrize(
    ("triple", "cpu"), [("aarch64-unknown-linux-gnu", "generic"), ("arm64-apple-darwin", "apple-m1")]
)
@pytest.mark.parametrize("lanes", [None, 1])
@pytest.mark.parametrize("size", [60, 3200])
def test_code_for_arm(triple, cpu, lanes, size):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=2, reloc="pic")
    except RuntimeError:
        pytest.skip("this llvmlite cannot generate code for arm")
    program, goal = random_program(3, 5, size, 7, "float32"), Target(triple, cpu, "", 16, "", fused=True)
    layout = Layout.rows(program)
    handler = functools.partial(write_handler, program, layout)
    own = write_module(program, layout, goal, fastmath=False, lanes=lanes, extra=handler).text
    texts = [own, write_common(goal, ApiVersion(0, 3))]
    assert not any("x86" in text for text in texts)
    parsed = [llvm.parse_assembly(text) for text in texts]
    for part in parsed:
        part.verify()
    assembly, *_ = map(machine.emit_assembly, parsed)
    if lanes is None:
        assert "fmul\tv" in assembly or "fmul.4s" in assembly


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_calls_follow_the_convention_of_apple_s_arm(framework):
    """There a caller extends small arguments, variable arguments lie elsewhere, and register 18 is the system's."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    goal = Target("arm64-apple-darwin", "apple-m1", "", 16, "", fused=True)
    machine = llvm.Target.from_triple(goal.triple).create_target_machine(cpu=goal.cpu, opt=2, reloc="pic")
    program = random_program(3, 5, 3200, 7, "float64")
    layout = Layout.rows(program)
    handler = functools.partial(write_handler, program, layout)
    if framework == "jax":
        own, common = handler, write_common(goal, ApiVersion(0, 3))
    else:
        pytest.importorskip("torch")
        own, common = None, importlib.import_module("ccjac_torch.boxed.call").write_call(goal, threads=True)
    texts = [write_module(program, layout, goal, fastmath=False, extra=own).text, common]
    declared = re.findall(r"^declare (\S+|<[^>]*>) @([\w.$]+)\(([^)]*)\)", "\n".join(texts), flags=re.MULTILINE)
    assert len(declared) > 10
    for result, name, arguments in declared:
        if name.startswith("llvm."):
            continue
        assert result in ("void", "i32", "i64", "ptr", "double", "float", "i1"), name
        for argument in filter(None, arguments.split(", ")):
            assert argument in ("ptr", "i32", "i64", "double", "float", "i1 zeroext"), (name, argument)
    for text in texts:
        parsed = llvm.parse_assembly(text)
        parsed.verify()
        assembly = machine.emit_assembly(parsed)
        assert not re.search(r"\b[xw]18\b", assembly)
    # Little-endian, numbers of eight bytes at multiples of eight, as the offsets are written for.
    described = str(machine.target_data).split("-")
    assert described[0] == "e"
    assert "i64:64" in described
    assert not any(part.startswith("p:") for part in described)


NARROWED = {
    "baseline": {"CCJAC_KERNEL_CPU": "x86-64"},
    "no vector library": {"CCJAC_KERNEL_VECTOR_MATH": "0"},
}


@pytest.mark.slow
@pytest.mark.parametrize("machine", NARROWED)
def test_the_same_tests_pass_on_less_of_a_machine(machine):
    if "CCJAC_KERNEL_CPU" in NARROWED[machine] and not Target.host().x86:
        pytest.skip("the baseline is that of x86-64")
    pytest.importorskip("jax")
    tests = ["tests/jax/test_kernel_values.py", "tests/jax/test_special_values.py::test_functions_of_one_number"]
    accuracy = "tests/catalogue/test_accuracy.py::test_kernels_are_as_accurate_as_either_mode"
    tests += [f"{accuracy}[{name}]" for name in ("RoeFlux_1d", "SABR", "LSTMCell")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, **NARROWED[machine]},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout
