"""Proves the audit: whether anything in it was altered, removed or inserted, and where first.

What the database itself holds is enough to find what was changed by hand. Who changes the database so that the
whole chain fits together again is found by what rooms have kept (`compare_heads`): the heads that central told
them, with their dates. A database that was put back from a backup parts from those heads too; there the entry that
says so explains it, and the check shows the fork.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import LargeBinary, cast, select
from sqlalchemy.orm import Session

from appliance.central.audit_chain import DATABASE_RESTORED, NO_HASH, AuditHead, ChainedEntry
from appliance.central.models import AuditHeadRow, AuditRow
from appliance.central.store import Store
from appliance.protocol import KeptHead

_BATCH = 5000
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f"  # as SQLAlchemy writes a time into SQLite
_HASHES = ("previous", "hash")

FindingKind = Literal["altered", "removed", "inserted"]
Progress = Callable[[int, int], None]  # how many entries were read, of how many


class Finding(msgspec.Struct, frozen=True):
    """The first entry with which something is wrong."""

    kind: FindingKind
    number: int
    words: str


class Fork(msgspec.Struct, frozen=True):
    """Entries that somebody was told of before the database was put back from a backup, and that are gone."""

    first: int  # the number from which on they were others
    newest: int  # the newest of them that is known
    kept_at: datetime  # when that was told
    restored_at: datetime


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found."""

    entries: int
    head: AuditHead
    restored: tuple[int, ...] = ()  # the numbers of the entries that say that the database was put back
    finding: Finding | None = None
    compared: int = 0  # heads that somebody kept
    forks: tuple[Fork, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the heads that one room kept say of the audit."""

    room: str
    compared: int  # heads
    finding: Finding | None = None
    forks: tuple[Fork, ...] = ()


class AuditProof(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the audit has found, and what each room that has kept heads says to it."""

    verification: Verification
    rooms: tuple[Comparison, ...] = ()

    @property
    def contradictions(self) -> tuple[Comparison, ...]:
        """Return the rooms that were told of other entries than those that stand there."""
        return tuple(one for one in self.rooms if one.finding is not None)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was altered, removed or inserted."""
        return self.verification.finding is None and not self.contradictions


class StoredEntry(msgspec.Struct, frozen=True):
    """An entry as it stands in the database."""

    entry: ChainedEntry | None  # None: something in it is no text or time of ours
    number: int
    hash: str


class _Chain:
    """The entries so far, and what was wrong first."""

    def __init__(self, wanted: Collection[int]) -> None:
        self._wanted = frozenset(wanted)
        self.hashes: dict[int, str] = {}  # of the wanted entries
        self.restored: dict[int, datetime] = {}
        self.entries = 0
        self.finding: Finding | None = None
        self._number, self._hash = 0, NO_HASH  # of the newest that was looked at
        self._before = NO_HASH  # the hash of the one before that

    def add(self, stored: StoredEntry) -> None:
        self.entries += 1
        if self.finding is None:
            self.finding = self._examine(stored)
        self._before, self._number, self._hash = self._hash, stored.number, stored.hash
        if stored.number in self._wanted:
            self.hashes[stored.number] = stored.hash
        entry = stored.entry
        if entry is not None and entry.what == DATABASE_RESTORED and not entry.room:  # a room may write anything
            self.restored[stored.number] = entry.at

    def finish(self, head: AuditHead | None) -> None:
        if self.finding is None:
            self.finding = self._examine_end(head)

    def compare(self, heads: list[KeptHead]) -> tuple[Finding | None, tuple[Fork, ...]]:
        """Compare with kept heads, in their order; where the chain itself is broken, that is said instead."""
        if self.finding is not None:
            return None, ()
        return compare_heads(heads, self.hashes, self.restored, newest=self._number)

    def to_verification(self, head: AuditHead | None) -> Verification:
        """Return what was found, without heads that anybody kept."""
        return Verification(
            entries=self.entries,
            head=head or AuditHead(0, NO_HASH),
            restored=tuple(self.restored),
            finding=self.finding,
        )

    def _examine(self, stored: StoredEntry) -> Finding | None:
        number, entry = stored.number, stored.entry
        if entry is None or entry.compute_hash() != stored.hash:
            return Finding("altered", number, "it is not what its hash was made of")
        if entry.previous == self._hash:
            return None
        if entry.previous == self._before and self._number:
            return Finding("inserted", self._number, "the entry after it follows the one before it")
        if number > self._number + 1:
            return Finding("removed", self._number + 1, f"entry {number} follows one that is gone")
        if self._number == 0:
            return Finding("removed", 0, f"entry {number} follows one that is gone")
        return Finding("altered", self._number, "it has another hash than the one that the entry after it holds")

    def _examine_end(self, head: AuditHead | None) -> Finding | None:
        if head is None:
            return (
                Finding("removed", self._number, "the record of the newest entry is gone")
                if self.entries
                else None
            )
        if head.number > self._number:
            return Finding("removed", self._number + 1, f"entries up to {head.number} were written")
        if head.number < self._number:
            return Finding("inserted", head.number + 1, f"entries up to {head.number} were written")
        if head.hash != self._hash:
            return Finding("altered", head.number, "it is not the one that was written last")
        return None


def verify_audit(session: Session, kept: Iterable[KeptHead] = ()) -> Verification:
    """Check every entry, and compare with heads that somebody has kept.

    The session sees one moment, or nobody writes meanwhile (`verify_store`).
    """
    heads = _in_order(kept)
    chain, head = _read_chain(session, heads, lambda _done, _total: None)
    finding, forks = chain.compare(heads)
    return msgspec.structs.replace(
        chain.to_verification(head), finding=chain.finding or finding, compared=len(heads), forks=forks
    )


def verify_store(store: Store, kept: Iterable[KeptHead] = ()) -> Verification:
    """Check every entry as it stands now, whoever writes meanwhile."""
    with store.snapshot() as connection, Session(connection) as session:
        return verify_audit(session, kept)


def prove_audit(store: Store, kept: Mapping[str, Sequence[KeptHead]], progress: Progress) -> AuditProof:
    """Check every entry as it stands now, and compare with what each room (by its name) has kept."""
    with store.snapshot() as connection, Session(connection) as session:
        chain, head = _read_chain(session, [one for heads in kept.values() for one in heads], progress)
    rooms = []
    for name, heads in kept.items():
        finding, forks = chain.compare(_in_order(heads))
        rooms.append(Comparison(room=name, compared=len(heads), finding=finding, forks=forks))
    return AuditProof(verification=chain.to_verification(head), rooms=tuple(rooms))


def _in_order(kept: Iterable[KeptHead]) -> list[KeptHead]:
    return sorted(kept, key=lambda one: (one.number, one.at))


def _read_chain(
    session: Session, wanted: Iterable[KeptHead], progress: Progress
) -> tuple[_Chain, AuditHead | None]:
    row = session.get(AuditHeadRow, 1)
    head = None if row is None else AuditHead(row.number, row.hash)
    chain = _Chain({one.number for one in wanted})
    for stored in read_stored_entries(session):
        chain.add(stored)
        if chain.entries % _BATCH == 0:
            progress(chain.entries, head.number if head else 0)
    chain.finish(head)
    return chain, head


def compare_heads(
    kept: Iterable[KeptHead], hashes: dict[int, str], restored: dict[int, datetime], *, newest: int
) -> tuple[Finding | None, tuple[Fork, ...]]:
    """Compare kept heads, in their order, with the hashes of the chain at their numbers.

    `restored`: when the database was put back, by the number of the entry that says so.
    `newest`: the number of the chain's last entry.
    """
    agreed = 0
    forks: dict[int, Fork] = {}
    for one in kept:
        if hashes.get(one.number) == one.hash:
            agreed = one.number
            continue
        cause = next((number for number, at in restored.items() if number <= one.number and one.at <= at), None)
        if cause is None:
            return _contradiction(one, agreed, newest), tuple(forks.values())
        forks[cause] = Fork(first=cause, newest=one.number, kept_at=one.at, restored_at=restored[cause])
    return None, tuple(forks.values())


def _contradiction(kept: KeptHead, agreed: int, newest: int) -> Finding:
    when = f"{kept.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if kept.number > newest:
        return Finding("removed", newest + 1, f"entry {kept.number} was the newest on {when}")
    return Finding(
        "altered",
        agreed + 1,
        f"an entry from this one up to {kept.number} is not what it was on {when}",
    )


def read_stored_entries(session: Session) -> Iterator[StoredEntry]:
    """Yield every entry in its order, exactly as it stands there: of SQLite's columns the very bytes."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    names = ("at", "who", "room", "what", "detail", *_HASHES)
    columns = [getattr(AuditRow, name) for name in names]
    if is_sqlite:
        columns = [cast(column, LargeBinary) for column in columns]
    last: int | None = None
    while True:
        query = select(AuditRow.id, *columns).order_by(AuditRow.id).limit(_BATCH)
        rows = session.execute(query if last is None else query.where(AuditRow.id > last)).all()
        for number, *values in rows:
            yield _read_bytes(number, values) if is_sqlite else _to_stored(number, values)
        if len(rows) < _BATCH:
            return
        last = rows[-1][0]


def _read_bytes(number: int, values: list[Any]) -> StoredEntry:
    try:
        time, *texts = (bytes(value).decode() for value in values)
        at = datetime.strptime(time, _TIME_FORMAT).replace(tzinfo=UTC)
    except (ValueError, TypeError):  # no UTF-8, no time, or nothing at all
        return StoredEntry(None, number, "")
    if f"{at:{_TIME_FORMAT}}" != time:  # another way to write the same time is a change too
        return StoredEntry(None, number, texts[-1])
    return _to_stored(number, [at, *texts])


def _to_stored(number: int, values: list[Any]) -> StoredEntry:
    at, who, room, what, detail, previous, found = values
    entry = ChainedEntry(
        number=number, at=at, who=who, room=room, what=what, detail=detail, previous=previous
    )  # fmt: skip
    return StoredEntry(entry, number, found)
