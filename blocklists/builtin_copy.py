"""The built-in list as files beside the downloads, so that a damaged installation does not take it away.

Each build writes it anew. Where what Hallpass carries cannot be read any more (a bad card, a half-done upgrade),
the files of the last build are used, and the reason is said.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from blocklists import builtin_list
from blocklists.errors import describe_failure
from blocklists.sources import Source
from dns.errors import DECODING_FAILED

_FOLDER = "builtin"
_SOURCES = "sources.json"


def keep_builtin_sources(
    downloads: Path, write_sources: Callable[[Path], Iterable[Source]] = builtin_list.builtin_sources
) -> tuple[list[Source], str]:
    """Return the sources of the built-in list, and why they are those of the last build; "": they are not.

    `write_sources`: writes the lists into a folder, and gives their sources.
    """
    kept = downloads / _FOLDER
    downloads.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=downloads, prefix=".builtin."))
    try:
        sources = [_move_source(source, kept) for source in write_sources(fresh)]
        (fresh / _SOURCES).write_bytes(msgspec.json.encode(sources))
        shutil.rmtree(kept, ignore_errors=True)
        fresh.rename(kept)
    except Exception as problem:  # noqa: BLE001 (whatever is wrong with our own list is no other list's fault)
        reason = f"the list that comes with Hallpass is damaged: {describe_failure(problem)}"
        return _read_kept(kept), reason
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return sources, ""


def _move_source(source: Source, folder: Path) -> Source:
    return msgspec.structs.replace(source, location=str(folder / source.path.name))


def _read_kept(kept: Path) -> list[Source]:
    try:
        return msgspec.json.decode((kept / _SOURCES).read_bytes(), type=list[Source])
    except (OSError, *DECODING_FAILED):
        return []
