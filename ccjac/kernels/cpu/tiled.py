"""The loop over the batch for long programs: rows are transposed into a tile, segments of the program work on the tile.

The tile holds one vector per column of every operand, one per column of every result, and one per value that crosses
a cut between segments.  Result columns that are constant, or the same for all samples, are filled in before the loop
and stay.  Long rows that are mostly zero or constant have no columns in the tile: zeros are written, then the other
entries where a table says.

Whatever is done once per column is a loop over a table, never unrolled: LLVM took 9 s for the stores of 3,600 results.
"""

from __future__ import annotations

from ...limits import SCALAR_MOVES, SPARSE_ENTRIES
from ...program.program import Program
from ..context import Context
from ..layout import Layout, Result
from ..operations import emit
from ..writer import BYTES, Writer, memory_element
from .segments import Segmentation, cut
from .straight import announce_stores, from_memory, input_nodes, spread, to_memory, uniform_nodes
from .tables import Tables
from .transpose import PART_BYTES, group_size, load_columns, load_group, store_columns, store_group


def is_sparse(program: Program, result: Result) -> bool:
    """Whether a result's rows are written as zeros, and then entry by entry where there is something else."""
    if len(result.entries) < SPARSE_ENTRIES:
        return False
    computed = sum(e >= 0 and program.nodes[program.results[e]].op != "const" for e in result.entries)
    return 2 * computed < len(result.entries)


def write_range(ctx: Context, program: Program, layout: Layout) -> str:
    """The functions ``@range(in, out, begin, end)`` and all that it calls; see :func:`straight.write_range`."""
    lanes = ctx.writer.lanes
    return _Tiled(ctx, program, layout, lanes).text()


class _Tiled:
    def __init__(self, ctx: Context, program: Program, layout: Layout, lanes: int) -> None:
        self.ctx, self.program, self.layout, self.lanes = ctx, program, layout, lanes
        widest = max([BYTES[node.dtype] for node in program.nodes], default=1)
        self.place_bytes = -(-lanes * widest // PART_BYTES) * PART_BYTES
        self.uniform = uniform_nodes(program, layout)
        self.functions: dict[str, str] = {}
        self.tables = Tables(lanes, self.place_bytes)
        # First the operands' columns, then the results', each array's columns next to each other.
        self.operand_place: list[int] = []
        self.result_place: list[int] = []
        fixed: dict[int, int] = {}
        self.copies: list[tuple[int, int]] = []
        inputs = input_nodes(program)
        place = 0
        for operand in layout.operands:
            self.operand_place.append(place)
            for column, scalar in enumerate(operand.scalars):
                if scalar in inputs:
                    fixed[inputs[scalar]] = place + column
            place += len(operand.scalars)
        self.sparse = [is_sparse(program, result) for result in layout.results]
        for result, sparse in zip(layout.results, self.sparse, strict=True):
            self.result_place.append(place)
            if sparse:
                for entry in result.entries:
                    node = program.results[entry] if entry >= 0 else -1
                    if node >= 0 and node not in fixed and program.nodes[node].op != "const":
                        fixed[node], place = place, place + 1
                continue
            for column, entry in enumerate(result.entries):
                node = program.results[entry] if entry >= 0 else -1
                if node in fixed or (node >= 0 and program.nodes[node].op == "const"):
                    self.copies.append((node, place + column))
                elif node >= 0:
                    fixed[node] = place + column
            place += len(result.entries)
        self.pieces: Segmentation = cut(program, self.uniform, fixed, place)

    def text(self) -> str:
        """All functions."""
        pieces = self.pieces
        for s, piece in enumerate(pieces.shared):
            self._segment(f"shared.{s}", piece)
        for s, piece in enumerate(pieces.looped):
            self._segment(f"segment.{s}", piece)
        main = self._main()
        return "\n".join([*self.tables.texts, *self.functions.values(), main])

    def _copies(self, w: Writer, *, shared: bool) -> None:
        """Fill the columns of results that are constants, operands, or further copies of other results."""
        homes, nodes = self.pieces.homes, self.program.nodes
        wanted = [(node, place) for node, place in self.copies if self.uniform[node] == shared]
        for dtype in dict.fromkeys(nodes[node].dtype for node, _ in wanted):
            mine = [(node, place) for node, place in wanted if nodes[node].dtype == dtype]
            constants = [(nodes[n].param, place) for n, place in mine if n not in homes]
            self.tables.fill(w, "%tile", dtype, constants)
            self.tables.copy(w, "%tile", dtype, [(homes[n], place) for n, place in mine if n in homes])

    def _write_sparse(self, w: Writer, result: Result, rows: str) -> None:
        """One row after another: zeros, the constants, what is computed."""
        nodes, width = self.program.nodes, len(result.entries)
        w.do(
            f"call void @llvm.memset.p0.i64(ptr {rows}, i8 0, i64 {self.lanes * width * BYTES[result.dtype]}, i1 false)"
        )
        filled = [(column, self.program.results[e]) for column, e in enumerate(result.entries) if e >= 0]
        constants = [(nodes[n].param, column) for column, n in filled if nodes[n].op == "const"]
        computed = [(self.pieces.homes[n], column) for column, n in filled if nodes[n].op != "const"]
        self.tables.fill_rows(w, rows, result.dtype, width, constants)
        self.tables.scatter_rows(w, "%tile", rows, result.dtype, width, computed)

    # -- segments -------------------------------------------------------------------------------------------------

    def _segment(self, name: str, piece: tuple[int, ...]) -> None:
        """``@name(tile)``: compute the nodes of ``piece``."""
        w = Writer(self.lanes)
        ctx = self.ctx.on(w)
        names: dict[int, str] = {}
        nodes = self.program.nodes
        inside = set(piece)

        def read(k: int) -> str:
            if k not in names:
                node = nodes[k]
                if node.op == "const":
                    return w.constant(node.param, node.dtype)
                vector = f"<{self.lanes} x {memory_element(node.dtype)}>"
                loaded = w.let(f"load {vector}, ptr {self._at(w, self.pieces.homes[k])}, align {PART_BYTES}")
                names[k] = from_memory(w, loaded, node.dtype)
            return names[k]

        def write(value: str, dtype: str, place: int) -> None:
            vector = f"<{self.lanes} x {memory_element(dtype)}>"
            w.do(f"store {vector} {to_memory(w, value, dtype)}, ptr {self._at(w, place)}, align {PART_BYTES}")

        for k in piece:
            node = nodes[k]
            args = [names[a] if a in inside else read(a) for a in node.args]
            names[k] = emit(ctx, node, args, [nodes[a].dtype for a in node.args])
            if k in self.pieces.homes:
                write(names[k], node.dtype, self.pieces.homes[k])
        w.do("ret void")
        body = "\n".join(w.lines)
        self.functions[name] = f"define internal void @{name}(ptr noalias %tile) #2 {{\nentry:\n{body}\n}}"

    def _at(self, w: Writer, place: int) -> str:
        return w.at("%tile", place * self.place_bytes)

    # -- rows to columns and back ---------------------------------------------------------------------------------

    def _transposition(self, dtype: str, width: int, *, load: bool) -> str:
        """``@load_rows.T.n(rows, columns)`` or ``@store_rows.T.n(rows, columns)``."""
        name = f"{'load' if load else 'store'}_rows.{dtype}.{width}"
        if name in self.functions:
            return name
        w = Writer(self.lanes)
        element, size = memory_element(dtype), BYTES[dtype]
        transposed = group_size(width, size, self.lanes)
        # Columns that cannot be transposed are moved entry by entry.
        g = transposed or min(width, max(SCALAR_MOVES // self.lanes, 1))
        vector = f"<{self.lanes} x {element}>"
        if transposed or width > SCALAR_MOVES:
            # One loop over groups of columns; the last group starts early rather than run over the row's end.
            w.do("br label %loop")
            w.label("loop")
            w.do("%k = phi i64 [ 0, %entry ], [ %next, %loop ]")
            w.do(f"%late = icmp sgt i64 %k, {width - g}")
            w.do(f"%start = select i1 %late, i64 {width - g}, i64 %k")
            rows = w.at("%rows", w.let(f"mul i64 %start, {size}"))
            columns = w.at("%columns", w.let(f"mul i64 %start, {self.place_bytes}"))
            places = [w.at(columns, c * self.place_bytes) for c in range(g)]
            if not transposed:
                for c, place in enumerate(places):
                    for lane in range(self.lanes):
                        entry, slot = w.at(rows, (lane * width + c) * size), w.at(place, lane * size)
                        source, target = (entry, slot) if load else (slot, entry)
                        w.do(f"store {element} {w.let(f'load {element}, ptr {source}')}, ptr {target}")
            elif load:
                for place, value in zip(places, load_group(w, element, size, rows, width, 0), strict=True):
                    w.do(f"store {vector} {value}, ptr {place}, align {PART_BYTES}")
            else:
                values = [w.let(f"load {vector}, ptr {p}, align {PART_BYTES}") for p in places]
                store_group(w, element, size, rows, width, 0, values)
            w.do(f"%next = add i64 %k, {g}")
            w.do(f"%more = icmp slt i64 %next, {width}")
            w.do("br i1 %more, label %loop, label %done")
            w.label("done")
        elif load:
            for column, value in load_columns(w, dtype, "%rows", width, range(width)).items():
                w.do(f"store {vector} {value}, ptr {w.at('%columns', column * self.place_bytes)}, align {PART_BYTES}")
        else:
            places = [w.at("%columns", c * self.place_bytes) for c in range(width)]
            store_columns(w, dtype, "%rows", [w.let(f"load {vector}, ptr {p}, align {PART_BYTES}") for p in places])
        w.do("ret void")
        body = "\n".join(w.lines)
        self.functions[name] = f"define internal void @{name}(ptr %rows, ptr %columns) #2 {{\nentry:\n{body}\n}}"
        return name

    def _spread(self, dtype: str) -> str:
        """``@spread.T(row, columns, width)``: one row for all samples."""
        name = f"spread.{dtype}"
        if name not in self.functions:
            w = Writer(self.lanes)
            element, vector = memory_element(dtype), f"<{self.lanes} x {memory_element(dtype)}>"
            w.do("br label %loop")
            w.label("loop")
            w.do("%k = phi i64 [ 0, %entry ], [ %next, %loop ]")
            entry = w.let(f"load {element}, ptr {w.at('%row', w.let(f'mul i64 %k, {BYTES[dtype]}'))}")
            place = w.at("%columns", w.let(f"mul i64 %k, {self.place_bytes}"))
            w.do(f"store {vector} {spread(w, element, entry)}, ptr {place}, align {PART_BYTES}")
            w.do("%next = add i64 %k, 1")
            w.do("%more = icmp slt i64 %next, %width")
            w.do("br i1 %more, label %loop, label %done")
            w.label("done")
            w.do("ret void")
            body = "\n".join(w.lines)
            self.functions[name] = (
                f"define internal void @{name}(ptr %row, ptr %columns, i64 %width) #2 {{\nentry:\n{body}\n}}"
            )
        return name

    # -- the loop -------------------------------------------------------------------------------------------------

    def _main(self) -> str:
        w, lanes, pieces = Writer(self.lanes), self.lanes, self.pieces
        size = max(pieces.n_places, 1) * self.place_bytes
        # Lines of the cache do not straddle places.
        w.do(f"%memory = call ptr @malloc(i64 {size + 64})")
        w.do("%failed = icmp eq ptr %memory, null")
        w.do("br i1 %failed, label %full, label %go")
        w.label("full")
        w.do("ret i32 1")
        w.label("go")
        w.do("%number = ptrtoint ptr %memory to i64")
        w.do("%shifted = add i64 %number, 63")
        w.do("%aligned = and i64 %shifted, -64")
        w.do("%tile = inttoptr i64 %aligned to ptr")
        w.do(f"call void @llvm.memset.p0.i64(ptr %tile, i8 0, i64 {size}, i1 false)")
        operands = [w.let(f"load ptr, ptr {w.at('%in', 8 * k)}") for k in range(len(self.layout.operands))]
        results = [w.let(f"load ptr, ptr {w.at('%out', 8 * k)}") for k in range(len(self.layout.results))]
        for k, operand in enumerate(self.layout.operands):
            if not operand.batched and operand.scalars:
                columns = self._at(w, self.operand_place[k])
                w.do(
                    f"call void @{self._spread(operand.dtype)}"
                    f"(ptr {operands[k]}, ptr {columns}, i64 {len(operand.scalars)})"
                )
        for s in range(len(pieces.shared)):
            w.do(f"call void @shared.{s}(ptr %tile)")
        self._copies(w, shared=True)
        w.do(f"%last = sub i64 %end, {lanes}")
        w.do("br label %loop")
        w.label("loop")
        w.do("%i = phi i64 [ %begin, %go ], [ %next, %again ]")
        for k, operand in enumerate(self.layout.operands):
            width = len(operand.scalars)
            if operand.batched and width:
                rows = w.at(operands[k], w.let(f"mul i64 %i, {width * BYTES[operand.dtype]}"))
                name = self._transposition(operand.dtype, width, load=True)
                w.do(f"call void @{name}(ptr {rows}, ptr {self._at(w, self.operand_place[k])})")
        for k, result in enumerate(self.layout.results):
            if self.sparse[k]:
                continue
            row = len(result.entries) * BYTES[result.dtype]
            announce_stores(w, results[k], w.let(f"mul i64 %i, {row}"), lanes * row)
        for s in range(len(pieces.looped)):
            w.do(f"call void @segment.{s}(ptr %tile)")
        self._copies(w, shared=False)
        for k, result in enumerate(self.layout.results):
            width = len(result.entries)
            if width:
                rows = w.at(results[k], w.let(f"mul i64 %i, {width * BYTES[result.dtype]}"))
                if self.sparse[k]:
                    self._write_sparse(w, result, rows)
                    continue
                name = self._transposition(result.dtype, width, load=False)
                w.do(f"call void @{name}(ptr {rows}, ptr {self._at(w, self.result_place[k])})")
        w.do(f"%step = add i64 %i, {lanes}")
        w.do("%more = icmp slt i64 %step, %end")
        w.do("br i1 %more, label %again, label %done")
        w.label("again")
        w.do("%early = icmp slt i64 %last, %step")
        w.do("%next = select i1 %early, i64 %last, i64 %step")
        w.do("br label %loop")
        w.label("done")
        w.do("call void @free(ptr %memory)")
        w.do("ret i32 0")
        body = "\n".join(w.lines)
        return f"define internal i32 @range(ptr %in, ptr %out, i64 %begin, i64 %end) #0 {{\nentry:\n{body}\n}}"
