"""Torch tests: the backend under test, whatever is installed."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
