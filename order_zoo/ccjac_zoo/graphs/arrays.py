"""Random programs on small arrays: stencils, products of matrices, dense layers, quadratic forms.

See :mod:`.programs` for what a family is.
"""

from __future__ import annotations

import random

from ccjac.graph import Graph

from .tape import Kind, Tape


def stencil(rng: random.Random, size: int) -> Graph:
    """Steps over a line or ring of cells, each cell from its neighbours."""
    width = rng.randint(3, max(3, min(30, size // 6)))
    depth, radius = rng.randint(2, 5), rng.choice((1, 1, 1, 2))
    ring = rng.random() < 0.5
    kinds: list[Kind] = [rng.choice(("add", "multiply")) for _ in range(depth)]
    tape = Tape(width, rng)
    cells = list(range(width))
    for _ in range(max(1, size // (width * depth))):
        fresh = []
        for i in range(width):
            places = range(i - radius, i + radius + 1)
            near = [cells[p % width] if ring else cells[min(width - 1, max(0, p))] for p in places]
            near = list(dict.fromkeys(near))
            x = tape.apply(kinds[0], near[:2])
            for k in range(1, depth):
                if k < len(near):
                    x = tape.apply(kinds[k], [x, near[(k + 1) % len(near)]])
                else:
                    x = tape.apply("multiply", [x])
            fresh.append(x)
        cells = fresh
    return tape.graph(cells if rng.random() < 0.7 else cells[: max(1, width // 3)])


def grid(rng: random.Random, size: int) -> Graph:
    """One or more sweeps over a plane of cells with a five-point neighbourhood."""
    side = max(2, min(9, int((size / rng.choice((2.0, 4.0, 8.0))) ** 0.5)))
    depth = rng.randint(1, 3)
    cells = {(i, j): i * side + j for i in range(side) for j in range(side)}
    tape = Tape(side * side, rng)
    sums = rng.uniform(0.2, 0.8)
    while True:
        fresh = {}
        for (i, j), own in cells.items():
            near = [cells[p] for p in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)) if p in cells]
            x = tape.random(near, sums)
            for _ in range(depth):
                x = tape.random([x, own] if rng.random() < 0.6 else [x], sums)
            fresh[i, j] = x
        cells = fresh
        if tape.operations >= size:
            return tape.graph(list(cells.values()))


def matrices(rng: random.Random, size: int) -> Graph:
    """Products of small matrices and vectors, products and their sums as scalars."""
    n = rng.randint(2, 5)
    tape = Tape(n * n if rng.random() < 0.5 else n, rng)
    density, chained_sums = rng.uniform(0.6, 1.0), rng.random() < 0.5
    activation, fresh_matrix = rng.uniform(0.0, 0.9), rng.uniform(0.2, 0.8)
    vector = list(range(min(n, tape.size)))
    matrix = [[rng.randrange(tape.size) for _ in range(n)] for _ in range(n)]
    while tape.operations < size:
        result = []
        for row in matrix:
            pairs = [(row[j], u) for j, u in enumerate(vector) if rng.random() < density] or [(row[0], vector[0])]
            terms = [tape.apply("multiply", pair) for pair in pairs]
            if chained_sums:
                total = terms[0]
                for term in terms[1:]:
                    total = tape.apply("add", (total, term))
            else:
                total = tape.apply("add", terms) if len(terms) > 1 else terms[0]
            result.append(total)
        vector = [tape.random([x], 0.0) if rng.random() < activation else x for x in result]
        if rng.random() < fresh_matrix:
            matrix = [[rng.randrange(tape.size) for _ in range(n)] for _ in range(n)]
            for row in matrix:
                row[rng.randrange(n)] = tape.random([rng.choice(vector)], 0.0)
    return tape.graph([v for v in vector if v >= tape.n_inputs])


def network(rng: random.Random, size: int) -> Graph:
    """Dense layers with constant or variable weights, an activation of a few operations, and perhaps a loss."""
    width = rng.randint(2, max(2, min(8, int(size**0.5))))
    constant = rng.random() < 0.5
    depth = rng.randint(1, 3)
    layer_count = max(1, min(6, size // max(1, width * (depth + (1 if constant else width)))))
    weights = 0 if constant else layer_count * width * width
    tape = Tape(width + weights, rng)
    values, weight = list(range(width)), width
    for _ in range(layer_count):
        fresh = []
        for _ in range(width):
            if constant:
                x = tape.apply("multiply", values)
            else:
                terms = [tape.apply("multiply", (u, weight + k)) for k, u in enumerate(values)]
                weight += len(values)
                x = tape.apply("add", terms)
            for _ in range(depth):
                x = tape.random([x], 0.0)
            fresh.append(x)
        if rng.random() < 0.3:
            mean = tape.apply("add", fresh)
            fresh = [tape.random([x, mean], 0.5) for x in fresh]
        values = fresh
    if rng.random() < 0.4:
        values = tape.reduce([tape.random([x], 0.0) for x in values], 1, 1.0, arity=max(2, len(values)))
    return tape.graph(values)


def pairs(rng: random.Random, size: int) -> Graph:
    """Forces between bodies: a function of every pair's difference, summed up for each body."""
    axes = rng.randint(1, 3)
    depth = rng.randint(1, 4)
    per_pair = axes * 3 + depth + (axes > 1)
    bodies = max(2, min(12, int((2.0 * size / per_pair) ** 0.5) + 1))
    tape = Tape(bodies * axes, rng)
    forces: list[list[int]] = [[] for _ in range(bodies * axes)]
    for a in range(bodies):
        for b in range(a):
            if bodies > 4 and rng.random() < 0.25:
                continue
            gaps = [tape.apply("add", (a * axes + k, b * axes + k)) for k in range(axes)]
            x = tape.apply("add", [tape.apply("multiply", (g,)) for g in gaps]) if axes > 1 else gaps[0]
            for _ in range(depth):
                x = tape.random([x], 0.0)
            for k, g in enumerate(gaps):
                f = tape.apply("multiply", (g, x))
                forces[a * axes + k].append(f)
                forces[b * axes + k].append(f)
    results = [tape.apply("add", terms) if len(terms) > 1 else terms[0] for terms in forces if terms]
    return tape.graph(results)
