"""Large structured functions of any size: finite differences and volumes, collocation, particles, energies."""

from .definition import Structured
from .registry import energies, structured

__all__ = ["Structured", "energies", "structured"]
