"""Words that are written down in one place and translated in another: tables of ours, messages of validators."""

from collections.abc import Mapping

import flask_babel
from flask_babel import lazy_gettext, lazy_ngettext
from flask_babel.speaklater import LazyString

__all__ = [
    "LazyPattern",
    "gettext",
    "lazy_gettext",
    "lazy_ngettext",
    "ngettext",
    "translatable",
    "translatable_plural",
    "translate",
]


def gettext(words: str, **values: object) -> str:
    """Return a text in the language of the page, with its values."""
    return str(flask_babel.gettext(words, **values))


def ngettext(one: str, several: str, number: int, **values: object) -> str:
    """Return the form of a text that goes with a number, which is `num` in it."""
    return str(flask_babel.ngettext(one, several, number, **values))


def translatable(words: str) -> str:
    """Mark words for the catalogues, and return them as they are: whoever shows them translates them."""
    return words


def translatable_plural(one: str, several: str) -> tuple[str, str]:
    """Mark words of one and of several for the catalogues, and return both as they are, for `ngettext`."""
    return one, several


def translate(words: object) -> str:
    """Return words that were marked in the page's language; others as they are.

    Templates use it as the filter `translated`: what it returns is escaped as any text, which `_(...)` of
    something that is no fixed text of ours would not be.
    """
    text = str(words)
    return gettext(text) if text else text


class LazyPattern(LazyString):  # type: ignore[misc]  # Flask-Babel has no types
    """A message that a validator fills in itself, with `%`, once it is needed."""

    def __init__(self, pattern: str) -> None:
        super().__init__(gettext, pattern)

    def __mod__(self, values: Mapping[str, object]) -> str:
        """Return the message in the page's language with its values."""
        return str(self) % values
