"""Cells of a CSV file that a spreadsheet may open: what anybody typed must not be taken for a formula (OWASP)."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def safe_cell(text: str) -> str:
    """Return a text as it may stand in a cell: one that begins as formulas do gets an apostrophe before it."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA_STARTS) else text
