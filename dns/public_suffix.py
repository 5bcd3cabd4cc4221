"""Public suffixes: names under which anybody may register names of their own, such as ``co.uk`` and ``github.io``.

Knowledge, not a guess: the Public Suffix List (publicsuffix.org) as the package `publicsuffixlist` ships it. The
list has two sections, and the difference matters to a school:

* ICANN: registries' own (``com``, ``co.uk``, ``ac.jp``). Nobody's site stands at such a name.
* PRIVATE: companies that hand out names under one of theirs (``github.io``, ``s3.amazonaws.com``).

A top-level domain that is not listed counts as a suffix (the list's own last rule, ``*``): UNLISTED, as ``corp``.
A wildcard's parent is a suffix too (``*.sch.uk`` makes ``sch.uk`` one), as the list's own test data have it.

Names are canonical (`dns.message.names.canonical`): lower-case ASCII, punycode, no trailing dot. The root has no
suffix.

Not for the way of a question. `public_suffix`, `registrable_domain` and `is_public_suffix` keep the whole list in
memory from the first call on (`SuffixTable`). `sections` reads only those lines of the list that can matter to the
names it is given, and keeps none: for processes that look a few names up now and then, and must stay small.
Importing this module reads none.
"""

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

import idna

from dns.message.names import parents

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_PACKAGE: Final = "publicsuffixlist"
_FILE: Final = "public_suffix_list.dat"
_VERSION: Final = re.compile(r"^// VERSION: (\d{4}-\d{2}-\d{2})", re.MULTILINE)
_MARKS: Final = ("// ===BEGIN ICANN DOMAINS===", "// ===END ICANN DOMAINS===")
_HEAD_CHARACTERS: Final = 2000  # the version stands in the comment at the top


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
    return _table().suffix_of(name)


def registrable_domain(name: str) -> str | None:
    """Return the part of a canonical name that somebody registered: ``bbc.co.uk`` for ``www.bbc.co.uk``.

    None for a public suffix, and for the root.
    """
    return _table().registrable_domain(name)


def sections(names: Iterable[str]) -> Mapping[str, Section]:
    """Return those of some canonical names that are public suffixes, and which section of the list says so."""
    asked = tuple(name for name in dict.fromkeys(names) if name)
    if not asked:
        return {}
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - read when first needed: see above

    lines = tuple(_lines_about(asked))
    listed = PublicSuffixList(lines)
    icann = PublicSuffixList(lines, only_icann=True)
    return {name: _section(name, listed, icann) for name in asked if listed.is_public(name)}


def section(name: str) -> Section | None:
    """Return which section of the list makes a canonical name a public suffix; None where it is none."""
    return sections((name,)).get(name)


def _section(name: str, listed: "PublicSuffixList", icann: "PublicSuffixList") -> Section:
    if icann.is_public(name, accept_unknown=False):
        return Section.ICANN
    return Section.PRIVATE if listed.is_public(name, accept_unknown=False) else Section.UNLISTED


def _lines_about(names: Iterable[str]) -> Iterator[str]:
    """Yield the lines of the list that can matter to some canonical names, between the marks of their section."""
    wanted = set(_MARKS)
    for name in {parent for asked in names for parent in parents(asked)}:
        for spelling in {name, _as_listed(name)}:
            wanted.update((spelling, f"*.{spelling}", f"!{spelling}"))
    with resources.files(_PACKAGE).joinpath(_FILE).open(encoding="utf-8") as file:
        for line in file:
            if (stripped := line.rstrip()) in wanted:
                yield stripped


def _as_listed(name: str) -> str:
    """Return a name as the list writes it, international labels in their own letters."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name  # a label that only looks like punycode


class SuffixTable:
    """The whole list as one dictionary: for programs that ask of millions of names, as long as they hold this.

    Reading it takes a tenth of a second and about 2 MB; a look-up then takes a fifth of a microsecond.
    """

    def __init__(self) -> None:
        """Read the list."""
        self._rules: dict[str, Section] = {}
        self._wildcards: dict[str, Section] = {}  # the parent of ``*.`` -> section
        self._exceptions: set[str] = set()
        self._read_rules()

    def section(self, name: str) -> Section | None:
        """Return which section makes a canonical name a public suffix; None where it is none."""
        found = self._rules.get(name)
        if found is None:
            _, _, parent = name.partition(".")
            if not parent:
                return Section.UNLISTED if name else None
            found = self._wildcards.get(parent)
            if found is not None and name in self._exceptions:
                return None
        return found

    def suffix_of(self, name: str) -> str:
        """Return the longest public suffix of a canonical name; "" for the root."""
        for parent in parents(name):
            if self.section(parent) is not None:
                return parent
        return ""

    def registrable_domain(self, name: str) -> str | None:
        """Return the part of a canonical name that somebody registered; None for a suffix and for the root."""
        # `section` and `parents`, written out: the tunnel detector asks for every new name.
        rules, wildcards, exceptions = self._rules, self._wildcards, self._exceptions
        registered = None
        while name and name not in rules:
            _, _, parent = name.partition(".")
            if not parent or (parent in wildcards and name not in exceptions):
                break
            registered, name = name, parent
        return registered

    def names(self) -> Iterator[tuple[str, Section]]:
        """Yield every suffix that has a name of its own (those under a wildcard have none), with its section."""
        yield from self._rules.items()

    def _read_rules(self) -> None:
        current = Section.ICANN
        with resources.files(_PACKAGE).joinpath(_FILE).open(encoding="utf-8") as file:
            for line in file:
                rule = line.rstrip()
                if rule == _MARKS[1]:
                    current = Section.PRIVATE
                if rule and not rule.startswith("//"):
                    self._add_rule(rule if rule.isascii() else _as_asked(rule), current)

    def _add_rule(self, rule: str, found: Section) -> None:
        if rule.startswith("!"):
            self._exceptions.add(rule[1:])
        elif rule.startswith("*."):
            self._wildcards[rule[2:]] = found
            self._rules.setdefault(rule[2:], found)
        else:
            self._rules.setdefault(rule, found)


def _as_asked(rule: str) -> str:
    """Return a rule in the letters in which its names are asked for (RFC 3492).

    The list writes them as registries do, small and composed: no table of what means the same is needed, which
    takes 4 MB of whoever reads it.
    """
    labels = rule.split(".")
    return ".".join(one if one.isascii() else f"xn--{one.encode('punycode').decode('ascii')}" for one in labels)


@cache
def data_date() -> date:
    """Return the day on which the list was published. Raises ValueError for a list that does not say it."""
    with resources.files(_PACKAGE).joinpath(_FILE).open(encoding="utf-8") as file:
        found = _VERSION.search(file.read(_HEAD_CHARACTERS))
    if found is None:
        raise ValueError("the public suffix list does not say when it was published")
    return date.fromisoformat(found[1])


@cache
def _table() -> SuffixTable:
    return SuffixTable()
