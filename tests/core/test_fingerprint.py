"""The fingerprint: equal for equal structures under any numbering, different otherwise, the same everywhere."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccjac.elimination import check_order, count
from ccjac.fingerprint import canonical, fingerprint
from ccjac.graph import Graph
from ccjac_zoo.graphs import published

ROOT = Path(__file__).parent.parent.parent


def load(name: str) -> Graph:
    return published()[name].graph


def renumbered(graph: Graph, rng: random.Random) -> Graph:
    """The same structure with inputs, vertices and outputs shuffled."""
    inputs, others = list(range(graph.n_inputs)), list(range(graph.n_inputs, graph.size))
    rng.shuffle(inputs)
    rng.shuffle(others)
    new = inputs + others
    outputs = [new[v] for v in graph.outputs]
    rng.shuffle(outputs)
    return Graph.from_edges(
        graph.n_inputs,
        graph.n_vertices,
        outputs,
        [(new[a], new[b]) for a, b in graph.edges],
        [(new[a], new[b]) for a, b in graph.unit_edges],
        granularity=graph.granularity,
    )


def random_graph(rng: random.Random, n_inputs: int, n_vertices: int, max_in: int = 3, units: float = 0.3) -> Graph:
    edges = sorted(
        {(rng.randrange(v), v) for v in range(n_inputs, n_inputs + n_vertices) for _ in range(rng.randint(1, max_in))}
    )
    used = {a for a, _ in edges}
    outputs = [v for v in range(n_inputs, n_inputs + n_vertices) if v not in used]
    return Graph.from_edges(n_inputs, n_vertices, outputs, edges, [e for e in edges if rng.random() < units])


def matrix_vector(rows: int, columns: int) -> Graph:
    """``A @ x`` with a variable matrix: every row and every column is like every other."""
    x, product = rows * columns, rows * columns + columns
    y = product + rows * columns
    edges, units = [], []
    for i, j in itertools.product(range(rows), range(columns)):
        p = product + i * columns + j
        edges += [(i * columns + j, p), (x + j, p), (p, y + i)]
        units.append((p, y + i))
    return Graph.from_edges(product, y - product + rows, range(y, y + rows), edges, units)


def perceptron(*widths: int) -> Graph:
    """Fully connected layers with variable weights and an activation: hidden units are interchangeable."""
    n_inputs = widths[0] + sum(a * b for a, b in itertools.pairwise(widths))
    layer, weight, vertex = list(range(widths[0])), itertools.count(widths[0]), itertools.count(n_inputs)
    edges, units = [], []
    for width in widths[1:]:
        above = []
        for _ in range(width):
            products = [next(vertex) for _ in layer]
            for x, p in zip(layer, products, strict=True):
                edges += [(x, p), (next(weight), p)]
            total, activation = next(vertex), next(vertex)
            edges += [(p, total) for p in products] + [(total, activation)]
            units += [(p, total) for p in products]
            above.append(activation)
        layer = above
    return Graph.from_edges(n_inputs, next(vertex) - n_inputs, layer, edges, units)


def rings(*sizes: int) -> Graph:
    """``y_i = f(x_i, x_{i+1})`` around each ring: every vertex looks like every other to colour refinement."""
    n, start, edges = sum(sizes), 0, []
    for size in sizes:
        for i in range(size):
            edges += [(start + i, n + start + i), (start + (i + 1) % size, n + start + i)]
        start += size
    return Graph.from_edges(n, n, range(n, 2 * n), edges)


def attention(tokens: int, features: int, width: int, *, weights_out: bool = False) -> Graph:
    """Softmax attention with variable projections; queries and keys differ only in which of them the softmax sums over.

    A token's score with itself looks to colour refinement like any other, and so does a query's weight like a key's.
    """
    count, edges = itertools.count(features * (tokens + 3 * width)), []

    def vertex(*sources: int) -> int:
        new = next(count)
        edges.extend((source, new) for source in sources)
        return new

    inputs = [range(start, start + features) for start in range(0, features * (tokens + 3 * width), features)]
    x, projections = inputs[:tokens], inputs[tokens:]
    q, k, v = ([[vertex(*row, *w) for w in projections[m * width : (m + 1) * width]] for row in x] for m in range(3))
    outputs = []
    for t in range(tokens):
        scores = [vertex(vertex(*q[t], *k[s])) for s in range(tokens)]
        total = vertex(*scores)
        shares = [vertex(score, total) for score in scores]
        if weights_out:
            outputs += shares
        else:
            outputs += [vertex(*shares, *(v[s][j] for s in range(tokens))) for j in range(width)]
    n_inputs = features * (tokens + 3 * width)
    return Graph.from_edges(n_inputs, next(count) - n_inputs, outputs, edges)


def bodies(n: int, dimensions: int) -> Graph:
    """Pairwise forces: each body's difference to each other one, a distance, the sum of the forces."""
    count, edges = itertools.count(n * dimensions), []
    sums: list[list[list[int]]] = [[[] for _ in range(dimensions)] for _ in range(n)]
    for i, j in itertools.permutations(range(n), 2):
        differences = [next(count) for _ in range(dimensions)]
        distance = next(count)
        for d, difference in enumerate(differences):
            edges += [(i * dimensions + d, difference), (j * dimensions + d, difference), (difference, distance)]
        for d, difference in enumerate(differences):
            force = next(count)
            edges += [(difference, force), (distance, force)]
            sums[i][d].append(force)
    outputs = []
    for force in itertools.chain(*sums):
        outputs.append(next(count))
        edges += [(f, outputs[-1]) for f in force]
    return Graph.from_edges(n * dimensions, next(count) - n * dimensions, outputs, edges)


def identical_chains(how_many: int, length: int) -> Graph:
    edges = [
        (i if t == 0 else how_many + i * length + t - 1, how_many + i * length + t)
        for i in range(how_many)
        for t in range(length)
    ]
    ends = [how_many + i * length + length - 1 for i in range(how_many)]
    return Graph.from_edges(how_many, how_many * length, ends, edges)


SHAPES = {
    "nothing": Graph.from_edges(0, 0, (), ()),
    "unused input": Graph.from_edges(2, 1, (2,), [(0, 2)]),
    "input is output": Graph.from_edges(1, 0, (0, 0), ()),
    "constant output and dead code": Graph.from_edges(1, 4, (2, 3), [(0, 1), (1, 2), (1, 4)]),
    "twins": Graph.from_edges(1, 9, (9,), [(0, v) for v in range(1, 9)] + [(v, 9) for v in range(1, 9)]),
    "matrix times vector": matrix_vector(7, 5),
    "square matrix times vector": matrix_vector(6, 6),
    "large matrix times vector": matrix_vector(30, 30),
    "perceptron": perceptron(3, 5, 5, 2),
    "rings": rings(2, 4, 6),
    "one ring": rings(12),
    "identical chains": identical_chains(20, 10),
    "attention": attention(5, 3, 3),
    "large attention": attention(6, 8, 8),
    "attention weights": attention(6, 3, 2, weights_out=True),
    "bodies": bodies(6, 3),
    "Encoder": load("scalar/Encoder"),
    "MLP": load("scalar/MLP"),
    "RoeFlux_3d": load("scalar/RoeFlux_3d"),
    "RoeFlux_1d": load("RoeFlux_1d"),
}


PINNED = {
    "tiny": "18cab243034a3769683eda84c0c2bfee",
    "nothing": "3ad14ff9849cae7ef6adc770debf77ec",
    "matrix times vector": "614b2db590a90674877522a2d7dbd159",
    "rings": "0a91e039d012f197143dbf0e06d9981a",
    "Encoder": "002c9a97cf7ca336ead447b97d0ab009",
    "RoeFlux_1d": "9d5c342d7f1b127be51cfa13cfe8e6e5",
}


@pytest.mark.parametrize("name", SHAPES)
def test_renumbering_keeps_fingerprint_and_canonical_graph(name: str) -> None:
    graph = SHAPES[name]
    first = canonical(graph)
    rng = random.Random(1)
    for _ in range(4):
        other = canonical(renumbered(graph, rng))
        assert other.fingerprint == first.fingerprint
        assert other.graph == first.graph


@pytest.mark.parametrize("name", SHAPES)
def test_numbering_is_an_isomorphism_onto_the_canonical_graph(name: str) -> None:
    graph = renumbered(SHAPES[name], random.Random(2))
    form = canonical(graph)
    assert sorted(form.numbering) == list(range(graph.size))
    assert all(form.numbering[v] < graph.n_inputs for v in range(graph.n_inputs))
    assert all(a < b for a, b in form.graph.edges)
    rebuilt = Graph.from_edges(
        form.graph.n_inputs, form.graph.n_vertices, form.graph.outputs, form.graph.edges, form.graph.unit_edges
    )
    assert rebuilt == form.graph
    assert {(form.numbering[a], form.numbering[b]) for a, b in graph.edges} == set(form.graph.edges)
    assert {(form.numbering[a], form.numbering[b]) for a, b in graph.unit_edges} == form.graph.unit_edges
    assert {form.numbering[v] for v in graph.outputs} == set(form.graph.outputs)
    assert canonical(form.graph).graph == form.graph


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(0, 25))
@settings(max_examples=200, deadline=None)
def test_random_graphs_survive_renumbering_and_orders_travel(seed: int, n_inputs: int, n_vertices: int) -> None:
    rng = random.Random(seed)
    graph = random_graph(rng, n_inputs, n_vertices)
    other = renumbered(graph, rng)
    here, there = canonical(graph), canonical(other)
    assert here.fingerprint == there.fingerprint
    order = list(graph.eliminable)
    rng.shuffle(order)
    travelled = there.from_canonical(here.to_canonical(order))
    assert count(other, check_order(other, travelled)) == count(graph, order)
    assert here.from_canonical(here.to_canonical(order)) == tuple(order)


@given(st.integers(0, 2**32), st.integers(2, 3), st.integers(4, 10))
@settings(max_examples=100, deadline=None)
def test_small_regular_graphs_survive_renumbering(seed: int, degree: int, n: int) -> None:
    """Colour refinement sees nothing in a regular graph; members of one class need not be interchangeable."""
    rng = random.Random(seed)
    edges = {(i, n + t) for _ in range(degree) for i, t in enumerate(rng.sample(range(n), n))}
    graph = Graph.from_edges(n, n, range(n, 2 * n), edges)
    assert fingerprint(graph) == fingerprint(renumbered(graph, rng))


@pytest.mark.parametrize("seed", range(8))
def test_canonical_numbering_is_stable_even_where_choices_matter(seed: int) -> None:
    """In large regular graphs members of a class differ, and none is tried: a stored graph must keep its key anyway."""
    rng, n = random.Random(seed), 70
    edges = {(i, n + t) for _ in range(3) for i, t in enumerate(rng.sample(range(n), n))}
    form = canonical(Graph.from_edges(n, n, range(n, 2 * n), edges))
    again = canonical(form.graph)
    assert again.fingerprint == form.fingerprint
    assert again.numbering == tuple(range(2 * n))


def test_equal_exactly_for_isomorphic_graphs_by_brute_force() -> None:
    """All graphs of two inputs and three vertices with a unit edge here and there, against all renumberings."""
    seen: dict[str, object] = {}
    classes = set()
    pairs = [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4)]
    renumberings = [(*i, *v) for i in itertools.permutations((0, 1)) for v in itertools.permutations((2, 3, 4))]
    for bits in range(1 << len(pairs)):
        edges = [pair for k, pair in enumerate(pairs) if bits >> k & 1]
        used = {a for a, _ in edges}
        outputs = [v for v in (2, 3, 4) if v not in used]
        for units in ([], edges[:1], edges):
            smallest = min(
                (
                    sorted((p[a], p[b], (a, b) in units) for a, b in edges),
                    sorted(p[v] for v in outputs),
                )
                for p in renumberings
            )
            key = repr(smallest)
            found = fingerprint(Graph.from_edges(2, 3, outputs, edges, units))
            assert seen.setdefault(found, key) == key
            classes.add(key)
    assert len(seen) == len(classes)


def test_any_change_of_structure_changes_the_fingerprint() -> None:
    base = {"n_inputs": 2, "n_vertices": 4, "outputs": (5,), "edges": [(0, 2), (1, 2), (2, 3), (1, 4), (3, 5), (4, 5)]}
    edges = base["edges"]
    variants = [
        base,
        base | {"unit_edges": [(2, 3)]},
        base | {"unit_edges": [(3, 5)]},
        base | {"granularity": "tensor"},
        base | {"edges": [*edges, (0, 4)]},
        base | {"edges": edges[:-1]},
        base | {"edges": [*edges[:-1], (2, 5)]},
        base | {"n_vertices": 5},
        base | {"n_vertices": 5, "outputs": (5, 6)},
        base | {"outputs": ()},
        base | {"n_inputs": 3, "outputs": (6,), "edges": [(a + (a > 1), b + 1) for a, b in edges]},
    ]
    assert len({fingerprint(Graph.from_edges(**variant)) for variant in variants}) == len(variants)


def test_names_and_orders_of_arguments_and_results_do_not_matter() -> None:
    plain = Graph.from_edges(2, 3, (3, 4), [(0, 2), (1, 2), (2, 3), (1, 4)])
    swapped = Graph.from_edges(2, 3, (4, 3), [(1, 2), (0, 2), (2, 3), (0, 4)], labels=("f.py:1", "f.py:2", "f.py:3"))
    assert fingerprint(plain) == fingerprint(swapped)


def test_ten_thousand_random_graphs_do_not_collide() -> None:
    rng = random.Random(2024)
    seen: dict[str, Graph] = {}
    for _ in range(10_000):
        form = canonical(random_graph(rng, rng.randint(1, 4), rng.randint(2, 12)))
        assert seen.setdefault(form.fingerprint, form.graph) == form.graph
    # Small sizes repeat a structure now and then; the bound shows that the graphs differ at all.
    assert len(seen) > 8_000


def test_fingerprints_are_pinned() -> None:
    """Stored orders are found by these strings: a change here needs a new schema and a rebuilt zoo."""
    assert fingerprint(Graph.from_edges(2, 2, (3,), [(0, 2), (1, 2), (2, 3)], [(2, 3)])) == PINNED["tiny"]
    for name in PINNED.keys() - {"tiny"}:
        assert fingerprint(SHAPES[name]) == PINNED[name], name


def test_other_processes_and_hash_seeds_agree() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_fingerprint as t; "
        "print(*[t.fingerprint(t.SHAPES[name]) for name in sorted(t.SHAPES)])"
    )
    expected = " ".join(fingerprint(SHAPES[name]) for name in sorted(SHAPES))
    for seed in ("0", "12345"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "order_zoo"))),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


def test_large_symmetric_graphs_are_not_quadratic() -> None:
    """Work, not time: every vertex is looked at a few times, however many look alike."""
    from ccjac.fingerprint import refinement

    looks = 0

    class Counting(refinement.Partition):
        __slots__ = ()

        def _hear(self, news):  # type: ignore[no-untyped-def]
            nonlocal looks
            looks += sum(len(neighbours[v]) for v in news for neighbours in self._links.kinds)
            return super()._hear(news)

    from ccjac.fingerprint import labelling

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelling, "Partition", Counting)
        for graph in (matrix_vector(40, 40), identical_chains(400, 10), identical_chains(10, 400)):
            looks = 0
            canonical(graph)
            assert 0 < looks < 12 * len(graph.edges)
