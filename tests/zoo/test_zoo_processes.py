"""Many processes and threads, one zoo: nothing is lost, nothing gets worse."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ccjac
from ccjac.graph import Graph
from ccjac.ordering import SearchResult
from ccjac.zoo import Zoo

WRITERS = 8
GRAPHS = 4

WRITER = """
import random, sys, warnings
from zoo_samples import make_graph, make_result
from ccjac.zoo import Zoo, user_store
warnings.simplefilter("error")
user_store.PATIENCE = user_store.GLANCE = 120.0  # a slow disk is no failure here
directory, seed, n_graphs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
zoo = Zoo(directory)
sys.stdin.readline()
best = {}
jobs = [i for i in range(n_graphs) for _ in range(3)]
rng.shuffle(jobs)
for i in jobs:
    graph = make_graph(i)
    found = make_result(graph, tuple(rng.sample(graph.eliminable, len(graph.eliminable))))
    if rng.random() < 0.3:
        zoo.remember_miss(graph, found)
    else:
        zoo.improve(graph, found, name=f"writer{seed}")
    hit = zoo.lookup(graph)
    best[i] = min(found.cost, best.get(i, found.cost))
    # A miss that met another one's write is in memory only.
    assert hit.source in ("user", "memory") and hit.cost <= best[i], (hit, best[i])
    zoo.improve(graph, found)
own = make_graph(1000 + seed)
zoo.improve(own, make_result(own, own.eliminable))
print(*[best[i] for i in range(n_graphs)])
"""


def environment() -> dict[str, str]:
    paths = [str(Path(__file__).parent), str(Path(ccjac.__file__).parents[1])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def test_eight_processes_at_once(tmp_path: Path, graphs: Callable[..., Graph]) -> None:
    """They even create the database at once; every process's own entry is there, and the best of each shared one."""
    directory = tmp_path / "zoo"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(seed), str(GRAPHS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for seed in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outputs = [writer.communicate(timeout=300) for writer in writers]
    for writer, (_, errors) in zip(writers, outputs, strict=True):
        assert writer.returncode == 0, errors
    best = [min(costs) for costs in zip(*(map(int, out.split()) for out, _ in outputs), strict=True)]
    zoo = Zoo(directory)
    for i in range(GRAPHS):
        hit = zoo.lookup(graphs(i))
        assert hit is not None
        assert hit.cost == best[i]
    for seed in range(WRITERS):
        assert zoo.lookup(graphs(1000 + seed)) is not None
    assert zoo.verify() == []
    assert len(list(zoo.entries())) == GRAPHS + WRITERS


def test_threads(tmp_path: Path, graphs: Callable[..., Graph], result: Callable[..., SearchResult]) -> None:
    zoo = Zoo(tmp_path)

    def work(i: int) -> int:
        graph = graphs(i % 3)
        order = graph.eliminable if i % 2 else graph.eliminable[::-1]
        zoo.improve(graph, result(graph, order))
        hit = zoo.lookup(graph)
        assert hit is not None
        return hit.cost

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(18)))
    for i in range(3):
        graph = graphs(i)
        hit = zoo.lookup(graph)
        assert hit is not None
        assert hit.cost == min(result(graph, order).cost for order in (graph.eliminable, graph.eliminable[::-1]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_may_go_on(tmp_path: Path, graph: Graph, results: tuple[SearchResult, SearchResult]) -> None:
    worse, better = results
    zoo = Zoo(tmp_path)
    zoo.improve(graph, worse)
    child = os.fork()
    if child == 0:
        os._exit(0 if zoo.improve(graph, better) else 1)
    assert os.waitpid(child, 0)[1] == 0
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.order == better.order
    assert not zoo.improve(graph, worse)


def test_a_killed_writer_leaves_a_usable_zoo(
    tmp_path: Path, graph: Graph, results: tuple[SearchResult, SearchResult]
) -> None:
    Zoo(tmp_path).improve(graph, results[0])
    program = (
        "import os, sys; from zoo_samples import make_graph, two_results; from ccjac.zoo import Zoo, user_store; "
        "put = user_store.UserStore._put; "
        "user_store.UserStore._put = lambda self, *a: (put(*a), os.kill(os.getpid(), 9)); "
        "g = make_graph(); Zoo(sys.argv[1]).improve(g, two_results(g)[1])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment(), check=False)
    assert done.returncode == -9
    zoo = Zoo(tmp_path)
    hit = zoo.lookup(graph)
    assert hit is not None
    assert hit.order == results[0].order
    assert zoo.improve(graph, results[1])
