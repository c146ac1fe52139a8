"""Every limit and cut-off of size, with what was measured.

They decide what runs where and how long is waited; none of them changes a result.
"""

from __future__ import annotations

SCALAR_LIMIT = 60_000
"""Program values beyond which a function is left to the framework's own modes."""

ENTRY_LIMIT = 4_000_000
"""Jacobian entries beyond which the same holds; zeros count."""

ITERATION_LIMIT = 10_000
"""Loop iterations beyond which unrolling is hopeless even for tiny bodies."""

PROGRAM_LIMIT = 25_000
"""Operations beyond which the framework's own modes, with their matrix products, overtake a straight-line program: at
20,000 it took 0.85 of the better mode's time in batches of 512, at 100,000 1.8 of it, and half a minute to compile."""

OPERATIONS_LIMIT = 6_000
"""Operations beyond which XLA would need minutes to compile a program one by one."""

DIFFERENTIATED_LIMIT = 1_000
"""Operations beyond which plain operations are differentiated by the framework's own mode: XLA took 19 s for the
products of a Jacobian of 662 operations with tangents, as long as for its own, and ever more per operation beyond."""

DERIVATIVE_LIMIT = 100_000
"""Operations of a derivative of a program beyond which its kernel would take longer to compile than the framework's own
derivative: a tenth of a millisecond each."""

SPARSE_FROM: dict[str, int | None] = {"kernel": None, "ops": 512}
"""Entries from which a block that is mostly zero is computed packed, because plain operations unroll what they write,
and spread out by the framework afterwards.  Kernels write zeros themselves, in a tenth of the time."""

RULE_MEMORY = 4096
"""Derivative rules and templates that are remembered per process."""

FEW_SAMPLES = 2
"""Batches up to this size are computed by scalar code or, if that is quicker, by plain operations."""

ONE_FUSION = 32
"""Operations up to which the framework's compiler had better compute every entry of the result from the inputs, in one
loop; longer programs are computed once, and their results are put together in another loop."""
