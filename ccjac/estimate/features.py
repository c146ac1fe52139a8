"""What is counted in a function, and what a framework's own modes cost."""

from __future__ import annotations

from dataclasses import dataclass

GOOD_RATIO = 0.33
"""What a good order takes of the products and sums of forward accumulation: 0.25 to 0.8."""
FIRST_CALL_RATIO, FIRST_CALL_SECONDS = 1.5, 0.1
"""How much longer than the framework's a first call may take: a ratio, and seconds on top."""
EAGER_FIRST_CALL_SECONDS = 1.0
"""The same where the framework compiles nothing: what a hundred calls of its modes take that save 10 ms each."""


@dataclass(frozen=True)
class Modes:
    """What a framework's own modes cost; the defaults are those of a framework that compiles.

    Attributes:
        first_call: Seconds to compile an empty function.
        equation_first_call: Seconds to trace, lower and compile one equation's tangents; 1 to 8 ms.
        excess: Seconds by which a first call may take longer than the framework's.
        call: Nanoseconds of a call.
        forward_equation, reverse_equation: What an equation costs besides its numbers.
        array: One operation on one entry of an array.
        array_function: One exponential, sine or the like on one entry.
        product: One multiply-add of a matrix product.
        forward_convolved, reverse_convolved: One multiply-add of a convolution.
        loop: A loop, per step.
        cells: Whether functions can be divided into cells.
    """

    first_call: float = 0.035
    equation_first_call: float = 3.5e-3
    excess: float = FIRST_CALL_SECONDS
    call: float = 10_000.0
    forward_equation: float = 0.0
    reverse_equation: float = 0.0
    array: float = 0.05
    array_function: float = 1.2
    product: float = 0.02
    forward_convolved: float = 0.0
    reverse_convolved: float = 0.0
    loop: float = 1_000.0
    cells: bool = True


COMPILED = Modes()
EAGER = Modes(
    first_call=0.0,
    equation_first_call=0.0,
    excess=EAGER_FIRST_CALL_SECONDS,
    call=230_000.0,
    forward_equation=40_000.0,
    reverse_equation=11_000.0,
    array=0.17,
    forward_convolved=7.0,
    reverse_convolved=18.0,
    loop=0.0,
    cells=False,
)
"""torch's, on tensors as they come: forward mode took 8 to 140 µs for an operation, reverse mode 11."""


@dataclass
class Features:
    """What is counted in a traced function.

    Attributes:
        inputs: Differentiated input scalars.
        outputs: Differentiated output scalars.
        operations: Scalar operations of the value that depend on an argument.
        functions: Those of them that are exponentials, sines and the like.
        active: Operations that depend on a differentiated argument, matrix products apart.
        contractions: Multiply-adds of matrix products and additions of running sums that do.
        partials: Local partials that are not constants.
        edges: All local partials.
        forward: Products and sums when derivatives are accumulated from the inputs, zeros left out.
        folded: Products and sums of constants, which are done once.
        entries: Entries of the Jacobian that are not always zero.
        equations: Of the traced function; the body of a loop counts once.
        steps: Of loops.
        affine: Whether the Jacobian does not depend on any argument.
        convolved: Multiply-adds of convolutions, where they cost more than those of matrix products.
        obstacle: Why the function cannot be expanded, or an empty string.
        modes: What the framework's own modes cost.
    """

    inputs: int = 0
    outputs: int = 0
    operations: float = 0.0
    functions: float = 0.0
    active: float = 0.0
    contractions: float = 0.0
    partials: float = 0.0
    edges: float = 0.0
    forward: float = 0.0
    folded: float = 0.0
    entries: float = 0.0
    equations: int = 0
    steps: float = 0.0
    affine: bool = False
    convolved: float = 0.0
    obstacle: str = ""
    modes: Modes = COMPILED

    @property
    def accumulated(self) -> float:
        """Products and sums of a good order: no more than from the inputs, or from the outputs one by one.

        Good orders save more than half of forward accumulation, but every entry takes a product and a sum or so.
        """
        good = max(min(2 * self.entries, self.forward), GOOD_RATIO * self.forward)
        return min(good, 2 * self.edges * self.outputs)

    @property
    def program(self) -> float:
        """Operations of the Jacobian's program."""
        # The values of linear functions are not needed.
        return 0.0 if self.affine else self.operations + self.partials + self.accumulated
