"""The greedy rules, in Python and in compiled code."""

from .searcher import NAMES, Greedy, best, markowitz, price, rule_order, warm_up

__all__ = ["NAMES", "Greedy", "best", "markowitz", "price", "rule_order", "warm_up"]
