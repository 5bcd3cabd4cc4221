"""A report about the school as text, as CSV for a spreadsheet, and as a page to print."""

import html
from collections.abc import Iterable

from appliance.central.school_reports import Cell, ReportTable, SchoolReport
from appliance.spreadsheets import render_rows

FEW = "fewer than 5"
_STYLE = (
    "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
    "td,th{border:1px solid #888;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "@media print{body{margin:0}table{break-inside:avoid}}"
)


def show_cell(cell: Cell) -> str:
    """Return a cell in words."""
    return FEW if cell is None else str(cell)


def to_text(report: SchoolReport) -> str:
    """Return a report for a terminal."""
    lines = [f"{report.school}: {report.title}", _span_words(report)]
    for table in report.tables:
        lines += ["", table.title]
        lines += ["  " + " | ".join(show_cell(cell) for cell in row) for row in table.rows] or ["  nothing"]
        lines += [f"  ({table.note})"] if table.note else []
    return "\n".join(lines) + "\n"


def to_csv(report: SchoolReport) -> str:
    """Return a report as CSV: each row begins with the part that it is of."""
    return render_rows(
        ["part", "", "", "", ""],
        (
            [cell if isinstance(cell, int | float) else show_cell(cell) for cell in (table.title, *row)]
            for table in report.tables
            for row in table.rows
        ),
    )


def to_html(report: SchoolReport) -> str:
    """Return a report as one page, with nothing that is fetched from anywhere."""
    title = html.escape(f"{report.title}: {report.school}")
    parts = "\n".join(_to_section(table) for table in report.tables)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n<p>{_span_words(report)}</p>\n{parts}\n"
        "</body>\n</html>\n"
    )


def _to_section(table: ReportTable) -> str:
    heads = _cells("th", table.columns) if any(table.columns) else ""
    rows = "\n".join(f"<tr>{_cells('td', (show_cell(cell) for cell in row))}</tr>" for row in table.rows)
    body = f"<table>\n{f'<thead><tr>{heads}</tr></thead>' if heads else ''}<tbody>{rows}</tbody></table>"
    note = f"<p><small>{html.escape(table.note)}</small></p>" if table.note else ""
    return f"<h2>{html.escape(table.title)}</h2>\n{body if table.rows else '<p>Nothing.</p>'}\n{note}"


def _cells(tag: str, texts: Iterable[str]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return "".join(f"<{tag}{scope}>{html.escape(text)}</{tag}>" for text in texts)


def _span_words(report: SchoolReport) -> str:
    return f"{report.since:%Y-%m-%d} to {report.until:%Y-%m-%d}; made {report.made_at:%Y-%m-%d %H:%M} UTC"
