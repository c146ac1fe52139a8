"""What the documentation takes from the package when it is built."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_VERSION = re.compile(r'^__version__ = "(.+)"', re.MULTILINE)


def on_config(config: Any) -> Any:
    """The version, at the foot of every page."""
    text = Path(config.config_file_path).with_name("ccjac").joinpath("__init__.py").read_text(encoding="utf-8")
    found = _VERSION.search(text)
    assert found is not None
    config.copyright = f"ccjac {found[1]}"
    return config
