"""Brings a log that was begun without a key under the key that the room has got since.

A card that was switched on before it was enrolled has no key, and writes plain rows. They are neither lost nor
left in the clear: the database is copied under the key, put in the plain one's place, and that is overwritten.
"""

import contextlib
import logging
import os
import shutil
from pathlib import Path

from appliance.files import sync_folder
from appliance.room.database_file import SIDE_FILES
from appliance.room.query_log.database import (
    PAGE_BYTES,
    DatabaseError,
    check_database,
    open_database_for_writing,
)
from appliance.room.query_log.journal import Journal
from appliance.room.query_log.store import LogStore
from appliance.room.sqlite_migrations import DatabaseTooNew

_PLAIN = b"SQLite format 3\0"
_CHUNK_BYTES = 1 << 20

log = logging.getLogger("hallpass.recorder")


def encrypt_plain_log(path: Path, journal_path: Path, key: bytes, now: float) -> bool:
    """Bring a plain log, and what its journal holds, under a key; False: it is no plain log that is whole.

    A power cut leaves the plain log or the encrypted one in its place, each whole. Raises OSError.
    """
    if not _is_plain(path):
        return False
    made = path.with_name(f"{path.name}.encrypting")
    made.unlink(missing_ok=True)
    try:
        _copy_under_key(path, journal_path, made, key, now)
        _replace(path, made)
    except (DatabaseError, DatabaseTooNew):
        made.unlink(missing_ok=True)
        return False  # the writer's own opening says what is wrong with it
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    log.warning("%s was begun without a key: it is encrypted now, and the plain one is gone", path)
    return True


def _is_plain(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(len(_PLAIN)) == _PLAIN
    return False


def _copy_under_key(path: Path, journal_path: Path, made: Path, key: bytes, now: float) -> None:
    plain = open_database_for_writing(path, None)
    try:
        check_database(plain)
        _take_in_journal(LogStore(plain), journal_path, now)
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        plain.execute(f"ATTACH DATABASE ? AS made KEY \"x'{key.hex()}'\"", (str(made),))
        plain.execute(f"PRAGMA made.cipher_page_size = {PAGE_BYTES}")
        plain.execute("PRAGMA made.auto_vacuum = INCREMENTAL")
        plain.execute("SELECT sqlcipher_export('made')").fetchall()
        version = plain.execute("PRAGMA user_version").fetchone()[0]
        plain.execute(f"PRAGMA made.user_version = {version}")
        plain.execute("DETACH DATABASE made")
    finally:
        plain.close()


def _take_in_journal(store: LogStore, journal_path: Path, now: float) -> None:
    journal = Journal(journal_path, None)
    try:
        if journal.size and (found := journal.read_batches()) and not journal.is_torn:
            store.insert_batches(found, now)
            journal.clear()
    finally:
        journal.close()


def _replace(path: Path, made: Path) -> None:
    """Put the new file in the place of the old one, and overwrite that."""
    shutil.copystat(path, made)
    was = path.stat()
    os.chown(made, was.st_uid, was.st_gid)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    with path.open("r+b") as old:
        made.replace(path)
        sync_folder(path.parent)
        for side in SIDE_FILES:
            path.with_name(path.name + side).unlink(missing_ok=True)
        left = old.seek(0, os.SEEK_END)
        old.seek(0)
        while left > 0:
            left -= old.write(bytes(min(left, _CHUNK_BYTES)))
        old.flush()
        os.fsync(old.fileno())
