"""Notices that central's database was restored from a backup, and begins a new epoch then.

What rooms were told after the backup was made, the database has forgotten; its counters will pass the same numbers
again with another content. So a file beside the database remembers the epoch and the highest revision of which any
room was told: it is written before they are. At each start, and while central runs, a new epoch begins where

- the file is missing, or was itself copied (its inode or its birth is another one): a folder was put back whole;
- the epochs of file and database differ: one of them is older than the other knows;
- the database's revision is lower than what the file remembers.

In a new epoch every number that rooms compare jumps by `NUMBERS_JUMP`, for rooms that know no digests and epochs.
A machine that was put back as a whole (a snapshot) shows none of this: a command says it by hand.

The file is written in place, because a renamed one would be another inode each time. One that was torn by a power
cut cannot be read, and then a new epoch begins: it costs each room one look at everything.
"""

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from appliance.central import audit, change_scope
from appliance.central.accounts import end_what_was_before
from appliance.central.audit_chain import DATABASE_RESTORED
from appliance.central.models import AccountLinkRow, RevisionRow, RoomRow, SessionRow, UserRow
from appliance.central.store import Store, read_revisions
from appliance.files import birth_time, remove_whatever
from dns.errors import DECODING_FAILED

NUMBERS_JUMP = 1_000_000  # more changes than a school makes between a backup and its use

log = logging.getLogger("hallpass.central")


class EpochRecord(msgspec.Struct, frozen=True):
    """What the file remembers."""

    epoch: str
    revision: int  # the highest of which any room was told
    inode: int  # of the file itself
    born: int = 0  # when that was made: a disk gives an inode's number again; 0: written before this was known


class EpochFile:
    """The file beside the database. Several processes may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: EpochRecord | None = None  # what this process wrote last

    def remember(self, epoch: str, revision: int) -> None:
        """Note that rooms are about to be told of a revision. Never raises: rooms are told all the same."""
        known = self._known
        if known is not None and known.epoch == epoch and known.revision >= revision:
            return
        try:
            with self._locked() as handle:
                kept = _read_record(handle)
                if kept is not None and kept.epoch == epoch:
                    revision = max(revision, kept.revision)
                self._known = _write_record(handle, epoch, revision)
        except OSError as problem:
            log.warning("%s cannot be written, so that a restore would not be noticed: %s", self._path, problem)

    def begin_epoch_if_restored(self, store: Store, now: datetime) -> None:
        """Compare the file with the database. Raises OSError, or what SQLAlchemy raises."""
        with self._locked() as handle:
            kept = _read_record(handle)
            with store.read_session() as session:
                found = read_revisions(session)
            if found.epoch and kept is not None and kept.epoch == found.epoch and kept.revision <= found.rooms:
                return
            at_least = kept.revision if kept is not None else 0
            with store.write_session() as session:
                begin_epoch(session, now, at_least=at_least, is_first=not found.epoch)
            found = store.revisions()
            self._known = _write_record(handle, found.epoch, found.rooms)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        if os.path.lexists(self._path) and not self._path.is_file():
            remove_whatever(self._path)  # a damaged disk may hold anything: a folder, a pipe, a link to nowhere
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)  # which gives the lock back


def begin_epoch(
    session: Session, now: datetime, *, at_least: int = 0, is_first: bool = False, by: str = "central"
) -> None:
    """Make every room look at everything anew. `at_least`: the revision that the new one must surpass."""
    row = session.query(RevisionRow).one()
    row.epoch = secrets.token_hex(16)
    row.revision = max(row.revision, at_least)
    session.execute(
        update(RoomRow).values(
            policy_version=RoomRow.policy_version + NUMBERS_JUMP,
            requests_changed=RoomRow.requests_changed + NUMBERS_JUMP,
        )
    )
    change_scope.mark_school(session)
    if not is_first:
        _end_what_may_be_over(session, now)
        audit.record_audit(
            session, now, by, DATABASE_RESTORED, "every room looks at everything anew, and everybody signs in anew"
        )
        log.warning("the database was restored from a backup: a new epoch begins")


def _end_what_may_be_over(session: Session, now: datetime) -> None:
    """End every session and every link to a new password: which of them were over, the backup cannot know."""
    session.execute(delete(AccountLinkRow))
    session.execute(update(SessionRow).where(SessionRow.ended.is_(None)).values(ended=now))
    for user in session.scalars(select(UserRow)):
        end_what_was_before(user, now)


def _read_record(handle: int) -> EpochRecord | None:
    try:
        kept = msgspec.json.decode(os.pread(handle, 4096, 0), type=EpochRecord)
    except DECODING_FAILED:
        return None
    is_same = kept.inode == os.fstat(handle).st_ino and kept.born in {0, birth_time(handle)}
    return kept if is_same else None


def _write_record(handle: int, epoch: str, revision: int) -> EpochRecord:
    record = EpochRecord(epoch=epoch, revision=revision, inode=os.fstat(handle).st_ino, born=birth_time(handle))
    content = msgspec.json.encode(record) + b"\n"
    os.pwrite(handle, content, 0)
    os.ftruncate(handle, len(content))
    os.fsync(handle)
    return record
