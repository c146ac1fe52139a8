"""Elimination orders without any array framework: a graph by hand, its orders, its price.

The graph is that of ``x0 x1 exp(sin(x0 x1))`` and ``exp(sin(x0 x1)) + sin(x0 x1)``: two inputs, a shared product, a
chain behind it, two outputs.
"""

from __future__ import annotations

from itertools import permutations

import ccjac


def main() -> None:
    """Count every order of a small graph, and let the greedy portfolio find a cheap one."""
    # inputs 0 and 1; 2 = x0 * x1; 3 = sin(2); 4 = exp(3); outputs 5 = 4 * 2 and 6 = 4 + 3
    graph = ccjac.Graph.from_edges(
        n_inputs=2,
        n_vertices=5,
        outputs=[5, 6],
        edges=[(0, 2), (1, 2), (2, 3), (3, 4), (2, 5), (4, 5), (3, 6), (4, 6)],
        unit_edges=[(3, 6), (4, 6)],
    )
    prices = {order: ccjac.evaluate_order(graph, order) for order in permutations(graph.eliminable)}
    for order, price in sorted(prices.items(), key=lambda item: item[1]):
        print(order, price, "structural:", ccjac.evaluate_order(graph, order, cost="structural"))
    found = ccjac.search(graph, method="greedy")
    print(f"{found.method} found {found.order} at {found.cost}; no order costs less than {found.lower_bound}")
    # Greedy need not be the best; any order gives the same Jacobian, so the price is all that is at stake.
    assert found.lower_bound <= min(prices.values()) <= found.cost == ccjac.evaluate_order(graph, found.order)


if __name__ == "__main__":
    main()
