"""Short names in words: the rules that find orders, the proofs of bounds."""

from __future__ import annotations

RULES = {
    "LM": "lowest Markowitz degree first",
    "LMMD": "lowest Markowitz degree and least damage to the neighbours' degrees first",
    "MF": "least fill-in first",
    "LRM": "lowest Markowitz degree, relative to the inputs and outputs in reach, first",
    "MOMR": "largest overall reduction of Markowitz degrees first",
    "MD": "least damage to the neighbours' degrees first",
    "MF-LM": "least fill-in first, of equals the cheapest",
    "LMMD-priced": "cheapest and least damage first, in multiplications",
    "markowitz": "lowest Markowitz degree first",
    "forward": "in evaluation order",
    "reverse": "against evaluation order",
}
"""What the greedy rules of ``source="greedy:<rule>"`` take next."""

SEARCHES = {
    "annealing": "simulated annealing",
    "beam": "beam search",
    "exact": "exact search",
    "lns": "large-neighbourhood search",
    "portfolio": "several searches together",
    "alphazero": "a trained agent",
    "ppo": "a trained agent",
}

PROOFS = {
    "none": "no proof",
    "menger": "disjoint paths through every vertex (Menger's theorem)",
    "groups": "the cheapest order within each of several groups of vertices",
    "exhausted": "an exact search that ran out of alternatives",
}
"""Why a bound holds, in the words of :class:`ccjac.ordering.Certificate`."""


def source_in_words(source: str) -> str:
    """What ``greedy:LM`` and the like mean, or an empty string.

    Example:
        ``"greedy:LM"`` is "lowest Markowitz degree first", ``"search:portfolio:annealing"`` is "simulated annealing".
    """
    kind, _, rest = source.partition(":")
    if kind == "greedy":
        return _rule(rest)
    parts = rest.split(":")
    if "greedy" in parts:
        return _rule(parts[-1])
    return next((SEARCHES[part] for part in reversed(parts) if part in SEARCHES), "")


def _rule(name: str) -> str:
    return "a rule learned on many graphs" if name.startswith("learned-") else RULES.get(name, "")
