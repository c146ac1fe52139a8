"""Kernels' sources through NVIDIA's run-time compiler, where it is installed; no device is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccjac.errors import BackendError
from ccjac.kernels.gpu import nvrtc
from ccjac.kernels.gpu.source import ENTRY, write_source
from ccjac.kernels.layout import Layout
from kernel_programs import random_program

needs_compiler = pytest.mark.skipif(not nvrtc.is_available(), reason="NVRTC is not installed")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(nvrtc, "_directory", lambda: tmp_path)
    return tmp_path


@needs_compiler
@pytest.mark.parametrize("architecture", ["compute_80", "compute_90", "compute_100"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_programs_compile(architecture: str, dtype: str) -> None:
    program = random_program(3, 6, 300, 20, dtype)
    code = nvrtc.compile_source(write_source(program, Layout.rows(program)).text, architecture)
    assert f".visible .entry {ENTRY}".encode() in code
    assert b"bar.sync" in code or b"barrier" in code


@needs_compiler
def test_results_are_kept_and_damage_is_confined(own_cache: Path) -> None:
    program = random_program(3, 6, 30, 4, "float32")
    text = write_source(program, Layout.rows(program)).text
    code = nvrtc.compile_source(text, "compute_90")
    (file,) = own_cache.iterdir()
    assert file.read_bytes() == code
    assert nvrtc.compile_source(text, "compute_90") == code
    file.unlink()
    own_cache.rmdir()
    own_cache.write_text("no directory")
    assert nvrtc.compile_source(text, "compute_90") == code


@needs_compiler
def test_rejected_sources_show_the_log() -> None:
    with pytest.raises(BackendError, match=r"rejects a kernel.s source[\s\S]*error"):
        nvrtc.compile_source("no C++", "compute_90", cache=False)


def test_without_a_compiler_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "_library", lambda: None)
    with pytest.raises(BackendError, match="pip install"):
        nvrtc.compile_source("", "compute_90")
