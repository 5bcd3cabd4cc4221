"""The lists that Hallpass brings: what a room closes that has been told nothing yet.

The built-in list comes with the program. An image can bring more: the lists of a ready-made set, compiled when it
was built, the built-in list among them (`appliance.image.lists`).

Hardly any process ever compiles it: the compiler is imported by the one that does.
"""

import functools
import hashlib
import logging
import tempfile
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from blocklists.container import FORMAT_VERSION
from blocklists.errors import IndexDamaged, ListError
from blocklists.index import INDEX_NAME, Index, open_index, open_verified, verify_index

if TYPE_CHECKING:
    from blocklists.sources import Source

IMAGE_LISTS = Path("/usr/share/hallpass/lists")  # where an image keeps the index that it brings
BUILTIN_SOURCE = "hallpass-starter"  # each category is a source of its own: hallpass-starter-gambling

_log = logging.getLogger("hallpass.lists")


def builtin_names() -> dict[str, tuple[str, ...]]:
    """Return the names of the built-in list by category."""
    table = tomllib.loads(_text())
    return {category: tuple(words.split()) for category, words in table.items()}


def build_builtin_index(directory: Path) -> Index:
    """Compile the built-in list into a directory and open it. Raises ListError."""
    from blocklists.compiler import build_index  # noqa: PLC0415 (two megabytes in each process of a room)

    with tempfile.TemporaryDirectory(prefix="hallpass-starter-") as lists:
        build_index(list(builtin_sources(Path(lists))), directory)
    return open_index(directory)


def open_brought_index(cache_dir: Path, image_lists: Path = IMAGE_LISTS) -> Index:
    """Return the index that the image brings; where it brings none or a damaged one, the built-in list's."""
    if (image_lists / INDEX_NAME).exists():
        try:
            return open_verified(image_lists)
        except ListError as problem:
            _log.warning("%s; the built-in list is used instead", problem)
    return open_builtin_index(cache_dir)


def open_builtin_index(cache_dir: Path) -> Index:
    """Return the built-in index, compiled on first use into a folder of `cache_dir` named by its content."""
    directory = cache_dir / f"starter-{hashlib.sha256(_text().encode()).hexdigest()[:16]}-{FORMAT_VERSION}"
    if (directory / INDEX_NAME).exists():
        try:
            verify_index(directory)
            return open_index(directory)
        except IndexDamaged:
            pass  # made by us from what we carry: made again
    return build_builtin_index(directory)


def builtin_sources(lists: Path) -> "Iterator[Source]":
    """Yield the built-in list as sources, one a category, their files written into a folder."""
    from blocklists.sources import Source  # noqa: PLC0415 (as the compiler)

    for category, closed in builtin_names().items():
        file = lists / f"{category}.txt"
        file.write_text("\n".join(closed) + "\n", "ascii")
        yield Source(
            name=f"{BUILTIN_SOURCE}-{category.replace('_', '-')}",
            category=category,
            location=str(file),
            format="domains",
            match="subdomains",
            allow_wide=True,  # names that we chose, a few of them of companies that lend theirs to others
            licence="MIT",
        )


@functools.cache  # what we carry is read once, by a process that may later have fewer rights
def _text() -> str:
    return resources.files("blocklists").joinpath("builtin_list.toml").read_text("utf-8")
