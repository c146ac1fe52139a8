"""The scalar program: straight-line code on single numbers, built with sharing, free of any framework."""

from .evaluate import evaluate
from .program import Builder, Node, Program

__all__ = ["Builder", "Node", "Program", "evaluate"]
