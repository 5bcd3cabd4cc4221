"""Writes the signed lists into a folder (`appliance.exported_lists`): for a static host, or a USB stick.

The folder is what it was or the new one, whole: everything is written beside it, compared with what is signed,
brought to the disk, and then takes its place. A stick that is pulled out meanwhile has what it had, and something
beside it that the next export clears away.

Central may run: its signatures are read in one moment, and the files of an index are never changed, only removed.
Importing this brings python-tuf.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from appliance.central.errors import CentralError, NotPossible
from appliance.central.tuf_repository.signed_state import METADATA_FOLDER
from appliance.exported_lists import INDEXES_FOLDER, SIGNATURES_FOLDER
from appliance.files import (
    one_at_a_time,
    put_back_folder,
    read_regular_file,
    remove_whatever,
    replace_folder,
    sync_folder,
)

_PIECE_BYTES = 1 << 20
_NOTHING_SIGNED = "nothing is signed yet: the keys are made when central has compiled its lists"
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755  # a web server reads it as whoever it is

Report = Callable[[int, int], None]  # bytes that are written, and of how many


class ExportedLists(msgspec.Struct, frozen=True):
    """What was written."""

    index: str
    files: int  # of the index: itself, and overlays
    size: int  # bytes of those
    good_until: datetime  # rooms take nothing of it afterwards


class _SignedFiles(msgspec.Struct, frozen=True):
    """What is signed at one moment."""

    metadata: dict[str, bytes]
    targets: dict[str, TargetFile]
    good_until: datetime


def export_lists(data: Path, signatures: Path, folder: Path, now: datetime, report: Report) -> ExportedLists:
    """Write what is signed now. `data`: central's folder; `signatures`: where keys and metadata stand in it.

    Raises NotPossible where the folder is something else, CentralError.
    """
    if not signatures.is_dir():
        raise NotPossible(_NOTHING_SIGNED)
    folder = folder.absolute()
    try:
        folder = folder.resolve() if folder.is_symlink() else folder
        with one_at_a_time(folder.parent):
            put_back_folder(folder)
            _require_place(folder)
            return _export(data / INDEXES_FOLDER, signatures, folder, now, report)
    except OSError as problem:
        raise CentralError(f"{problem.filename or folder}: {problem.strerror or problem}") from None


def _export(indexes: Path, signatures: Path, folder: Path, now: datetime, report: Report) -> ExportedLists:
    unfinished = folder.with_name(f".{folder.name}.new")
    remove_whatever(unfinished)
    try:
        with contextlib.ExitStack() as stack:
            with one_at_a_time(signatures):
                signed = _read_signed(signatures / METADATA_FOLDER, now)
                opened = {name: stack.enter_context((indexes / name).open("rb")) for name in signed.targets}
            _write_all(unfinished, signed, opened, report)
        replace_folder(folder, unfinished)
    finally:
        with contextlib.suppress(OSError):
            remove_whatever(unfinished)
    names = sorted(signed.targets)
    size = sum(target.length for target in signed.targets.values())
    return ExportedLists(names[0].partition("/")[0], len(names), size, signed.good_until)


def _require_place(folder: Path) -> None:
    """Raise NotPossible where something else stands than an export of before, or nothing can take its place."""
    if os.path.ismount(folder):
        raise NotPossible(f"{folder} is the whole disk or stick: name a folder on it, such as {folder / 'lists'}")
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    is_ours = (folder / SIGNATURES_FOLDER / "timestamp.json").exists()
    if found and not (is_ours and found <= {SIGNATURES_FOLDER, INDEXES_FOLDER}):
        raise NotPossible(f"{folder} holds something else than exported lists; name another folder")


def _read_signed(metadata: Path, now: datetime) -> _SignedFiles:
    """Return what is signed. Raises CentralError where nothing is, or what rooms would not take; OSError."""
    content = {path.name: path.read_bytes() for path in metadata.glob("*root.json")}
    timestamp_file = metadata / "timestamp.json"
    if not content or not timestamp_file.exists():
        raise NotPossible(_NOTHING_SIGNED)
    content["timestamp.json"] = read_regular_file(timestamp_file)
    timestamp = _parse(content["timestamp.json"], Timestamp)
    for role, kind, version in _roles_below(timestamp, content):
        name = f"{version}.{role}.json"
        content[name] = read_regular_file(metadata / name)
        parsed = _parse(content[name], kind)
    if timestamp.expires <= now:
        raise NotPossible(
            f"the signatures ended on {timestamp.expires:%Y-%m-%d}, and no room takes them: start central, which "
            "signs anew"
        )
    if not parsed.targets:
        raise NotPossible("central has not published any lists yet")
    return _SignedFiles(content, dict(parsed.targets), timestamp.expires)


def _roles_below(timestamp: Timestamp, content: dict[str, bytes]) -> Iterator[tuple[str, type[Any], int]]:
    """Yield what the timestamp leads to, one after the other; each must be in `content` before the next."""
    snapshot = timestamp.snapshot_meta.version
    yield "snapshot", Snapshot, snapshot
    targets = _parse(content[f"{snapshot}.snapshot.json"], Snapshot).meta["targets.json"].version
    yield "targets", Targets, targets


def _parse(content: bytes, kind: type[Any]) -> Any:
    try:
        signed = Metadata.from_bytes(content).signed
    except DeserializationError:
        signed = None
    if not isinstance(signed, kind):
        raise CentralError("the signatures of the lists are damaged: start central, which signs anew")
    return signed


def _write_all(folder: Path, signed: _SignedFiles, opened: Mapping[str, BinaryIO], report: Report) -> None:
    of = sum(target.length for target in signed.targets.values())
    done = 0
    report(0, of)
    for name, source in opened.items():
        target = signed.targets[name]
        digest = hashlib.sha256()
        with _new_file(folder / INDEXES_FOLDER / name) as file:
            while piece := source.read(_PIECE_BYTES):
                file.write(piece)
                digest.update(piece)
                done += len(piece)
                report(done, of)
        if digest.hexdigest() != target.hashes.get("sha256"):
            raise CentralError(f"{source.name} is not what was signed, but damaged: have the lists compiled anew")
    for name, content in signed.metadata.items():
        with _new_file(folder / SIGNATURES_FOLDER / name) as file:
            file.write(content)
    for path in (*folder.rglob("*/"), folder):
        with contextlib.suppress(OSError):  # FAT knows no modes
            path.chmod(_FOLDER_MODE)
        sync_folder(path)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which is on the disk afterwards. Raises OSError."""
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    with path.open("xb") as file:
        yield file
        file.flush()
        with contextlib.suppress(OSError):  # as above
            os.fchmod(file.fileno(), _FILE_MODE)
        os.fsync(file.fileno())
