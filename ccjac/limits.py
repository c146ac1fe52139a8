"""Every limit and cut-off of size, with what was measured.

They decide what runs where, what is kept and how long is waited; none of them changes a result.
"""

from __future__ import annotations

# -- how much is expanded ---------------------------------------------------------------------------------------------

SCALAR_LIMIT = 60_000
"""Program values beyond which a function is left to the framework's own modes."""

ENTRY_LIMIT = 4_000_000
"""Jacobian entries beyond which the same holds; zeros count."""

ITERATION_LIMIT = 10_000
"""Loop iterations beyond which unrolling is hopeless even for tiny bodies."""

SHORTEST_LOOP = 4
"""Steps beyond which a loop of a function that is not unrolled as a whole stays a loop."""

ROWS_FROM = 256
"""Entries of an array with a row per step of a loop from which work on all rows becomes part of a loop."""

PICKED_ROWS = 8
"""Rows of a long array that are read by themselves: each is compared with every step."""

STRAIGHT_SCALARS = 600
"""Numbers that straight code between loops reads or writes beyond which the function is left to the framework: what has
as many as a loop has steps would take longer to compile with every step, 800 of them 10 s."""

LOOP_PROGRAM_LIMIT = 4_000
"""Operations of one step with derivatives beyond which a loop is left to the framework: it is one basic block."""

MOVING_DIRECTIONS = 1_000_000
"""Steps times differentiated numbers of a sequence beyond which forward accumulation is out of the question."""

STORED_NUMBERS = 16_000_000
"""Numbers per sample that reverse accumulation stores of a loop, times the samples of a vector; the framework stores
more of them, and of all samples at once."""
BLOCK_ENTRIES = 1_024
"""Partials of a region beyond which derivatives by the function's inputs are pushed through it instead: every one of
them would be an edge of the graph."""

RULE_ENTRIES = 800
"""Partials of a decomposition up to which the framework's derivative rule for it is expanded, so that the framework
computes its values alone."""

RULE_MEMORY = 4096
"""Derivative rules and templates that are remembered per process."""

# -- cells ------------------------------------------------------------------------------------------------------------

CLASS_LIMIT = 512
"""Classes of outputs beyond which a function has no structure worth the compilation of as many programs."""

NODE_LIMIT = 6_000
"""Operations of one cell beyond which it is no small program."""

TERMS_FROM = 32
"""Classes beyond which outputs that are sums are divided into terms: to compile a program takes 10 to 100 ms.  Grids of
three dimensions have 27."""

TERMS_LIMIT = 64
"""Terms per output beyond which they are not taken apart."""

COINCIDENCE_LIMIT = 64
"""Patterns of coinciding leaves beyond which entries of equal place are added up instead of told apart."""

COMPONENTS = 6
"""Components of one point up to which outputs that alternate are seen."""

LEAST_MEMBERS = 64
"""Members from which that is worth while."""

SHARED_PART = 0.3
"""Classes that share this part of the smaller one's operations are computed together."""

WIDE = 160
"""Terms of a sum beyond which it is a row of its own, not part of a cell: nearly the whole Jacobian row is nonzero
then."""

CUT_LIMIT = 16
"""Numbers that depend on everything and are cut out: each is a sweep in reverse, and a dense row to keep."""

CUT_SHARE = 0.25
"""The same for each output or input, whichever are fewer: beyond it the sweeps save nothing."""

CUMULATED = 32
"""Entries along an axis up to which running sums and products are taken apart: each is a class of its own."""

UNROLLED_STEPS = 200
"""Steps of a loop beyond which it is not unrolled into cells: a stencil's width grows with every step."""

DEPENDENCIES_LIMIT = 50_000_000
"""Pairs of an element and an input beyond which a pattern is not followed any further: half a gigabyte."""

NONZERO_LIMIT = 2**31 - 1
"""Entries of a sparse Jacobian: more have no place in the int32 tables and row pointers."""

LONGEST_STRIDE = 16
"""Elements between neighbouring members up to which their leaves are columns of one row."""

SHORTEST_RUN = 16
"""Members below which a run is not worth a task of its own."""

RUN_BYTES = 1 << 17
"""Bytes that a task reads and writes: small enough to be shared among threads, large enough to be worth it."""

RARE_SHARE = 0.15
"""Share of all members below which a program is compiled with little effort: in a third of the time, and boundary cells
of grids ran 2 to 50 % longer."""

TASKS_BYTES = 1 << 17
"""The same of the tasks that one thread takes at a time."""

PICKED_FROM = 0.25
"""Density from which a sparse matrix and one of low rank are added as dense ones, and the entries picked out."""

COLOURS_SAVE = 0.5
"""Derivatives per column or row beyond which whole columns or rows are computed."""

COMPARED_LIMIT = 50_000_000
"""Pairs of entries of a row that a colouring compares, at most."""

STARS_LIMIT = 20_000_000
"""Paths of three edges beyond which a symmetric colouring is not tried: it takes a tenth of a microsecond for each."""

NEARLY_DENSE = 0.3
"""Density from which a warning says that sparse formats cost more than they save: their products took as long as dense
ones from a quarter to a third of all entries on."""

# -- which executor ---------------------------------------------------------------------------------------------------

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

FEW_SAMPLES = 2
"""Batches up to this size are computed by scalar code or, if that is quicker, by plain operations."""

ONE_FUSION = 32
"""Operations up to which the framework's compiler had better compute every entry of the result from the inputs, in one
loop; longer programs are computed once, and their results are put together in another loop."""

# -- code of kernels --------------------------------------------------------------------------------------------------

STRAIGHT_OPERATIONS = 3000
"""Up to this size, and of so many columns, a program is one basic block; a longer one is cut into segments."""

STRAIGHT_COLUMNS = 384
"""Entries of a sample's operands and results, see :data:`STRAIGHT_OPERATIONS`: 300 columns took 15 to 20 % less time
than in segments."""

DEVICE_OPERATIONS = 4000
"""Up to this size a program is one function on a device.  Cut into segments, 6,400 operations in single precision took
128 registers instead of all 255, and 10,000 took NVRTC 9 s instead of 12 s; below, everything stays in registers."""

SEGMENT_OPERATIONS = 400
"""Length of a segment: long enough that few values cross a cut, short enough for the compiler."""

SHORT_EFFORT = 2
"""LLVM's level for the code of one basic block."""

LONG_EFFORT = 0
"""The same for segments, which work on memory: code of level 2 took 4 to 20 times as long to make as that of level 0,
and ran 3 to 20 % faster with one sample, no faster with 512."""

LARGE_TEXT = 3000
"""Lines of one basic block from which it is compiled with less effort: 5,600 lines took 0.97 s on level 2 and 0.12 s on
level 1, and ran no slower; 3,400 lines 0.27 and 0.09 s.  Short code is 0 to 5 % faster by level 2."""

LARGE_EFFORT = 1
"""LLVM's level for such a block."""

STACK_BYTES = 1 << 16
"""Scratch memory up to this size lies on the stack."""

PADDED_BYTES = 1 << 20
"""Rows of as many samples as a vector holds, beyond which code is scalar: a call with fewer samples than that fills
them up.  Of a million entries it wrote eight or sixteen times as many, into memory that the system had to bring first,
in 20 to 200 ms instead of 0.1."""

MANY_ENTRIES = 32
"""Results of a sample, from which the order of their stores matters."""

MANY_FUNCTIONS = 10
"""Functions of a sample, from which wide vectors of them save more than they cost."""

INLINE_FUNCTIONS = 24
"""More polynomials than these are called: they would make long code, which is slow to compile and no faster."""

CARRIED_REGISTERS = 32
"""Numbers that a loop carries from step to step as values of its code; more of them have places in memory, which are
read where they are needed and written at the end of a step."""

SHORT_STEP = 400
"""Operations of a step up to which LLVM's level is 2."""

MANY_CARRIED = 160
"""Numbers carried by a loop up to which it is 1, beyond which it is 0: 2,000 operations with 370 numbers took 13 s to
compile at level 1, 0.4 s at level 0; code of level 0 takes 1.1 to 3 times as long to run."""

BLOCK_OPERATIONS = 256
"""Operations of a step in one basic block: what LLVM does with a block takes time in proportion to its square."""

SHORT_LOOP = 400
"""Operations of two vectors of samples in a step up to which they go through it together, and of four: the next step
waits for the last one's result, and the other vectors fill the time.  A map of 9 operations took 0.75 of the time, two
hyperbolic tangents 0.7; at 380 operations two vectors took 1.15 times as long."""

SPARSE_ENTRIES = 1024
"""Rows from this length on are written by table if less than half of their entries are computed."""

SCALAR_MOVES = 8
"""Moves that one turn of a loop makes where columns are too few or too narrow to be transposed in groups."""

BLOCK_COLUMNS = 64
"""Rows of more columns are written by a basic block per group, which halves the time to compile them; shorter ones gain
3 to 15 % speed from stores between the computations."""

PIECE_WORK = 700_000
"""Simple operations and bytes, read or written, times samples in one piece: 20 to 40 µs, several times what waking a
thread costs.  Where all cores are busy, batches cut finer took up to 1.6 times as long as on one thread."""

PIECE_VECTORS = 8
"""The least of a piece in vectors, over which the scratch memory's preparation is spread."""

# -- calls and guards -------------------------------------------------------------------------------------------------

FEW_NUMBERS = 1
"""Values of a whole number that are compiled in, each on its own, before it is traced."""

UNGUARDED_TRACES = 3
"""Traces of a function that cannot be guarded which were all different: then compiling each is given up."""

COMPILED_PER_FUNCTION = 32
"""Compiled functions that one Jacobian function keeps for one pattern of arguments."""

WAITING_PER_CODE = 4
"""Compiled functions per code and pattern that wait for a successor of the function they were made for."""

WAITING_CODES = 64
"""Codes whose compiled functions wait so."""

GUARD_DEPTH = 24
"""Steps from the function to the last object that is looked into."""

GUARD_CHECKS = 2_000
"""Checks beyond which a guard is not worth its price."""

# -- plans ------------------------------------------------------------------------------------------------------------

MARKOWITZ_LIMIT = 20_000
"""Vertices beyond which a table does not spend the seconds that a Markowitz count takes."""
