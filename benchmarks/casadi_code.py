"""CasADi's C of the Jacobians of catalogue functions; run by ``c_export.py`` with a Python that has CasADi.

    python benchmarks/casadi_code.py DIRECTORY NAME...

Writes ``NAME_casadi.c`` with the functions ``NAME_dense``, ``NAME_nonzeros`` and ``NAME_cse`` (dense, after CasADi's
elimination of common subexpressions), and prints ``{"version": ..., "places": {NAME: [rows, columns]}}``.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from types import SimpleNamespace
from typing import Any


def main(directory: str, names: list[str]) -> None:
    # CasADi warns that it takes numpy's functions of its symbols, which is what is wanted here.
    warnings.simplefilter("ignore", FutureWarning)
    import casadi
    import numpy

    import ccjac_zoo

    # numpy's functions, of CasADi's symbols; the error function is the only one that numpy lacks.
    namespace = SimpleNamespace(**vars(numpy) | {"erf": casadi.erf})
    # Its generator writes into the working directory only.
    os.chdir(directory)
    places: dict[str, Any] = {}
    for name in names:
        task: Any = ccjac_zoo.task(name)
        x = casadi.SX.sym("x", task.n)
        jacobian = casadi.jacobian(task.vector(namespace)(numpy.array([x[i] for i in range(task.n)], dtype=object)), x)
        places[name] = jacobian.sparsity().get_triplet()
        generator = casadi.CodeGenerator(f"{name}_casadi.c")
        for kind, matrix in {
            # Row-major, as everybody else's.
            "dense": casadi.densify(jacobian).T,
            "nonzeros": jacobian,
            "cse": casadi.cse(casadi.densify(jacobian)).T,
        }.items():
            generator.add(casadi.Function(f"{name}_{kind}", [x], [matrix]))
        generator.generate()
    print(json.dumps({"version": casadi.__version__, "places": places}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
