"""Cells of a CSV file that a spreadsheet may open: what anybody typed must not be taken for a formula (OWASP)."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def safe_cell(text: str) -> str:
    """Return a text as it may stand in a cell: one that begins as formulas do gets an apostrophe before it."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA_STARTS) else text


def render_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts as CSV (RFC 4180).

    With a byte order mark, without which Excel does not read UTF-8 as UTF-8.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return "\ufeff" + file.getvalue()
