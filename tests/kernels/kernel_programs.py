"""Programs that the kernel tests compile."""

import numpy as np

from ccjac.program import Builder, Node, Program

TAME = ("sin", "cos", "tanh", "logistic", "atan", "abs", "neg", "sign", "floor", "expm1")


def single(op: str, dtypes: list[str], result: str, param: object = None) -> Program:
    """One operation, exactly as written: a builder would simplify some."""
    nodes = [Node("input", (), d, k) for k, d in enumerate(dtypes)]
    nodes.append(Node(op, tuple(range(len(dtypes))), result, param))
    return Program(tuple(nodes), len(dtypes), (len(dtypes),))


def several(ops: list[tuple[str, str, object]], dtypes: list[str]) -> Program:
    """Many operations ``(name, result type, param)`` on the same inputs, one result each."""
    nodes = [Node("input", (), d, k) for k, d in enumerate(dtypes)]
    args = tuple(range(len(dtypes)))
    nodes += [Node(op, args, result, param) for op, result, param in ops]
    return Program(tuple(nodes), len(dtypes), tuple(range(len(dtypes), len(nodes))))


def random_program(seed: int, n_inputs: int, size: int, n_results: int, dtype: str = "float64") -> Program:
    """A random tame program: values stay bounded, so that errors do not grow; results repeat, and include inputs and
    constants.
    """
    rng = np.random.default_rng(seed)
    b = Builder()
    values = [b.input(k, dtype) for k in range(n_inputs)]
    values += [b.const(0.0, dtype), b.const(-0.75, dtype)]
    for _ in range(size):
        x, y, z = (values[k] for k in rng.integers(max(0, len(values) - 40), len(values), 3))
        kind = rng.integers(8)
        if kind == 0:
            values.append(b.emit(str(rng.choice(TAME)), (x,), dtype))
        elif kind == 1:
            which = b.emit(str(rng.choice(["lt", "ge", "eq"])), (x, y), "bool")
            values.append(b.emit("select_n", (which, y, z), dtype))
        elif kind == 2:
            values.append(b.emit(str(rng.choice(["max", "min"])), (x, y), dtype))
        elif kind == 3:
            one = b.const(1.5, dtype)
            values.append(b.emit("div", (x, b.emit("add", (b.emit("abs", (y,), dtype), one), dtype)), dtype))
        elif kind == 4:
            half = b.emit("mul", (b.emit("add", (x, y), dtype), b.const(0.5, dtype)), dtype)
            values.append(half)
        else:
            small = b.emit("mul", (y, b.const(float(rng.uniform(-0.9, 0.9)), dtype)), dtype)
            values.append(b.emit("mul" if kind == 5 else "sub", (b.emit("sin", (x,), dtype), small), dtype))
    picked = [values[k] for k in rng.integers(0, len(values), n_results)]
    return b.finish(picked, n_inputs)
