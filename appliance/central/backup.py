"""Makes a backup of central while it runs: the database as it was at one moment, settings, lists' copies and keys.

The database is read in one transaction that sees nothing of what others write meanwhile. The rows of a backup say
nothing of the database that they came from, so that a backup of SQLite can be put back into PostgreSQL, and the
other way round. Of the folders everything is taken but what belongs to processes that run, what is compiled anew
at each start, and `epoch`, by whose absence a restore is noticed. What a symbolic link leads to is taken as if it
stood there; what is neither file nor folder cannot be, and is named.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.allocator import paused_collector
from appliance.central import audit
from appliance.central.backup_file import (
    MIN_PASSPHRASE,
    BackupError,
    BackupWriter,
    FilePart,
    Manifest,
    Rows,
    StoredFile,
)
from appliance.central.errors import database_words
from appliance.central.lists.builder import KEPT
from appliance.central.lists.index_folders import BUILD_WANTED, WHOLE_WANTED
from appliance.central.models import AuditRow, Base
from appliance.central.schema_migration import newest_migration
from appliance.central.service import Central
from appliance.files import sync_folder
from appliance.settings.central import CentralSettings

BACKUP_MADE = "backup made"
SETTINGS_NAME = "settings/central.toml"
WRAPPING_KEY = "keys/wrapping.key"  # where it lies outside the folders
TLS_NAMES = ("certificate", "key", "authority", "pages-certificate", "pages-key")
DATA, SHARED, TLS = "data/", "shared/", "tls/"

_ROWS_OF_FRAME = 500
# Who waits for the database waits for a processor as well, on both sides: four thousand times, beside other work,
# took longer than all the work of a backup. So many are fetched at once; of a table with large rows fewer.
_MOST_ROWS, _MOST_BYTES = 5000, 4 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
LOST_AND_FOUND = "lost+found"  # in each new file system
_LEFT_OUT_FOLDERS = frozenset({"indexes", KEPT, LOST_AND_FOUND})  # the first two are compiled anew
_LEFT_OUT_NAMES = frozenset({"epoch", "central.lock", "compilation.lock", WHOLE_WANTED, BUILD_WANTED})
_LEFT_OUT_STARTS = ("central.db", "poke-", "backup-")
_LEFT_OUT_ENDS = (".migrating", ".partial", ".lock")

Report = Callable[[int, int], None]  # how much is done, of how much


def make_backup(
    central: Central, config: Path, target: Path, passphrase: str, *, report: Report = lambda _done, _of: None
) -> Manifest:
    """Write a backup into a new file. Raises BackupError, and then there is no file, or OSError's words in it."""
    check_passphrase(passphrase)
    if os.path.lexists(target):
        raise BackupError(f"{target} exists already; name another file, a backup never takes the place of one")
    try:
        with _new_file(target) as partial, partial.open("wb") as file, paused_collector():
            os.fchmod(file.fileno(), 0o600)
            manifest = _write(BackupWriter(file, passphrase), central, config, report)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise BackupError(f"{problem.filename or target}: {problem.strerror}: there is no backup") from None
    _record(central, target)
    return manifest


def last_backup(session: Session) -> datetime | None:
    """Return when the newest backup was made, or None where there is none."""
    return session.scalar(select(func.max(AuditRow.at)).where(audit.is_own_entry(BACKUP_MADE)))


def _record(central: Central, target: Path) -> None:
    """Note in the audit that there is a backup; others may be writing all the while."""
    for is_last in (False, False, True):
        try:
            with central.store.write_session(affects_rooms=False) as session:
                audit.record_audit(session, central.now(), audit.COMMAND_LINE, BACKUP_MADE, target.name)
        except SQLAlchemyError as problem:
            if is_last:
                words = database_words(problem)
                raise BackupError(f"{target} is whole, but the audit could not be told of it: {words}") from None
        else:
            return


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that is guessed too easily. Raises BackupError."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise BackupError(
            f"the passphrase needs {MIN_PASSPHRASE} characters at least; four words are better still"
        )


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Give a file beside the target, which bears its name only once it is whole. Raises OSError, BackupError."""
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        try:
            os.link(partial, target)  # which never replaces anything
        except FileExistsError:
            raise BackupError(f"{target} exists already: it was made meanwhile, and is left alone") from None
        except OSError:  # a stick's file system has no links
            if os.path.lexists(target):
                raise BackupError(f"{target} exists already: it was made meanwhile, and is left alone") from None
            partial.rename(target)
        sync_folder(target.absolute().parent)
    finally:
        partial.unlink(missing_ok=True)


def _write(writer: BackupWriter, central: Central, config: Path, report: Report) -> Manifest:
    left_out: list[str] = []
    files = dict(_find_files(central, config, left_out))
    with central.store.snapshot() as connection:
        tables = Base.metadata.sorted_tables
        counts = {
            str(table.name): connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }
        manifest = Manifest(
            made_at=central.now(),
            version=metadata.version("hallpass"),
            migration=newest_migration(),
            school=central.identity.current().name,
            rows=counts,
            files=tuple(StoredFile(name, path.stat().st_size) for name, path in files.items()),
            left_out=tuple(left_out),
        )
        writer.write(manifest)
        total = sum(counts.values()) + len(files)
        done = 0
        for stored in manifest.files:  # the settings first: they say where everything else belongs
            _write_file(writer, stored, files[stored.name])
            report(done := done + 1, total)
        for table in tables:
            for count in _write_rows(writer, connection, table):
                report(done := done + count, total)
    writer.finish()
    return manifest


def _write_rows(writer: BackupWriter, connection: Connection, table: Table) -> Iterator[int]:
    """Write all rows of a table; yield how many, again and again."""
    columns = tuple(str(column.name) for column in table.columns)
    result = connection.execution_options(stream_results=True).execute(select(table))
    wanted = _ROWS_OF_FRAME
    while rows := result.fetchmany(wanted):
        size = 0
        for start in range(0, len(rows), _ROWS_OF_FRAME):
            some = tuple(tuple(row) for row in rows[start : start + _ROWS_OF_FRAME])
            size += writer.write(Rows(table=str(table.name), columns=columns, rows=some))
        wanted = max(_ROWS_OF_FRAME, min(_MOST_ROWS, _MOST_BYTES * len(rows) // size))
        yield len(rows)


def _write_file(writer: BackupWriter, stored: StoredFile, path: Path) -> None:
    """Write as much of a file as it had when it was found; what is replaced meanwhile is another file."""
    left = stored.size
    with path.open("rb") as file:
        while left and (piece := file.read(min(left, _PIECE_BYTES))):
            writer.write(FilePart(name=stored.name, content=piece))
            left -= len(piece)
    if left:
        raise BackupError(f"{path} grew smaller while it was read: please try again")


def find_certificate_file(settings: CentralSettings, name: str) -> Path | None:
    """Return where the settings keep one of `TLS_NAMES`: those of [tls], with "pages-" those of [central.tls]."""
    if name not in TLS_NAMES:
        return None
    section = settings.central.tls if name.startswith("pages-") else settings.tls
    path: Path | None = getattr(section, name.removeprefix("pages-"), None)
    return path


def _find_files(central: Central, config: Path, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield what is taken besides the database, with its name in the backup. Raises OSError."""
    if config.is_file():
        yield SETTINGS_NAME, config
    for name in TLS_NAMES:
        path = find_certificate_file(central.settings, name)
        if path is not None and path.is_file():
            yield f"{TLS}{name}", path
    data, shared = central.settings.central.data, central.settings.central.shared_folder
    key = central.settings.central.key_file
    if (
        key is not None
        and key.is_file()
        and not any(key.absolute().is_relative_to(one.absolute()) for one in (data, shared))
    ):
        yield WRAPPING_KEY, key
    yield from _walk(data, DATA, left_out, without=shared)
    if shared.resolve() != data.resolve():
        yield from _walk(shared, SHARED, left_out, without=data)


def _walk(folder: Path, prefix: str, left_out: list[str], *, without: Path) -> Iterator[tuple[str, Path]]:
    """Yield what is in a folder, links followed; `without`: a folder in it that is taken by itself."""
    seen = {folder.resolve(), *folder.resolve().parents}
    apart = {without.resolve()} - {folder.resolve()}
    for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        folders[:] = sorted(
            name for name in folders if name not in _LEFT_OUT_FOLDERS and Path(place, name).resolve() not in apart
        )
        for path in [Path(place, name) for name in folders]:
            if path.is_symlink() and path.resolve() in seen:  # it leads back, and would without end
                folders.remove(path.name)
                left_out.append(f"{prefix}{path.relative_to(folder)}")
            seen.add(path.resolve())
        for name in sorted(names):
            path = Path(place, name)
            if name in _LEFT_OUT_NAMES or name.startswith(_LEFT_OUT_STARTS) or name.endswith(_LEFT_OUT_ENDS):
                continue
            if path.is_file():
                yield f"{prefix}{path.relative_to(folder)}", path
            else:
                left_out.append(f"{prefix}{path.relative_to(folder)}")


def _raise(problem: OSError) -> NoReturn:
    raise problem
