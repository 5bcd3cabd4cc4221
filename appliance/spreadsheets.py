"""Cells of a CSV file that a spreadsheet may open: what anybody typed must not be taken for a formula (OWASP)."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet may take a text for a formula."""
    return text.lstrip(" \u00a0").startswith(_FORMULA_STARTS)


def safe_cell(text: str) -> str:
    """Return a text as it may stand in a cell: one that begins as formulas do gets an apostrophe before it."""
    return f"'{text}" if is_formula(text) else text


def render_rows(header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """Return a table as CSV (RFC 4180); numbers are no texts that anybody typed."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return file.getvalue()


def render_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts as CSV with a byte order mark, without which Excel does not read UTF-8 as UTF-8."""
    return "\ufeff" + render_rows(header, rows)
