"""Public suffixes: names under which anybody may register names of their own, such as ``co.uk`` and ``github.io``.

Knowledge, not a guess: the Public Suffix List (publicsuffix.org) as the package `publicsuffixlist` ships it. The
list has two sections, and the difference matters to a school:

* ICANN: registries' own (``com``, ``co.uk``, ``ac.jp``). Nobody's site stands at such a name.
* PRIVATE: companies that hand out names under one of theirs (``github.io``, ``s3.amazonaws.com``).

A top-level domain that is not listed counts as a suffix (the list's own last rule, ``*``): UNLISTED, as ``corp``.
A wildcard's parent is a suffix too (``*.sch.uk`` makes ``sch.uk`` one), as the list's own test data have it.

Names are canonical (`dns.names.canonical`): lower-case ASCII, punycode, no trailing dot. The root has no suffix.

Not for the way of a question: the list is read at the first call (a quarter of a second on a small machine, and
about 2 MB for both sections), and a look-up takes tens of microseconds. Importing this module costs neither.
"""

import enum
import re
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_PACKAGE = "publicsuffixlist"
_FILE = "public_suffix_list.dat"
_VERSION = re.compile(r"^// VERSION: (\d{4}-\d{2}-\d{2})", re.MULTILINE)
_HEAD_CHARACTERS = 2000  # the version stands in the comment at the top


class Section(enum.Enum):
    """Who hands out names under a public suffix."""

    ICANN = "icann"  # a registry
    PRIVATE = "private"  # a company, under a name of its own
    UNLISTED = "unlisted"  # a top-level domain that the list does not know


def is_public_suffix(name: str) -> bool:
    """Tell whether anybody may register names right under this canonical name."""
    return bool(name) and public_suffix(name) == name


def public_suffix(name: str) -> str:
    """Return the longest public suffix of a canonical name: ``co.uk`` for ``www.bbc.co.uk``; "" for the root."""
    return (_suffixes().publicsuffix(name) or name) if name else ""


def registrable_domain(name: str) -> str | None:
    """Return the part of a canonical name that somebody registered: ``bbc.co.uk`` for ``www.bbc.co.uk``.

    None for a public suffix, and for the root.
    """
    return _suffixes().privatesuffix(name) if name else None


def section(name: str) -> Section | None:
    """Return which section of the list makes a canonical name a public suffix; None where it is none."""
    if not is_public_suffix(name):
        return None
    if _icann_suffixes().is_public(name, accept_unknown=False):
        return Section.ICANN
    return Section.PRIVATE if _suffixes().is_public(name, accept_unknown=False) else Section.UNLISTED


@cache
def data_date() -> date:
    """Return the day on which the list was published. Raises ValueError for a list that does not say it."""
    with resources.files(_PACKAGE).joinpath(_FILE).open(encoding="utf-8") as file:
        found = _VERSION.search(file.read(_HEAD_CHARACTERS))
    if found is None:
        raise ValueError("the public suffix list does not say when it was published")
    return date.fromisoformat(found[1])


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - read when first needed: see above

    return PublicSuffixList()


@cache
def _icann_suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - read when first needed: see above

    return PublicSuffixList(only_icann=True)
