"""Moving entries by tables: loops over arrays of places, whose code does not grow with the number of entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..writer import BYTES, Writer, literal, memory_element
from .straight import spread


class Tables:
    """The tables and loops of one module.

    Attributes:
        texts: Their definitions, as LLVM IR.
    """

    def __init__(self, lanes: int, place_bytes: int) -> None:
        self.lanes, self.place_bytes = lanes, place_bytes
        self.texts: dict[str, None] = {}
        self._count = 0

    def fill(self, w: Writer, tile: str, dtype: str, entries: Sequence[tuple[object, int]]) -> None:
        """``tile[place] = (value, ..., value)`` for every ``(value, place)``."""
        element = memory_element(dtype)

        def turn(body: Writer, value: str, place: str) -> None:
            target = body.at("%a", body.let(f"mul i64 {place}, {self.place_bytes}"))
            body.do(f"store <{self.lanes} x {element}> {spread(body, element, value)}, ptr {target}")

        if entries:
            values, places = zip(*entries, strict=True)
            loop = self._loop(f"fill_places.{dtype}", element, turn)
            w.do(
                f"call void @{loop}(ptr {tile}, ptr {tile}, ptr {self._values(values, dtype)}, "
                f"ptr {self._places(places)}, i64 {len(places)})"
            )

    def copy(self, w: Writer, tile: str, dtype: str, entries: Sequence[tuple[int, int]]) -> None:
        """``tile[to] = tile[from]`` for every ``(from, to)``."""
        vector = f"<{self.lanes} x {memory_element(dtype)}>"

        def turn(body: Writer, source: str, place: str) -> None:
            taken = body.at("%a", body.let(f"mul i64 {source}, {self.place_bytes}"))
            target = body.at("%b", body.let(f"mul i64 {place}, {self.place_bytes}"))
            body.do(f"store {vector} {body.let(f'load {vector}, ptr {taken}')}, ptr {target}")

        if entries:
            sources, places = zip(*entries, strict=True)
            self._by_places(w, f"copy_places.{dtype}", tile, tile, sources, places, turn)

    def fill_rows(self, w: Writer, rows: str, dtype: str, width: int, entries: Sequence[tuple[object, int]]) -> None:
        """``row[column] = value`` in the rows of all samples, for every ``(value, column)``."""
        element, size = memory_element(dtype), BYTES[dtype]

        def turn(body: Writer, value: str, column: str) -> None:
            first = body.at("%a", body.let(f"mul i64 {column}, {size}"))
            for lane in range(self.lanes):
                body.do(f"store {element} {value}, ptr {body.at(first, lane * width * size)}")

        if entries:
            values, columns = zip(*entries, strict=True)
            loop = self._loop(f"fill_rows.{dtype}.{width}", element, turn)
            w.do(
                f"call void @{loop}(ptr {rows}, ptr {rows}, ptr {self._values(values, dtype)}, "
                f"ptr {self._places(columns)}, i64 {len(columns)})"
            )

    def scatter_rows(
        self, w: Writer, tile: str, rows: str, dtype: str, width: int, entries: Sequence[tuple[int, int]]
    ) -> None:
        """``row[column] = tile[place]`` in the rows of all samples, for every ``(place, column)``."""
        element, size = memory_element(dtype), BYTES[dtype]

        def turn(body: Writer, place: str, column: str) -> None:
            source = body.at("%a", body.let(f"mul i64 {place}, {self.place_bytes}"))
            first = body.at("%b", body.let(f"mul i64 {column}, {size}"))
            for lane in range(self.lanes):
                value = body.let(f"load {element}, ptr {body.at(source, lane * size)}")
                body.do(f"store {element} {value}, ptr {body.at(first, lane * width * size)}")

        if entries:
            places, columns = zip(*entries, strict=True)
            self._by_places(w, f"scatter_rows.{dtype}.{width}", tile, rows, places, columns, turn)

    def _by_places(
        self,
        w: Writer,
        name: str,
        source: str,
        target: str,
        sources: Sequence[int],
        places: Sequence[int],
        turn: Callable[[Writer, str, str], None],
    ) -> None:
        loop = self._loop(name, "i32", lambda body, k, place: turn(body, body.let(f"zext i32 {k} to i64"), place))
        w.do(
            f"call void @{loop}(ptr {source}, ptr {target}, ptr {self._places(sources)}, "
            f"ptr {self._places(places)}, i64 {len(places)})"
        )

    def _loop(self, name: str, element: str, turn: Callable[[Writer, str, str], None]) -> str:
        """``@name(a, b, first, second, n)``: a turn for every pair of entries of two tables."""
        w = Writer(self.lanes)
        size = {"i8": 1, "i16": 2, "i32": 4, "float": 4}.get(element, 8)
        w.do("br label %loop")
        w.label("loop")
        w.do("%k = phi i64 [ 0, %entry ], [ %next, %loop ]")
        first = w.let(f"load {element}, ptr {w.at('%first', w.let(f'mul i64 %k, {size}'))}")
        place = w.let(f"load i32, ptr {w.at('%second', w.let('mul i64 %k, 4'))}")
        turn(w, first, w.let(f"zext i32 {place} to i64"))
        w.do("%next = add i64 %k, 1")
        w.do("%more = icmp slt i64 %next, %n")
        w.do("br i1 %more, label %loop, label %done")
        w.label("done")
        w.do("ret void")
        body = "\n".join(w.lines)
        head = f"define internal void @{name}(ptr %a, ptr %b, ptr %first, ptr %second, i64 %n) #2"
        self.texts[f"{head} {{\nentry:\n{body}\n}}"] = None
        return name

    def _places(self, places: Sequence[int]) -> str:
        return self._table("i32", [str(place) for place in places])

    def _values(self, values: Sequence[object], dtype: str) -> str:
        if dtype == "bool":
            return self._table("i8", ["1" if value else "0" for value in values])
        return self._table(memory_element(dtype), [literal(value, dtype) for value in values])

    def _table(self, element: str, entries: Sequence[str]) -> str:
        name = f"@table.{self._count}"
        self._count += 1
        numbers = ", ".join(f"{element} {entry}" for entry in entries)
        self.texts[f"{name} = private constant [{len(entries)} x {element}] [{numbers}]"] = None
        return name
