"""The catalogue: public lists that a school would choose from, and ready-made sets of them.

Our own description (`catalogue.toml`). Nothing is downloaded until somebody subscribes.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

import msgspec

from blocklists.errors import ListError
from blocklists.sources import Source


class CatalogueList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public list."""

    id: str
    name: str
    category: str
    url: str
    format: str
    licence: str
    homepage: str
    update_hours: int
    about: str  # a sentence on quality and over-blocking
    match: str = ""
    allow_wide: bool = False  # what it is for is to close names under which others have theirs

    def to_source(self) -> Source:
        """Return the source that a subscription is."""
        return Source(
            name=self.id,
            category=self.category,
            location=self.url,
            format=self.format,
            match=self.match,
            allow_wide=self.allow_wide,
            licence=self.licence,
            homepage=self.homepage,
        )


class SetProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A profile that a set begins with."""

    name: str
    about: str
    closed: tuple[str, ...]  # categories
    safe_search: bool
    keywords: bool


class CatalogueSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ready-made choice: lists, names that stay open although one of them closes them, and profiles."""

    id: str
    name: str
    about: str
    lacks: str  # what it does not do, plainly
    lists: tuple[str, ...]
    openings: tuple[str, ...] = ()
    profiles: tuple[SetProfile, ...] = msgspec.field(default=(), name="profile")


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it."""

    lists: tuple[CatalogueList, ...] = msgspec.field(name="list")
    sets: tuple[CatalogueSet, ...] = msgspec.field(name="set")

    def find_set(self, id: str) -> CatalogueSet:  # noqa: A002 (the word of the file)
        """Return a set. Raises ListError where there is none."""
        for one in self.sets:
            if one.id == id:
                return one
        raise ListError(f"the catalogue has no set {id!r}; there are {', '.join(one.id for one in self.sets)}")

    def find_lists(self, ids: Iterable[str]) -> tuple[CatalogueList, ...]:
        """Return lists by their ids or by the id of a set, each once. Raises ListError for an unknown one."""
        by_id = {one.id: one for one in self.lists}
        sets = {one.id: one.lists for one in self.sets}
        chosen: dict[str, CatalogueList] = {}
        for wanted in ids:
            for one in sets.get(wanted, (wanted,)):
                if one not in by_id:
                    raise ListError(f"the catalogue has no list and no set {one!r}")
                chosen[one] = by_id[one]
        return tuple(chosen.values())

    def allows_wide(self, url: str) -> bool:
        """Tell whether the list at a URL is one that closes names under which others have theirs."""
        return any(one.url == url and one.allow_wide for one in self.lists)


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that Hallpass brings."""
    text = resources.files("blocklists").joinpath("catalogue.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Catalogue)


def sources_file_lines(sources: Iterable[Source]) -> Iterator[str]:
    """Yield the lines of a sources file."""
    for one in sources:
        yield "[[source]]"
        for key, value in msgspec.to_builtins(one).items():
            if value:
                # A JSON string of printable text is a TOML basic string, and true is true in both.
                yield f"{key} = {msgspec.json.encode(value).decode()}"
        yield ""
