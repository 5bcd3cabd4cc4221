"""Subscribing to a ready-made set: which sources that adds to a sources file.

The lists come from their publishers, or from a folder in which somebody has laid copies of them: as `ID` or `ID.*`
by the catalogue's id, or by the name that UT1 itself uses (`gambling`, `dangerous_material`). A list that is not
in the folder is left out and said. What a sources file names already stays as it is.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from blocklists.catalogue import CatalogueList, sources_file_lines
from blocklists.container import PUBLIC, replace_file
from blocklists.errors import ListError
from blocklists.sources import Source, load_sources

SOURCES_NAME = "sources.toml"


class SetSources(msgspec.Struct, frozen=True, kw_only=True):
    """The sources of a set."""

    sources: tuple[Source, ...]
    missing: tuple[str, ...] = ()  # the ids of lists that the folder does not hold


def sources_of(lists: Iterable[CatalogueList], folder: Path | None = None) -> SetSources:
    """Return the sources of lists: their publishers', or copies in a folder. Raises ListError if it has none."""
    if folder is None:
        return SetSources(sources=tuple(one.to_source() for one in lists))
    found, missing = [], []
    for one in lists:
        copy = _find_copy(one.id, folder)
        if copy is None:
            missing.append(one.id)
        else:
            found.append(msgspec.structs.replace(one.to_source(), location=str(copy)))
    if not found:
        raise ListError(f"{folder}: holds none of the lists; name each by its id, such as {missing[0]}.txt")
    return SetSources(sources=tuple(found), missing=tuple(missing))


def add_to_sources_file(path: Path, sources: Iterable[Source]) -> tuple[Source, ...]:
    """Add sources that a file does not name yet; make the file where there is none. Return what it then holds.

    Raises ListError where the file that is there cannot be understood.
    """
    known = load_sources(path) if path.exists() else ()
    names = {one.name for one in known}
    everything = (*known, *(one for one in sources if one.name not in names))
    with replace_file(path, PUBLIC) as file:
        file.write("\n".join(sources_file_lines(everything)).encode())
    return everything


def _find_copy(list_id: str, folder: Path) -> Path | None:
    ut1 = list_id.removeprefix("ut1-")
    for name in dict.fromkeys((list_id, ut1, ut1.replace("-", "_"))):
        copies = [folder / name, *sorted(folder.glob(f"{name}.*"))]
        existing = [one for one in copies if one.exists()]
        if existing:
            return existing[0].absolute()
    return None
