"""Moving samples' rows into lanes and back: transposition of small blocks in registers.

A row's entries are taken in groups that fill 128 bits: four floats, or two doubles.  On the way in, the groups of
``lanes`` rows fill as many
vectors as a group has entries, and a transposition inside every 128-bit part leaves one vector per column; the way out
is the same backwards, because the transposition is its own inverse.  All shuffles but the extraction stay within
128-bit parts, where every instruction set has them as single cheap instructions.

The last group of a row that is no multiple of the group size overlaps the one before, so no memory outside the rows
is touched.  Rows shorter than a group are dealt out entry by entry from contiguous vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...limits import BLOCK_COLUMNS
from ..writer import BYTES, Writer, memory_element

PART_BYTES = 16


def load_columns(w: Writer, dtype: str, rows: str, width: int, wanted: Sequence[int]) -> dict[int, str]:
    """The columns ``wanted`` of ``lanes`` rows at ``rows``, one vector (in its memory type) per column."""
    element, entry_bytes = memory_element(dtype), BYTES[dtype]
    g = group_size(width, entry_bytes, w.lanes)
    if g == 0 and width > 1 and (entry_bytes < 4 or w.lanes == 1):
        return {c: _load_scattered(w, element, entry_bytes, rows, width, c) for c in wanted}
    if g == 0:
        found = _load_short(w, element, entry_bytes, rows, width)
        return {c: found[c] for c in wanted}
    columns: dict[int, str] = {}
    for start in group_starts(width, g):
        if any(start <= c < start + g and c not in columns for c in wanted):
            columns.update(enumerate(load_group(w, element, entry_bytes, rows, width, start), start))
    return {c: columns[c] for c in wanted}


def store_columns(w: Writer, dtype: str, rows: str, columns: Sequence[str]) -> None:
    """Write one vector (in its memory type) per column to ``lanes`` rows at ``rows``."""
    element, entry_bytes, width = memory_element(dtype), BYTES[dtype], len(columns)
    g = group_size(width, entry_bytes, w.lanes)
    if g == 0 and width > 1 and (entry_bytes < 4 or w.lanes == 1):
        _store_scattered(w, element, entry_bytes, rows, columns)
    elif g == 0:
        _store_short(w, element, entry_bytes, rows, columns)
    else:
        for start in group_starts(width, g):
            if width > BLOCK_COLUMNS:
                w.block()
            store_group(w, element, entry_bytes, rows, width, start, columns[start : start + g])


def group_size(width: int, entry_bytes: int, lanes: int) -> int:
    """How many entries of a row of ``width`` move together; 0 if the row or the vectors are too short for groups."""
    whole = PART_BYTES // entry_bytes
    return whole if width >= whole and lanes >= whole and entry_bytes in (4, 8) else 0


def group_starts(width: int, size: int) -> list[int]:
    """First column of every group; the last one may overlap its predecessor."""
    starts = list(range(0, width - size + 1, size))
    if width % size:
        starts.append(width - size)
    return starts


def load_group(w: Writer, element: str, entry_bytes: int, rows: str, width: int, start: int) -> list[str]:
    """Columns ``start .. start + g`` of ``lanes`` rows at ``rows``, one vector per column."""
    g = PART_BYTES // entry_bytes
    parts = w.lanes // g
    chunk = f"<{g} x {element}>"
    vectors: list[str] = []
    for j in range(g):
        pieces = [
            w.let(
                f"load {chunk}, ptr {w.at(rows, ((g * part + j) * width + start) * entry_bytes)}, align {entry_bytes}"
            )
            for part in range(parts)
        ]
        vectors.append(_joined(w, element, g, pieces))
    return _transposed(w, element, g, vectors)


def store_group(
    w: Writer, element: str, entry_bytes: int, rows: str, width: int, start: int, columns: Sequence[str]
) -> None:
    """Write one vector per column to columns ``start .. start + g`` of ``lanes`` rows at ``rows``."""
    g = PART_BYTES // entry_bytes
    for j, vector in enumerate(_transposed(w, element, g, columns)):
        for part in range(w.lanes // g):
            piece = vector
            if w.lanes > g:
                piece = w.shuffle(element, w.lanes, vector, "poison", range(part * g, part * g + g))
            place = w.at(rows, ((g * part + j) * width + start) * entry_bytes)
            w.do(f"store <{g} x {element}> {piece}, ptr {place}, align {entry_bytes}")


def _load_short(w: Writer, element: str, entry_bytes: int, rows: str, width: int) -> list[str]:
    """All columns of rows shorter than a group."""
    n, vector = w.lanes, f"<{w.lanes} x {element}>"
    pieces = [w.let(f"load {vector}, ptr {w.at(rows, k * n * entry_bytes)}, align {entry_bytes}") for k in range(width)]
    return [_picked(w, element, pieces, [lane * width + column for lane in range(n)]) for column in range(width)]


def _store_short(w: Writer, element: str, entry_bytes: int, rows: str, columns: Sequence[str]) -> None:
    """All columns of rows shorter than a group."""
    n, width = w.lanes, len(columns)
    vector = f"<{w.lanes} x {element}>"
    for k in range(width):
        flat = range(k * n, k * n + n)
        piece = _picked(w, element, columns, [(f % width) * n + f // width for f in flat])
        w.do(f"store {vector} {piece}, ptr {w.at(rows, k * n * entry_bytes)}, align {entry_bytes}")


def _load_scattered(w: Writer, element: str, entry_bytes: int, rows: str, width: int, column: int) -> str:
    """One column of entries too small for groups."""
    vector = "poison"
    for lane in range(w.lanes):
        entry = w.let(f"load {element}, ptr {w.at(rows, (lane * width + column) * entry_bytes)}")
        vector = w.let(f"insertelement <{w.lanes} x {element}> {vector}, {element} {entry}, i32 {lane}")
    return vector


def _store_scattered(w: Writer, element: str, entry_bytes: int, rows: str, columns: Sequence[str]) -> None:
    """All columns of entries too small for groups."""
    width = len(columns)
    for column, vector in enumerate(columns):
        for lane in range(w.lanes):
            entry = w.let(f"extractelement <{w.lanes} x {element}> {vector}, i32 {lane}")
            w.do(f"store {element} {entry}, ptr {w.at(rows, (lane * width + column) * entry_bytes)}")


def _picked(w: Writer, element: str, sources: Sequence[str], flat: Sequence[int]) -> str:
    """A vector of the entries ``flat`` of the concatenated ``sources``, by one two-operand shuffle per further
    source.
    """
    n = w.lanes
    if len(sources) == 1:
        return sources[0]
    result = sources[0]
    taken = [f if f < n else -1 for f in flat]
    for k in range(1, len(sources)):
        mine = [f - k * n if k * n <= f < (k + 1) * n else -1 for f in flat]
        if all(m < 0 for m in mine):
            continue
        mask: list[int] = []
        for lane in range(n):
            if mine[lane] >= 0:
                mask.append(n + mine[lane])
            elif taken[lane] >= 0:
                mask.append(taken[lane])
            else:
                mask.append(lane)
        result = w.shuffle(element, n, result, sources[k], mask)
        # From here on, what was picked lies in its final lane.
        taken = [lane if mine[lane] >= 0 or taken[lane] >= 0 else -1 for lane in range(n)]
    return result


def _joined(w: Writer, element: str, size: int, pieces: list[str]) -> str:
    while len(pieces) > 1:
        pieces = [
            w.shuffle(element, size, a, b, range(2 * size)) for a, b in zip(pieces[::2], pieces[1::2], strict=True)
        ]
        size *= 2
    return pieces[0]


def _transposed(w: Writer, element: str, g: int, vectors: Sequence[str]) -> list[str]:
    """Transpose the ``g`` by ``g`` block in every 128-bit part of ``g`` vectors."""
    n = w.lanes

    def mixed(a: str, b: str, picks: Sequence[int]) -> str:
        mask = [part + (p if p < g else p - g + n) for part in range(0, n, g) for p in picks]
        return w.shuffle(element, n, a, b, mask)

    if g == 2:
        a, b = vectors
        return [mixed(a, b, (0, 2)), mixed(a, b, (1, 3))]
    a, b, c, d = vectors
    low_ab, high_ab = mixed(a, b, (0, 4, 1, 5)), mixed(a, b, (2, 6, 3, 7))
    low_cd, high_cd = mixed(c, d, (0, 4, 1, 5)), mixed(c, d, (2, 6, 3, 7))
    return [
        mixed(low_ab, low_cd, (0, 1, 4, 5)),
        mixed(low_ab, low_cd, (2, 3, 6, 7)),
        mixed(high_ab, high_cd, (0, 1, 4, 5)),
        mixed(high_ab, high_cd, (2, 3, 6, 7)),
    ]
