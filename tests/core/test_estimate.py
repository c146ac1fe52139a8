"""The decision between a straight-line program and the framework's own modes, from counts alone."""

from dataclasses import replace

import pytest

from ccjac import estimate
from ccjac.estimate import Features

SMALL = Features(inputs=6, outputs=3, operations=120, active=120, partials=60, edges=150, forward=400, entries=18)
SMALL.equations = 40


def test_small_functions_are_programs() -> None:
    assert estimate.obstacle(SMALL) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"obstacle": "the operation 'sort' has no scalar rule"}, "sort"),
        ({"operations": 70_000}, "more than 60,000 scalar operations"),
        ({"inputs": 3000, "outputs": 3000}, "3,000 x 3,000 entries"),
        ({"forward": 1e7, "edges": 1e6}, "straight-line program"),
        ({"operations": 8_000, "equations": 2}, "to compile"),
    ],
)
def test_what_stands_against_a_program(change: dict[str, object], reason: str) -> None:
    refused = replace(SMALL, **change)  # type: ignore[arg-type]
    assert reason in (estimate.obstacle(refused) or "")


def test_programs_get_more_time_where_the_framework_takes_more() -> None:
    long = replace(SMALL, operations=8_000)
    assert estimate.obstacle(replace(long, equations=2)) is not None
    assert estimate.obstacle(replace(long, equations=200)) is None


def test_vectors_of_exponentials_stay_vectors() -> None:
    """Few parameters and many rows: the framework computes eight exponentials at once, a program one after another."""
    fit = Features(inputs=3, outputs=9000, operations=27_000, functions=9000, active=27_000, edges=36_000)
    fit.forward, fit.entries, fit.equations = 5000, 27_000, 900
    assert "a call of its straight-line program" in (estimate.obstacle(fit) or "")


def test_linear_functions_need_no_program() -> None:
    linear = Features(inputs=60, outputs=60, operations=7_200, edges=3_600, folded=7_200, entries=3_600, affine=True)
    linear.equations = 1
    assert linear.program == 0
    assert estimate.obstacle(linear) is None


def test_a_program_that_came_out_longer_than_estimated() -> None:
    assert estimate.late_obstacle(SMALL, 2_000) is None
    assert "30,000 operations" in (estimate.late_obstacle(SMALL, 30_000) or "")


def test_the_better_mode() -> None:
    assert estimate.better_mode(Features(inputs=3, outputs=3)) == "forward"
    assert estimate.better_mode(Features(inputs=3, outputs=3, contractions=9)) == "reverse"
    assert estimate.better_mode(Features(inputs=3, outputs=100)) == "forward"
    assert estimate.better_mode(Features(inputs=100, outputs=3)) == "reverse"


def test_dense_matrix_products_are_not_divided_into_cells() -> None:
    dense = Features(inputs=60, outputs=60, operations=15_000, entries=3_600, contractions=7_200, equations=4)
    assert not estimate.cells_may_pay(dense)
    # Sums over everything leave a product of two small matrices.
    assert estimate.cells_may_pay(replace(dense, contractions=0.0))
    assert estimate.cells_may_pay(replace(dense, entries=200.0))
