"""The lists that an image brings: a ready-made set as it is today, so that a card protects from its first minute.

They lie in the root file system, which nobody writes to, and stand in wherever a room would otherwise use the
built-in list: before central has sent anything, and where everything that it sent is damaged. The built-in list is
among them. Whoever publishes a list is named beside it, with the licence, as most of these licences ask.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance.image.errors import ImageError
from blocklists import builtin_list, compiler
from blocklists.available_build import build_available
from blocklists.catalogue import CatalogueSet, load_catalogue
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError
from blocklists.fetcher import Fetcher
from blocklists.set_subscription import sources_of
from blocklists.sources import Source

NOTICE_NAME = "NOTICE.txt"
_FETCHED = "lists"  # the folder below the cache: a list that has not changed is not fetched again


class ImageLists(msgspec.Struct, frozen=True):
    """What was compiled, and what could not be had."""

    folder: Path
    names: int
    left_out: dict[str, str]  # source -> why


def compile_image_lists(set_id: str, work: Path, cache: Path, *, copies: Path | None = None) -> ImageLists:
    """Fetch and compile a ready-made set below `work`.

    `copies`: take the lists from this folder, named by their ids, and not from the network. A list that cannot be
    had is left out. Raises ImageError where the set is unknown or none of its lists can be had.
    """
    try:
        chosen = load_catalogue().find_set(set_id)
        wanted = sources_of(load_catalogue().find_lists([chosen.id]), copies)
        fetcher = Fetcher(cache / _FETCHED, time.time)
        outcomes = list(fetcher.fetch_sources(wanted.sources))
        own = work / "builtin"
        own.mkdir(parents=True)
        builtin = tuple(builtin_list.builtin_sources(own))
        built = build_available(
            (*wanted.sources, *builtin),
            work / "index",
            compiler.no_progress,
            locate=lambda source: source.path if source in builtin else fetcher.locate_copy(source),
            failures={one.source: one.message for one in outcomes if one.message},
        )
    except ListError as problem:
        raise ImageError(f"the lists for the image: {problem}") from None
    left_out = built.left_out | dict.fromkeys(wanted.missing, f"not in {copies}")
    listed = [one for one in wanted.sources if one.name not in left_out]
    if not listed:
        raise ImageError(f"none of the lists of {set_id} can be had: {_first_reason(left_out)}")
    (work / "index" / NOTICE_NAME).write_text(_notice(chosen, listed, fetcher, left_out))
    return ImageLists(folder=work / "index", names=built.report.names, left_out=left_out)


def install_image_lists(lists: ImageLists, root: Path) -> None:
    """Lay the index and whom it comes from into a root file system, for everybody to read."""
    folder = root / builtin_list.IMAGE_LISTS.relative_to("/")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (INDEX_NAME, NOTICE_NAME):  # the report is of the building machine
        shutil.copyfile(lists.folder / name, folder / name)
        (folder / name).chmod(0o644)
    folder.chmod(0o755)


def _notice(chosen: CatalogueSet, sources: Sequence[Source], fetcher: Fetcher, left_out: Mapping[str, str]) -> str:
    lines = [
        f"The filter lists of this image are the set {chosen.name!r}. Hallpass compiled them into one file, which",
        "takes out names that schools work with and changes nothing else. They are the work of their publishers:",
        "",
    ]
    for source in sources:
        fetched = datetime.fromtimestamp(fetcher.read_copy(source).fetched_at, UTC)
        lines += [
            source.name,
            f"  licence: {source.licence or 'not said'}",
            f"  from:    {source.homepage or source.location}",
            f"  as of:   {fetched:%Y-%m-%d}",
        ]
    lines += [f"{name} could not be had and is left out: {why}" for name, why in left_out.items()]
    return "\n".join((*lines, "", f"What the set does not do: {chosen.lacks}", ""))


def _first_reason(left_out: dict[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in list(left_out.items())[:3])
