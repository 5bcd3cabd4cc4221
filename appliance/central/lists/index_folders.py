"""Central's folder of published indexes, and what is kept of the last compilation.

An index stands in a folder that its version names: whole, or in layers. In layers it is a link to the whole index
that rooms have, the overlay over it, and the same overlay by the name under which such a room asks for it. A whole
index of that version does not exist; the first room that needs one leaves a mark here, whichever process answers
it, and the next compilation is a whole one.
"""

import contextlib
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from appliance.central.lists.builder import KEPT
from blocklists import delta
from blocklists.container import DELTA_PREFIX, INDEX_NAME, OVERLAY_NAME, delta_name
from blocklists.kept_build import LastBuild

_HASH = re.compile("[0-9a-f]{1,128}")
WHOLE_WANTED = "whole-index-wanted"
BUILD_WANTED = "build-wanted"


class IndexFolders:
    """The published indexes of one central."""

    def __init__(self, data: Path) -> None:
        self.path = data / "indexes"
        self._kept = data / KEPT
        self._wanted = data / WHOLE_WANTED
        self._build_wanted = data / BUILD_WANTED

    def find_index(self, version: str) -> Path | None:
        """Return the first file of an index, whole or in layers, or None: for whoever opens its folder."""
        path = self.path / version / INDEX_NAME
        return path if is_version(version) and path.is_file() else None

    def find_whole(self, version: str) -> Path | None:
        """Return the file of a whole index, or None: there is none, or it stands in layers."""
        return None if self.is_layered(version) else self.find_index(version)

    def is_layered(self, version: str) -> bool:
        """Tell whether an index stands in layers."""
        return is_version(version) and (self.path / version / OVERLAY_NAME).is_file()

    def put_index(self, built: Path, version: str, last: LastBuild | None, base: str) -> Path:
        """Take over what was built, and return its folder.

        `base`: the whole index over which what was built lies, which is that of `last`; "": it is whole itself.
        Raises ListError or OSError; then nobody was told of the version yet.
        """
        target = self.path / version
        target.mkdir(parents=True, exist_ok=True)
        if base and last is not None:
            delta.apply_overlay(last.index, built / OVERLAY_NAME, target)
            delta.link_file(target / OVERLAY_NAME, target / delta_name(base))
        elif (whole := built / INDEX_NAME).exists():  # not where nothing has changed
            whole.replace(target / INDEX_NAME)
        return target

    def prune(self, kept: Collection[str]) -> None:
        """Remove all indexes but these, and the whole ones that rooms have under what is kept in layers."""
        spared = set(kept)
        for version in filter(self.is_layered, kept):
            deltas = (self.path / version).glob(f"{DELTA_PREFIX}*.hpx")
            spared.update(path.stem.removeprefix(DELTA_PREFIX) for path in deltas)
        for folder in self.path.iterdir():
            if folder.name not in spared:
                shutil.rmtree(folder, ignore_errors=True)

    def find_last_build(self, version: str) -> LastBuild | None:
        """Return what a compilation can be built upon; None: nothing, or a room needs a whole index."""
        index = self.find_index(version)
        if index is None or not self._kept.is_dir() or self.is_whole_wanted():
            return None
        return LastBuild(kept=self._kept, index=index.parent)

    def keep_build(self, built: Path, *, is_whole: bool) -> None:
        """Keep what was published for the next compilation; where that fails, the next one compiles all anew."""
        if is_whole:
            self._wanted.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            shutil.rmtree(self._kept, ignore_errors=True)
            built.replace(self._kept)

    def want_whole(self) -> None:
        """Have the next compilation be a whole one. On a full disk nothing comes of it: the room asks again."""
        with contextlib.suppress(OSError):
            self._wanted.touch()

    def want_build(self) -> None:
        """Have the process that puts lists together do so soon, whichever that is."""
        with contextlib.suppress(OSError):
            self._build_wanted.touch()

    def take_wanted_build(self) -> bool:
        """Tell whether somebody wanted that since it was asked last."""
        try:
            self._build_wanted.unlink()  # in one step: what is wanted between a look and this would be lost
        except OSError:
            return False
        return True

    def is_whole_wanted(self) -> bool:
        """Tell whether a room needs a whole index."""
        return self._wanted.exists()


def is_version(text: str) -> bool:
    """Tell whether a text can be the version of an index: it becomes a part of a path."""
    return _HASH.fullmatch(text) is not None
