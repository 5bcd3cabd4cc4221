"""Searching and paging a table that is short enough to be read whole: a school's people, rooms and rules."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec
from flask import request

from appliance.central.page_number import find_page

Row = TypeVar("Row")
PAGE_SIZE = 50
MAX_WORDS_LENGTH = 200


class PagedRows(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """One page of the rows that hold all the words that somebody looks for."""

    rows: list[Row]
    count: int  # on all pages
    words: str
    page: int
    pages: int


def find_rows(
    rows: Iterable[Row], *, words: str, page: int, describe: Callable[[Row], str], size: int = PAGE_SIZE
) -> PagedRows[Row]:
    """Return a page of the rows whose text, as `describe` has it, holds every one of some words."""
    words = words.strip()[:MAX_WORDS_LENGTH]
    wanted = words.casefold().split()
    found = (
        [row for row in rows if all(word in describe(row).casefold() for word in wanted)] if wanted else [*rows]
    )
    page, pages = find_page(page, len(found), size)
    return PagedRows(
        rows=found[(page - 1) * size : page * size], count=len(found), words=words, page=page, pages=pages
    )


def find_requested_rows(rows: Iterable[Row], describe: Callable[[Row], str]) -> PagedRows[Row]:
    """Return what the page that is asked for looks for: `q` its words, `page` its page (`find_rows`)."""
    words, page = request.args.get("q", ""), request.args.get("page", 1, type=int)
    return find_rows(rows, words=words, page=page, describe=describe)
