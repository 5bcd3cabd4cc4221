"""Overlays: a day's changes as a small file over an index that a room has already.

An overlay is a file of the same format as an index (`blocklists.container`). It speaks of every key at which
the two indexes differ: what stands there now, or nothing, where the key was removed. It names the base that it
needs and the target which both together are; whoever fetched it checks its own checksum with `apply_overlay`.

A directory with `index.hpx` and `overlay.hpx` is opened like any other, and its version is the target's.
Overlays are always made against a whole index, never against another overlay: look-ups then cross two layers at
most. What an overlay leads to need not exist as a whole index (`blocklists.daily_change`). When it grows past a
tenth of its base (`is_worthwhile`), the whole index is the better download.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import UNSET

from blocklists import container
from blocklists.container import INDEX_NAME, OVERLAY_NAME, Attribute, Tables
from blocklists.errors import IndexDamaged, ListError
from blocklists.index import Index, LayeredIndex, iter_differences, open_index
from blocklists.name_tries import make_tries
from blocklists.precedence import EntryGroup

MAX_OVERLAY_SHARE = 0.1


class OverlayReport(msgspec.Struct, frozen=True):
    """What an overlay holds."""

    base: str
    target: str
    changes: int  # keys
    base_names: int
    size: int  # bytes

    @property
    def is_worthwhile(self) -> bool:
        """Whether it is still small enough against its base."""
        return self.changes <= self.base_names * MAX_OVERLAY_SHARE


def make_overlay(base: Path, target: Path, overlay: Path) -> OverlayReport:
    """Write the overlay that turns one index (a directory) into another. Raises ListError.

    The target may stand in layers itself: over another base, or over this one.
    """
    old, new = open_index(base), open_index(target)
    if isinstance(old, LayeredIndex):
        raise ListError("an overlay is made over a whole index")
    changed = {key: there for key, _, there in iter_differences(old, new)}
    return write_overlay(overlay, old, changed, new.tables, new.version)


def write_overlay(
    overlay: Path, old: Index, changed: Mapping[str, tuple[EntryGroup, ...]], new: Tables, version: str = ""
) -> OverlayReport:
    """Write the overlay that says what stands at sorted keys now. Raises ListError.

    `new`: the tables of what it leads to. `version`: the content hash of that; "": it has none that anybody could
    know without making it whole, and is named by its base and by what is laid over it.
    """
    encoder = _Encoder(new)
    numbers = [encoder.set_of(there) for there in changed.values()]
    names = make_tries(changed, len(changed))
    if not version:
        unnamed = container.write_index(overlay, names, names.by_id(numbers), encoder.tables(old.version, ""))
        version = hashlib.sha256(f"{old.version} {unnamed}".encode()).hexdigest()
    container.write_index(overlay, names, names.by_id(numbers), encoder.tables(old.version, version))
    return OverlayReport(old.version, version, len(changed), len(old), overlay.stat().st_size)


def apply_overlay(base: Path, overlay: Path, output: Path) -> str:
    """Put a fetched overlay over a base into a new directory; return the version. Raises ListError.

    The base's file is linked, not copied, where the file system can.
    """
    container.verify_digest(overlay)
    mapped = container.map_index_file(overlay)
    if not mapped.tables.base:
        raise IndexDamaged(f"{overlay}: is no overlay")
    have = container.map_index_file(base / INDEX_NAME).version
    if mapped.tables.base != have:
        raise IndexDamaged(f"{overlay}: needs the base {mapped.tables.base[:12]}…, not {have[:12]}…")
    try:
        output.mkdir(parents=True, exist_ok=True)
        link_file(base / INDEX_NAME, output / INDEX_NAME)
        with container.replace_file(output / OVERLAY_NAME, container.PUBLIC) as file:
            file.write(overlay.read_bytes())
        return open_index(output).version
    except OSError as problem:
        raise ListError(f"{output}: could not be written: {problem.strerror or problem}") from None


def link_file(source: Path, target: Path) -> None:
    """Give a file another name, or copy it where that cannot be. Raises OSError."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        try:
            os.link(source, temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


class _Encoder:
    """Builds the tables of an overlay: only the sets that its keys use."""

    def __init__(self, new: Tables) -> None:
        self._new = new
        self._sources = {source.name: at for at, source in enumerate(new.sources)}
        # The patterns speak of attributes by number, so those of the target stay where they are; where the target
        # stands in layers, its base may know of others.
        self._conditions = {condition: at for at, condition in enumerate(new.conditions)}
        self._attributes = {attribute: at for at, attribute in enumerate(new.attributes)}
        self._sets: dict[tuple[int, ...], int] = {(): 0}
        self._known: dict[tuple[EntryGroup, ...], int] = {}

    def set_of(self, groups: tuple[EntryGroup, ...]) -> int:
        """Return the number of the set of these groups, in their order; 0: nothing stands there."""
        known = self._known.get(groups)
        if known is not None:
            return known
        members = tuple(
            dict.fromkeys(self._attribute(group, source) for group in groups for source in group.source_names)
        )
        number = self._known[groups] = self._sets.setdefault(members, len(self._sets))
        return number

    def tables(self, base: str, version: str) -> Tables:
        """Return the tables of the overlay."""
        return msgspec.structs.replace(
            self._new,
            conditions=tuple(self._conditions),
            attributes=tuple(self._attributes),
            sets=tuple(self._sets),
            base=base,
            target=version,
            tries=UNSET,
        )

    def _attribute(self, group: EntryGroup, source: str) -> int:
        condition = -1
        if group.condition is not None:
            condition = self._conditions.setdefault(group.condition, len(self._conditions))
        attribute = Attribute(self._sources[source], int(group.match), int(group.effect), condition)
        return self._attributes.setdefault(attribute, len(self._attributes))
