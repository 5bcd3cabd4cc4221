"""Puts a backup back into an empty machine: settings, keys, lists' copies and the database, all of it or nothing.

Everything is put beside its place first, or into a hidden folder in it where it is there already, and takes it at
the end: a restore that is interrupted leaves no half of a central. Over an installation that is there nothing is
ever put. Tables are made as the backup had them, filled, and then brought to today's. That `epoch` is missing
afterwards has central begin a new epoch with its next start, so that every room looks at everything anew
(`appliance.central.epoch`).
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sqlalchemy.exc import SQLAlchemyError

from appliance.central.backup import (
    DATA,
    LOST_AND_FOUND,
    SETTINGS_NAME,
    SHARED,
    TLS,
    WRAPPING_KEY,
    Report,
    find_certificate_file,
)
from appliance.central.backup_file import BackupError, End, FilePart, Frame, Manifest, Rows, read_frames
from appliance.central.database_restoration import DatabaseRestoration
from appliance.central.errors import database_words
from appliance.central.key_file import FILE_NAME
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_STAGE = ".restoring"
_OF_EMPTY_FOLDERS = frozenset({_STAGE, LOST_AND_FOUND})  # what an interrupted restore left, and a new file system
_SPARE_BYTES = 16 * 1024 * 1024  # what must be left on the disk


def verify_backup(file: BinaryIO, passphrase: str, *, report: Report = lambda _done, _of: None) -> Manifest:
    """Read a whole backup and write nothing. Raises BackupError or OSError."""
    return _Reader(file, passphrase, report).read_all(lambda _frame: None)


def restore_backup(
    file: BinaryIO, passphrase: str, config: Path, *, report: Report = lambda _done, _of: None
) -> Manifest:
    """Put a backup back where the settings `config` say; where there are none, the backup's are put there.

    Raises BackupError, and then nothing is there that was not there before.
    """
    try:
        with ExitStack() as undo:
            restoration = _Restoration(config, undo)
            manifest = _Reader(file, passphrase, report).read_all(restoration.take)
            restoration.finish()
            undo.pop_all()
            return manifest
    except OSError as problem:
        raise BackupError(f"{problem.filename or config}: {problem.strerror}: nothing was put back") from None
    except SQLAlchemyError as problem:
        words = database_words(problem)
        raise BackupError(f"the database cannot be used, and nothing was put back: {words}") from None


class _Reader:
    """Hands on the frames of a backup, checked against its manifest."""

    def __init__(self, file: BinaryIO, passphrase: str, report: Report) -> None:
        self._frames = read_frames(file, passphrase)
        self._report = report
        self._rows: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._begun = 0

    def read_all(self, take: Callable[[Frame], None]) -> Manifest:
        manifest = next(self._frames)
        assert isinstance(manifest, Manifest)  # noqa: S101 (`read_frames` yields no other one first)
        sizes = {one.name: one.size for one in manifest.files}
        total = sum(manifest.rows.values()) + len(sizes)
        take(manifest)
        for frame in self._frames:
            if isinstance(frame, End):
                break
            self._count(frame, manifest, sizes)
            take(frame)
            self._report(sum(self._rows.values()) + len(self._bytes), total)
        empty = {name: 0 for name, size in sizes.items() if not size}
        rows = dict.fromkeys(manifest.rows, 0) | self._rows
        if rows != manifest.rows or empty | self._bytes != sizes:
            raise BackupError("the file is damaged: it has not what it says")
        for _ in self._frames:
            pass
        return manifest

    def _count(self, frame: Frame, manifest: Manifest, sizes: dict[str, int]) -> None:
        match frame:
            case Rows(table=name, rows=rows) if name in manifest.rows:
                self._rows[name] = self._rows.get(name, 0) + len(rows)
                if self._rows[name] <= manifest.rows[name]:
                    return
            case FilePart(name=name, content=content) if name in sizes:
                self._bytes[name] = self._bytes.get(name, 0) + len(content)
                if self._bytes[name] <= sizes[name]:
                    return
        raise BackupError("the file is damaged: it has something that it does not name")


class _Restoration:
    """What was put beside its place so far. `undo` takes it away again."""

    def __init__(self, config: Path, undo: ExitStack) -> None:
        self._config = config
        self._undo = undo
        self._manifest: Manifest | None = None
        self._staged: dict[Path, Path] = {}  # what stands beside its place, and the place
        self._folders: set[Path] = set()  # data and shared
        self._settings: CentralSettings | None = None
        self._database: DatabaseRestoration | None = None

    def take(self, frame: Frame) -> None:
        """Put a frame beside its place."""
        if isinstance(frame, Manifest):
            self._manifest = frame
            return
        if self._settings is None and not (isinstance(frame, FilePart) and frame.name == SETTINGS_NAME):
            self._make_room()
        if isinstance(frame, Rows):
            assert self._database is not None  # noqa: S101 (made with the places)
            self._database.insert(frame)
        elif isinstance(frame, FilePart):
            self._append(frame)

    def finish(self) -> None:
        """Let everything take its place: what cannot be taken back last."""
        if self._settings is None or self._manifest is None or self._database is None:
            raise BackupError("there is nothing in this backup")
        for stored in self._manifest.files:
            if not stored.size:
                self._append(FilePart(name=stored.name, content=b""))
        self._database.finish()
        for staged, place in self._staged.items():
            if staged.parent == place:
                self._undo.callback(_empty_folder, place)
                for one in staged.iterdir():
                    one.rename(place / one.name)
                staged.rmdir()
            elif staged.is_dir():
                self._undo.callback(shutil.rmtree, place, ignore_errors=True)
                staged.rename(place)
            else:
                self._undo.callback(place.unlink, missing_ok=True)
                staged.rename(place)
        self._database.commit()

    def _make_room(self) -> None:
        """Find where everything belongs, see that nothing is there, and make room beside it."""
        assert self._manifest is not None  # noqa: S101 (the first frame)
        staged = self._config.with_name(f"{self._config.name}{_STAGE}")
        settings = load_settings(staged if staged in self._staged else self._config, CentralSettings)
        # Each may be a link to another disk, and one may lie in the other, which then holds it already.
        folders = {place.resolve() for place in (settings.central.data, settings.central.shared_folder)}
        self._folders = folders
        for place in folders:
            if not any(other in place.parents for other in folders):
                self._stage_folder(place)
        database = settings.central.database
        stage = self._find_stage(settings.central.data)
        if not database:
            (stage / "central.db").touch(mode=0o600)  # SQLite would make one that others may read
        self._database = DatabaseRestoration(
            database or f"sqlite:///{stage / 'central.db'}", self._manifest, self._undo
        )
        self._settings = settings

    def _stage_folder(self, place: Path) -> None:
        """Make room for a folder: beside its place, or in it where it is there already.

        Nothing takes the place of a disk that is mounted there, and its owner need not own the folder above it.
        """
        assert self._manifest is not None  # noqa: S101 (the first frame)
        is_there = os.path.lexists(place)
        if is_there and (not place.is_dir() or any(one.name not in _OF_EMPTY_FOLDERS for one in place.iterdir())):
            raise BackupError(f"{place} is not empty: a backup is never put over an installation")
        stage = place / _STAGE if is_there else place.with_name(f".{place.name}{_STAGE}")
        if stage.exists():
            shutil.rmtree(stage)  # a restore that was interrupted
        self._make_folder(stage)
        stage.chmod(0o700)
        self._undo.callback(shutil.rmtree, stage, ignore_errors=True)
        self._staged[stage] = place
        _require_space(stage, self._manifest)

    def _find_stage(self, folder: Path) -> Path:
        """Return where what belongs into a folder is put for now; it is there."""
        folder = folder.resolve()
        stage, place = next(pair for pair in self._staged.items() if folder.is_relative_to(pair[1]))
        found = stage / folder.relative_to(place)
        self._make_folder(found)
        return found

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and what is missing above it; those that are empty at the end are taken back."""
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(mode=0o700 if one == folder else 0o755)
            self._undo.callback(_remove_if_empty, one)

    def _append(self, part: FilePart) -> None:
        path = self._find_place(part.name)
        if path is None:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(part.content)

    def _find_place(self, name: str) -> Path | None:
        """Return where a file is put for now; None: it stays as it is there."""
        if name == SETTINGS_NAME:
            return None if self._is_kept(self._config) else self._beside(self._config)
        assert self._settings is not None  # noqa: S101 (known before any other file comes)
        if name == WRAPPING_KEY:
            path = self._settings.central.key_file
            if path is None:  # other settings, which leave it in its usual folder
                return self._find_place(f"{SHARED if self._has_shared() else DATA}{FILE_NAME}")
            return None if self._is_kept(path) else self._beside(path)
        if name.startswith(TLS):
            part = name.removeprefix(TLS)
            path = find_certificate_file(self._settings, part)
            return None if path is None or self._is_kept(path) else self._beside(path)
        for prefix, folder in (
            (DATA, self._settings.central.data),
            (SHARED, self._settings.central.shared_folder),
        ):
            if name.startswith(prefix):
                below = PurePosixPath(name.removeprefix(prefix))
                if below.is_absolute() or ".." in below.parts or not below.parts:
                    break
                is_others = any(
                    folder.resolve() in other.parents and (folder.resolve() / below).is_relative_to(other)
                    for other in self._folders
                )
                return None if is_others else self._find_stage(folder) / below  # the other's come by its own name
        raise BackupError(f"the file is damaged: it has a file of a name that no backup has ({name[:80]!r})")

    def _has_shared(self) -> bool:
        assert self._settings is not None  # noqa: S101 (known by now)
        return self._settings.central.shared_folder != self._settings.central.data

    def _is_kept(self, path: Path) -> bool:
        return path.exists()

    def _beside(self, path: Path) -> Path:
        staged = path.with_name(f"{path.name}{_STAGE}")
        if staged not in self._staged:
            self._make_folder(path.parent)
            staged.unlink(missing_ok=True)
            self._undo.callback(staged.unlink, missing_ok=True)
            self._staged[staged] = path
        return staged


def _empty_folder(place: Path) -> None:
    """Take back what was put into a folder that was empty."""
    for one in place.iterdir():
        if one.name == LOST_AND_FOUND:
            continue
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _require_space(folder: Path, manifest: Manifest) -> None:
    wanted = sum(one.size for one in manifest.files) + _SPARE_BYTES
    if wanted > shutil.disk_usage(folder).free:
        raise BackupError(f"there is no room for it: {wanted // 1024**2} MB are needed beside {folder}")
