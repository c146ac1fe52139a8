"""What every zoo test can ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from zoo_samples import make_graph, make_result, one_warning, two_results

from ccjac.graph import Graph
from ccjac.ordering import SearchResult


@pytest.fixture
def graph() -> Graph:
    return make_graph()


@pytest.fixture
def results(graph: Graph) -> tuple[SearchResult, SearchResult]:
    return two_results(graph)


@pytest.fixture
def result() -> Callable[..., SearchResult]:
    return make_result


@pytest.fixture
def graphs() -> Callable[..., Graph]:
    return make_graph


@pytest.fixture
def warned_once() -> Callable[[str], object]:
    return one_warning
