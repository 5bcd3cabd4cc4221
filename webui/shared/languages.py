"""In which language a page speaks: the one that its reader chose, else the school's, else the browser's.

Texts stand in the sources in English and are translated by gettext (Flask-Babel); the catalogues are in
`webui/translations`, and CONTRIBUTING.md says how they are made. What has no translation stays English, and so
does a page for whoever asks for a language that is not there.
"""

from typing import Literal

import msgspec
from flask import has_request_context, request
from flask_babel import format_decimal, get_locale

COOKIE = "hallpass-language"


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """A language that pages are in."""

    code: str  # BCP 47; the folder of its catalogues
    name: str  # as its speakers call it
    html: str  # of the attribute `lang`
    direction: Literal["ltr", "rtl"] = "ltr"


ENGLISH = Language(code="en", name="English", html="en-GB")
LANGUAGES = (
    ENGLISH,
    Language(code="cy", name="Cymraeg", html="cy"),
    Language(code="ar", name="العربية", html="ar", direction="rtl"),
)
_BY_CODE = {one.code: one for one in LANGUAGES}


def choose_language(default: str) -> Language:
    """Return the language of the page that is asked for."""
    if not has_request_context():
        return ENGLISH
    if chosen := _BY_CODE.get(request.cookies.get(COOKIE, "")):
        return chosen
    if default:
        return _BY_CODE.get(default, ENGLISH)
    wanted = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())  # the best liked first
    return next((_BY_CODE[one] for one in wanted if one in _BY_CODE), ENGLISH)


def find_language(code: str) -> Language | None:
    """Return the language of a code, or None where pages are in no such language."""
    return _BY_CODE.get(code)


def current_language() -> Language:
    """Return the language in which this page is written."""
    locale = get_locale()
    return _BY_CODE.get(str(locale), ENGLISH) if locale is not None else ENGLISH


def group_digits(number: int) -> str:
    """Return a number with its digits in groups."""
    return f"{number:,}" if current_language() is ENGLISH else format_decimal(number)
