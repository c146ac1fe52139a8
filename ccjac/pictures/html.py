"""Pieces of HTML: tables, and a page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.15rem .7rem;text-align:right}
th{border-bottom:1px solid #999}td:first-child,th:first-child,.left{text-align:left}
pre,code,.code{font-family:ui-monospace,monospace;font-size:13px;white-space:pre}tr.best td{font-weight:bold}
.scroll{overflow-x:auto}.bar{display:inline-block;height:.7em;background:#e06666;vertical-align:middle}
"""


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, left: Sequence[int] = (0,)) -> str:
    """A table of texts and numbers, whose columns ``left`` are texts.  Everything is escaped but :class:`Markup`."""
    head = "".join(f"<th{_class(i, left)}>{escape(column)}</th>" for i, column in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(f"<td{_class(i, left)}>{cell(value)}</td>" for i, value in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def bar(share: float) -> Markup:
    """A bar as long as ``share``, from 0 to 1."""
    return Markup(f'<span class="bar" style="width:{6 * min(1.0, max(0.0, share)):.2f}em"></span>')


def cell(value: Any) -> str:
    """A value in a table: numbers with separators of thousands."""
    if isinstance(value, Markup):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))


def page(title: str, sections: Iterable[tuple[str, str]]) -> str:
    """A whole document from headings and HTML."""
    body = "\n".join(f"<h2>{escape(heading)}</h2>\n{content}" for heading, content in sections)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _class(column: int, left: Sequence[int]) -> str:
    return ' class="left"' if column in left else ""
