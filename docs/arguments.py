"""Extension of griffe: the texts of shared arguments, which the package fills in when it is imported."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import griffe


class Arguments(griffe.Extension):
    """Takes docstrings with a place to fill from the functions themselves."""

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """Replace the docstring, if it is one of them."""
        if func.docstring is not None and "{arguments}" in func.docstring.value:
            found = getattr(importlib.import_module(func.parent.path), func.name)
            func.docstring.value = inspect.getdoc(found)
