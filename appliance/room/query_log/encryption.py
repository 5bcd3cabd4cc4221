"""Brings a log that was begun without a key under the key that the room has got since.

A card that was switched on before it was enrolled has no key, and writes plain rows. They are neither lost nor
left in the clear: the database is copied under the key, put in the plain one's place, and that is overwritten.
"""

import contextlib
import logging
import os
import shutil
from pathlib import Path

from appliance.files import overwrite_with_zeros, sync_folder
from appliance.room.database_file import SIDE_FILES
from appliance.room.query_log.database import (
    PLAIN_BEGINNING,
    DatabaseError,
    check_database,
    copy_under_key,
    open_database_for_writing,
    read_beginning,
)
from appliance.room.query_log.journal import Journal
from appliance.room.query_log.store import LogStore
from appliance.room.sqlite_migrations import DatabaseTooNew

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
        _copy_log(path, journal_path, made, key, now)
        _replace(path, made)
    except (DatabaseError, DatabaseTooNew):
        return False  # the writer's own opening says what is wrong with it
    finally:
        made.unlink(missing_ok=True)
    log.warning("%s was begun without a key: it is encrypted now, and the plain one is gone", path)
    return True


def _is_plain(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return read_beginning(path) == PLAIN_BEGINNING
    return False


def _copy_log(path: Path, journal_path: Path, made: Path, key: bytes, now: float) -> None:
    plain = open_database_for_writing(path, None)
    try:
        check_database(plain)
        _take_in_journal(LogStore(plain), journal_path, now)
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copy_under_key(plain, made, key)
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
        overwrite_with_zeros(old)
