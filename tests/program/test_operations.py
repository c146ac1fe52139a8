"""The vocabulary is a contract: every table that indexes it covers it or names its gap here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ccjac.elimination import forward_order
from ccjac.expand.linear import LINEAR
from ccjac.kernels import c
from ccjac.kernels import operations as llvm
from ccjac.program import Builder, Node, evaluate
from ccjac.program.operations import LEAVES, OPERATIONS, is_function, price
from ccjac.program.program import _RULES as SIMPLIFIED
from ccjac_jax import operations as jax_operations
from ccjac_jax.names import ELEMENTWISE
from ccjac_zoo.registry import task
from oracles import jacobian_programs

UNKNOWN = "igamma igamma_grad_a igammac random_gamma_grad regularized_incomplete_beta zeta".split()
TOTAL_ORDER = ["eq_to", "lt_to", "le_to"]
BITS = ["shift_left", "shift_right_arithmetic", "shift_right_logical", "clz", "population_count"]
MEANINGS = {op for op, operation in OPERATIONS.items() if operation.meaning is not None}
PRIMITIVES = {p.name for p in vars(jax.extend.core.primitives).values() if isinstance(p, jax.extend.core.Primitive)}

TABLES: dict[str, tuple[Iterable[str], Iterable[str]]] = {
    "numpy": (MEANINGS, [*UNKNOWN, *TOTAL_ORDER]),
    "LLVM": (llvm.RULES, [*UNKNOWN, *TOTAL_ORDER, "clz", "population_count"]),
    "C": (c.RULES, [*UNKNOWN, *TOTAL_ORDER, *BITS, "integer_pow"]),
    "JAX's names": (ELEMENTWISE.values(), []),
    "JAX's operations": ([*jax_operations._SPECIAL, *PRIMITIVES.intersection(OPERATIONS)], []),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_covers_the_vocabulary_but_for_its_gap(name: str) -> None:
    table, gap = TABLES[name]
    assert set(OPERATIONS) - set(table) == set(gap)
    assert set(table) <= set(OPERATIONS)


@pytest.mark.parametrize("table", [SIMPLIFIED, LINEAR, jax_operations._SPECIAL, llvm.MADE_OF, llvm.MADE_OF.values()])
def test_a_partial_table_names_nothing_else(table: Iterable[str]) -> None:
    assert set(table) <= set(OPERATIONS)


def test_operations_are_named_after_primitives() -> None:
    assert set(OPERATIONS) <= PRIMITIVES | {"random_gamma_grad"}
    assert not LEAVES.keys() & OPERATIONS.keys()


EXAMPLES = {"f": "float64", "i": "int32", "u": "uint8", "b": "bool"}
PARAMETERS: dict[str, Any] = {
    "integer_pow": 3,
    "round": 0,
    "reduce_precision": (("exponent_bits", 8), ("mantissa_bits", 23)),
}
NAMED = {"convert_element_type": ["bool", "float32", "int64"]}
CASES = [
    (op, kind, target)
    for op, operation in OPERATIONS.items()
    for kind in operation.operands
    # Bits of the same width; the framework has no bits of a bool, and no bits as a bool.
    for target in (
        {"f": ["int64"], "i": ["float32"], "u": ["int8"]}.get(kind, [])
        if op == "bitcast_convert_type"
        else NAMED.get(op, [""])
    )
    # JAX selects by bool or int32, and has no absolute value of what has no sign.
    if (op, kind) not in {("select_n", "u"), ("abs", "u")}
]


def operands(op: str, kind: str) -> list[str]:
    dtype = EXAMPLES[kind]
    return (
        [dtype, "float32", "float32", "float32"][: 3 if kind == "b" else 4]
        if op == "select_n"
        else [dtype] * (OPERATIONS[op].arity or 0)
    )


def declared(op: str, dtypes: list[str], target: str) -> str:
    return {"first": dtypes[0], "last": dtypes[-1], "bool": "bool", "node": target}[OPERATIONS[op].result]


@pytest.mark.parametrize(("op", "kind", "target"), CASES)
def test_types_are_those_of_jax(op: str, kind: str, target: str) -> None:
    dtypes = operands(op, kind)
    expected = declared(op, dtypes, target)
    node = Node(op, (), expected, PARAMETERS.get(op))
    theirs = jax.eval_shape(
        lambda *a: jax_operations.apply(node, list(a)), *(jax.ShapeDtypeStruct((), jnp.dtype(d)) for d in dtypes)
    )
    assert theirs.dtype.name == expected


@pytest.mark.parametrize("op", [op for op, operation in OPERATIONS.items() if operation.commutative])
def test_commutative_operations_are(op: str) -> None:
    for kind in OPERATIONS[op].operands:
        x, y = (np.array(v).astype(EXAMPLES[kind]) for v in (3, 0))
        meaning, dtype = OPERATIONS[op].meaning, np.dtype(declared(op, [EXAMPLES[kind]], ""))
        assert meaning is not None
        np.testing.assert_array_equal(meaning([x, y], dtype, None), meaning([y, x], dtype, None))


@pytest.mark.parametrize("name", ["RoeFlux_1d", "RobotArm_6DOF", "BlackScholes", "ALIFNetworkStep", "KeplerSolver"])
def test_programs_keep_the_contract(name: str) -> None:
    function = task(name)
    arguments = tuple(jnp.asarray(a) for a in function.example())
    _, (jacobian,) = jacobian_programs(function.bind("jax"), arguments, [forward_order])
    nodes = jacobian.program.nodes
    for node in nodes:
        if node.op in LEAVES:
            continue
        operation, dtypes = OPERATIONS[node.op], [nodes[a].dtype for a in node.args]
        assert operation.arity in (None, len(dtypes))
        assert np.dtype(dtypes[0]).kind in operation.operands
        assert node.dtype == declared(node.op, dtypes, node.dtype)


def test_the_order_of_cases_and_the_methods_of_rounding() -> None:
    b = Builder()
    x, which = b.input(0, "float64"), b.input(1, "int32")
    cases = [b.const(float(k), "float64") for k in range(3)]
    chosen = b.emit("select_n", (which, *cases), "float64")
    halves = [b.emit("round", (x,), "float64", method) for method in (0, 1, None)]
    by_bool = b.emit("select_n", (b.emit("gt", (x, cases[0]), "bool"), *cases[:2]), "float64")
    program = b.finish([chosen, *halves, by_bool], 2)
    rows = [[float(r) for r in evaluate(program, [0.5, k])] for k in (-1, 0, 1, 2, 3)]
    assert [row[0] for row in rows] == [0, 0, 1, 2, 2]
    assert rows[0][1:] == [1, 0, 1, 1]


def test_prices() -> None:
    assert (price("input"), price("const"), price("add"), price("div")) == (1, 0, 1, 8)
    assert price("sin") < price("asin") == price("frobnicate")
    assert [is_function(op) for op in ("sin", "frobnicate", "add", "rsqrt", "input")] == [
        True,
        True,
        False,
        False,
        False,
    ]
