"""The parts of a page that may change, as an open page asks for them: each alone, and only where it has changed.

A part is an element with an id and `data-live`. A page that is open asks with the header `X-Refresh`, which names
the parts it has, each with its version and its rows' (`id=version.row.row`, with commas between); it is answered
with JSON: the page's title, and of each part that is another by now its version and its HTML, in which a row of a
table that the page has already is empty and marked `data-same`. So a view knows nothing of this, and what
goes over the network is what is new.
"""

import hashlib
import re

import msgspec
from flask import Flask, Response, request

HEADER = "X-Refresh"
MEDIA_TYPE = "application/vnd.hallpass.parts+json"
_BEGIN = re.compile(r"<(\w+)\b(?=[^>]*\sdata-live\b)[^>]*>")
_ID = re.compile(r'\sid="([^"]+)"')
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_ROW = re.compile(r"<tr\b([^>]*)>(.*?)</tr>", re.DOTALL)
_TOKEN = re.compile(r'<input[^>]*name="csrf_token"[^>]*>')  # new in every page, and says nothing


class LivePart(msgspec.Struct, frozen=True):
    """One part as it is now."""

    version: str
    html: str


class FreshParts(msgspec.Struct, frozen=True):
    """What an open page is answered."""

    title: str  # as HTML
    parts: dict[str, LivePart]


def install_live_parts(app: Flask) -> None:
    """Answer pages that ask for their parts."""

    @app.after_request
    def send_parts(response: Response) -> Response:
        known = request.headers.get(HEADER)
        if known is None or response.status_code != 200 or response.mimetype != "text/html":
            return response
        fresh = find_fresh_parts(response.get_data(as_text=True), _parse_known(known))
        response.set_data(msgspec.json.encode(fresh))
        response.mimetype = MEDIA_TYPE
        return response


def find_fresh_parts(page: str, known: dict[str, list[str]]) -> FreshParts:
    """Return the title of a page and those of its parts whose version is not the known one."""
    title = _TITLE.search(page)
    fresh: dict[str, LivePart] = {}
    for name, html in find_parts(page).items():
        version, (known_version, *known_rows) = _version(html), known.get(name, [""])
        if version != known_version:
            fresh[name] = LivePart(version, _leave_out_rows(html, frozenset(known_rows)))
    return FreshParts(title[1] if title else "", fresh)


def find_parts(page: str) -> dict[str, str]:
    """Return the HTML of every part of a page by its id. A part within a part belongs to the outer one."""
    found: dict[str, str] = {}
    at = 0
    while begin := _BEGIN.search(page, at):
        at = _end(page, begin)
        if name := _ID.search(begin[0]):
            found[name[1]] = page[begin.start() : at]
    return found


def _end(page: str, begin: re.Match[str]) -> int:
    depth = 0
    for tag in re.compile(rf"<(/?){begin[1]}\b").finditer(page, begin.start()):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return page.index(">", tag.end()) + 1
    return len(page)


def _leave_out_rows(html: str, known: frozenset[str]) -> str:
    """Mark every row of a table with its version, and leave the known ones empty."""

    def mark(row: re.Match[str]) -> str:
        version = _version(row[0])
        return (
            f'<tr data-row="{version}" data-same></tr>'
            if version in known
            else (f'<tr data-row="{version}"{row[1]}>{row[2]}</tr>')
        )

    return _ROW.sub(mark, html)


def _version(html: str) -> str:
    return hashlib.sha256(_TOKEN.sub("", html).encode()).hexdigest()[:10]


def _parse_known(header: str) -> dict[str, list[str]]:
    named = (one.partition("=")[::2] for one in header.split(","))
    return {name: versions.split(".") for name, versions in named}
