"""Where each room should be, in memory: read from the database once a change, for the rooms that it concerns.

`refresh_targets` looks at the revisions first. A change of the school's part reads and builds that part once, and
from it every room's policy; any other change reads the rooms that it concerns, and nothing else. Where a room's
policy has another content than it was given last, its version is raised in the database before anybody is told.
The values in the table are immutable and replaced whole: whoever looks one up needs no lock and no database.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import and_, bindparam, false, or_, select, true, update
from sqlalchemy.orm import Session

from appliance.central import account_states, page_certificates, policies, request_expiry, unblocks
from appliance.central.clock_guard import ClockJumps
from appliance.central.epoch import EpochFile
from appliance.central.models import RoomRow, UnblockRow
from appliance.central.policies import RoomPolicy, SchoolPolicy
from appliance.central.room_keys import credential_of, find_authority
from appliance.central.room_life import ENROLLED
from appliance.central.store import Revisions, Store, read_revisions
from appliance.protocol import Target
from dns.policy.document import PolicyDocument

MAX_INLINE_BYTES = 32 * 1024  # of a policy's JSON that travels in the feed's line itself
_METADATA_BYTES = 200  # version, time of issue and punctuation, which the size of a policy's parts leaves out


NOTHING_KNOWN = Revisions(rooms=-1, pages=-1, school=-1, epoch="")


class RoomEntry(msgspec.Struct, frozen=True):
    """One room: where it should be, and by what it calls."""

    credential: str  # by what the room calls (`room_keys`); "": whoever calls as it is told nothing any more
    stopped_links: tuple[str, ...]  # whoever came by one of these is told nothing any more
    target: Target  # without time and document
    policy: RoomPolicy

    def to_document(self, issued: datetime) -> PolicyDocument:
        """Return the room's policy document."""
        return self.policy.to_document(self.target.policy, issued)

    def to_line(self, now: datetime, sent: Target | None) -> Target:
        """Return the target as a line of the feed, after `sent`; a small policy that is another travels in it."""
        is_inline = self.policy.size + _METADATA_BYTES <= MAX_INLINE_BYTES
        is_other = sent is None or sent.policy_digest != self.target.policy_digest
        document = self.to_document(now) if is_inline and is_other else None
        return msgspec.structs.replace(self.target, time=now.timestamp(), document=document)


class BuildCounts(msgspec.Struct):
    """How often something was built, since the start."""

    school_policies: int = 0
    room_policies: int = 0


class RoomTargets:
    """The table of one process. `has_every_room=False`: only of rooms that were asked for."""

    def __init__(
        self,
        store: Store,
        epoch_file: EpochFile,
        now: Callable[[], datetime],
        jumps: ClockJumps,
        *,
        has_every_room: bool = False,
    ) -> None:
        self._store = store
        self._epoch_file = epoch_file
        self._now = now
        self._jumps = jumps
        self._has_every_room = has_every_room
        self._lock = threading.Lock()  # of `refresh_targets` and all that it holds between two of them
        self._known = NOTHING_KNOWN
        self._school: SchoolPolicy | None = None
        self._index = ""
        self._accounts = ""
        self._authority = ""
        self._next_expiry: datetime | None = None
        self._wanted: set[int] = set()
        self._entries: dict[int, RoomEntry] = {}
        self._changed: set[int] = set()
        self.counts = BuildCounts()

    def find_entry(self, room_id: int) -> RoomEntry | None:
        """Return a room's entry, from memory; None for a room that is not there, or was never asked for."""
        return self._entries.get(room_id)

    def current_entry(self, room_id: int) -> RoomEntry | None:
        """Return a room's entry, no older than this call; None for a room that is not there."""
        with self._lock:
            if room_id not in self._entries and not self._has_every_room:
                self._wanted.add(room_id)
        self.refresh_targets()
        entry = self._entries.get(room_id)
        if entry is None:
            with self._lock:
                self._wanted.discard(room_id)
        return entry

    def seconds_until_expiry(self) -> float | None:
        """Return in how many seconds an opening or a request ends by itself; None: nothing that is known does.

        While the clock is in doubt nothing does. Where it has just jumped: 0, for the table is to be built anew.
        """
        if self._jumps.has_jumped():
            return 0.0
        expiry = self._next_expiry
        if expiry is None:
            return None
        left = (expiry - self._now()).total_seconds()
        return max(left, self._jumps.seconds_until_steady()) if left <= 0 else left

    def refresh_targets(self) -> None:
        """Bring the table up to date. From any thread.

        Raises what SQLAlchemy raises, and then the table is as it was.
        """
        with self._lock:
            if self._jumps.follow():
                self._known = NOTHING_KNOWN  # what was open by the clock of before may be so no more, or again
            self._expire_due()
            self._refresh()

    def take_changed(self) -> frozenset[int]:
        """Return the rooms whose entry has become another since this was asked last: they are to be woken."""
        with self._lock:
            changed, self._changed = self._changed, set()
        return frozenset(changed)

    def _expire_due(self) -> None:
        if self._known.rooms < 0:
            with self._store.read_session() as session:
                self._next_expiry = _next_expiry(session)
        is_due = self._next_expiry is not None and self._next_expiry <= self._now()
        if is_due and not self._jumps.seconds_until_steady():
            with self._store.write_session() as session:
                unblocks.expire_unblocks(session, self._now())
                request_expiry.expire_requests(session, self._now())
                session.flush()
                self._next_expiry = _next_expiry(session)

    def _refresh(self) -> None:
        with self._store.read_session() as session:
            found = read_revisions(session)  # first: what is read below may be newer than this, but never older
            if self._is_restored(found):
                self._epoch_file.begin_epoch_if_restored(self._store, self._now())
                found = read_revisions(session)
            is_whole = found.school != self._known.school or found.epoch != self._known.epoch
            missing = self._wanted - self._entries.keys()
            if not is_whole and found.rooms == self._known.rooms and not missing:
                return
            school, index, accounts = self._school, self._index, self._accounts
            authority = self._authority
            if is_whole or school is None:
                school, index, accounts = self._read_school(session)
                authority = _read_authority(session)
            rows = self._changed_rooms(session, missing, is_whole=is_whole)
            policies_of = self._build_policies(session, school, rows)
            pages = page_certificates.read_pages(session)
            page_digests = {row.id: pages.digest_of(row) for row in rows}
            next_expiry = _next_expiry(session)
        versions = self._record_versions(rows, policies_of)
        self._epoch_file.remember(found.epoch, found.rooms)
        made = {
            row.id: RoomEntry(
                credential=credential_of(row) if row.state == ENROLLED else "",
                stopped_links=tuple(row.stopped_links),
                policy=policies_of[row.id],
                target=Target(
                    policy=versions[row.id],
                    index=index,
                    requests=row.requests_changed,
                    lookups=row.lookups_changed,
                    incidents=row.incidents_changed,
                    policy_digest=policies_of[row.id].digest,
                    epoch=found.epoch,
                    accounts=accounts,
                    authority=authority,
                    pages=page_digests[row.id],
                ),
            )
            for row in rows
        }
        self._replace_entries(made, is_whole=is_whole)
        self._school, self._index, self._accounts = school, index, accounts
        self._authority = authority
        self._next_expiry, self._known = next_expiry, found

    def _is_restored(self, found: Revisions) -> bool:
        return found.epoch == self._known.epoch and found.rooms < self._known.rooms

    def _read_school(self, session: Session) -> tuple[SchoolPolicy, str, str]:
        """Return what is the same for every room: the school's policy, the index, the digest of the accounts."""
        self.counts.school_policies += 1
        published = policies.latest_publication(session)
        accounts = account_states.digest_of_states(account_states.list_account_states(session))
        return policies.read_school_policy(session), published.hash if published else "", accounts

    def _changed_rooms(self, session: Session, missing: set[int], *, is_whole: bool) -> list[RoomRow]:
        """Return the rooms that changes since the last look concern, of those that the table is for."""
        ours = true() if self._has_every_room else RoomRow.id.in_(self._wanted)
        news = true() if is_whole else RoomRow.revision > self._known.rooms
        new = RoomRow.id.in_(missing) if missing else false()
        return list(session.scalars(select(RoomRow).where(or_(and_(ours, news), new))))

    def _build_policies(
        self, session: Session, school: SchoolPolicy, rows: Iterable[RoomRow]
    ) -> dict[int, RoomPolicy]:
        active = unblocks.list_active_unblocks(session, self._now())
        everywhere = [one for one in active if one.room_id is None]
        of_room: Mapping[int, list[UnblockRow]] = defaultdict(list)
        for one in active:
            if one.room_id is not None:
                of_room[one.room_id].append(one)
        made = {}
        for row in rows:
            own = of_room.get(row.id)
            here = everywhere if own is None else sorted((*everywhere, *own), key=lambda one: (one.until, one.id))
            made[row.id] = policies.build_room_policy(school, row.name, here, row.default_group)
        self.counts.room_policies += len(made)
        return made

    def _record_versions(self, rows: Iterable[RoomRow], made: Mapping[int, RoomPolicy]) -> dict[int, int]:
        """Raise the version of each room whose policy has another content now; return every room's version."""
        versions = {row.id: row.policy_version for row in rows}
        stale = [row.id for row in rows if row.policy_digest != made[row.id].digest]
        if not stale:
            return versions
        # That belongs to the room's row, but is news for nobody, so that no revision grows.
        with self._store.write_session(affects_rooms=False) as session:
            kept = session.execute(
                select(RoomRow.id, RoomRow.policy_version, RoomRow.policy_digest).where(RoomRow.id.in_(stale))
            ).all()
            changes = []
            for room_id, version, digest in kept:
                is_same = digest == made[room_id].digest  # another process of central was here before
                versions[room_id] = version if is_same else version + 1
                if not is_same:
                    changes.append({"of": room_id, "version": versions[room_id], "digest": made[room_id].digest})
            if changes:
                session.connection().execute(
                    update(RoomRow)
                    .where(RoomRow.id == bindparam("of"))
                    .values(policy_version=bindparam("version"), policy_digest=bindparam("digest")),
                    changes,
                )
        return versions

    def _replace_entries(self, made: dict[int, RoomEntry], *, is_whole: bool) -> None:
        before = self._entries
        self._entries = made if is_whole else before | made
        self._changed |= before.keys() - self._entries.keys()
        for room_id, entry in made.items():
            old = before.get(room_id)  # None: nobody has been told anything yet
            if old is not None and _news_of(old) != _news_of(entry):
                self._changed.add(room_id)


def _read_authority(session: Session) -> str:
    current = find_authority(session)
    return "" if current is None else current.id


def _next_expiry(session: Session) -> datetime | None:
    """Return when the next opening or waiting request ends by itself, which may have been already."""
    found = (unblocks.next_expiry(session), request_expiry.next_request_expiry(session))
    return min((one for one in found if one is not None), default=None)


def _news_of(entry: RoomEntry) -> tuple[object, ...]:
    """Return what of an entry somebody has to be told."""
    return entry.target, entry.credential, entry.stopped_links
