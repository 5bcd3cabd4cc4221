"""Everything that is written down, in one place and by one thread: the database, the journal beside it, the key.

A batch is stored when `write_batches` returns: in the journal or in the database. Few records go to the journal;
they are taken into the database at once while the log was quiet (`FlushPace`), then every
`fold_seconds`, so that a day's trickle does not wear the card, or when they have become many: all of them wait in
memory, too. Many at once go straight to the database, which then writes full pages anyway.

A file that is no database, or one that the key does not open, is set aside under its date, a new one is begun,
and the loss is written down in it. The journal is cleared only after a commit that is on the disk.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.clock_jumps import seconds_since_boot
from appliance.control_characters import is_blank
from appliance.protocol import Incident
from appliance.room import database_file
from appliance.room.query_log import control, retention
from appliance.room.query_log.clock_guard import ClockGuard
from appliance.room.query_log.database import (
    Connection,
    DatabaseDamaged,
    DatabaseError,
    check_database,
    is_damage,
    open_database_for_writing,
)
from appliance.room.query_log.encryption import encrypt_plain_log
from appliance.room.query_log.flush_pace import FlushPace
from appliance.room.query_log.journal import Journal
from appliance.room.query_log.log_files import LogFiles
from appliance.room.query_log.log_key import LogKeySource, LogKeyUnavailable
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.redaction import make_redactor
from appliance.room.query_log.store import LogStore, format_time
from appliance.room.sqlite_migrations import DatabaseTooNew
from appliance.settings.room import LogSection
from dns.querylog.records import RecordBatch

MANY_RECORDS = 256
MAX_JOURNAL_BYTES = 512 * 1024
MAX_JOURNALED_RECORDS = 4096  # two megabytes, and as much again while they are taken in
PRUNE_HOUR = 3  # by this machine's clock
DAY_SECONDS = 86_400.0
MEASURE_SECONDS = 60.0  # how often the size is looked at

WRITE_ERRORS = (DatabaseError, OSError, LogKeyUnavailable, DatabaseTooNew)

log = logging.getLogger("hallpass.recorder")


class QueryLogWriter:
    """The query log, whole. Methods raise one of `WRITE_ERRORS`; what they were given is then not stored."""

    def __init__(
        self,
        path: Path,
        journal_path: Path,
        settings: LogSection,
        pseudonyms: Pseudonyms,
        key_source: LogKeySource,
        *,
        clock_trusted: Callable[[], bool] = lambda: True,
        uptime: Callable[[], float] = seconds_since_boot,
    ) -> None:
        self._files = LogFiles(path, journal_path)
        self._settings = settings
        self._pseudonyms = pseudonyms
        self._key_source = key_source
        self._clock_trusted = clock_trusted
        self._clock = ClockGuard(uptime)
        self._redact_batch = make_redactor(settings.detail, pseudonyms)
        self._connection: Connection = None
        self._store: LogStore | None = None
        self._journal: Journal | None = None
        self._journaled: list[RecordBatch] = []
        self._journaled_records = 0
        self._pace = FlushPace(settings.fold_seconds)
        self._pruned_at = self._measured_at = 0.0
        self.deleted_when_full = 0  # rows, since the start

    def write_batches(self, batches: Sequence[RecordBatch], now: float, *, durable: bool = False) -> None:
        """Store batches; `durable`: on the disk itself before this returns."""
        self._ensure_open(now)
        kept = [self._redact_batch(batch) for batch in batches]
        records = sum(len(batch.records) for batch in kept)
        if self._journal is None or self._is_too_much(records) or self._pace.may_flush(now):
            self._write_to_database(kept, now)
        else:
            self._journal.append_batches(kept, durable=durable)
            self._journaled += kept
            self._journaled_records += records

    def _is_too_much(self, records: int) -> bool:
        """Tell whether so many more records are too many for the journal."""
        is_full = self._journal is not None and self._journal.size > MAX_JOURNAL_BYTES
        return is_full or records >= MANY_RECORDS or self._journaled_records + records > MAX_JOURNALED_RECORDS

    def flush_journal(self, now: float) -> None:
        """Take into the database what is in the journal."""
        self._ensure_open(now)
        if self._journaled:
            self._write_to_database([], now)

    def run_maintenance(self, now: float) -> None:
        """Do what is due by time: fold, prune."""
        self._restore_removed(now)
        self._replace_overwritten(now)
        self._ensure_open(now)
        self._clock.check_clock(self._connection, now, trusted=self._clock_trusted())
        if self._journaled and self._pace.may_flush(now):
            self._write_to_database([], now)
        if self._is_time_to_prune(now):
            self._pruned_at = now
            if retention.delete_by_age(self._connection, self._settings, now).rows and self._store is not None:
                self._store.clear_caches()
        if abs(now - self._measured_at) >= MEASURE_SECONDS:
            self._measured_at = now
            deleted = retention.delete_by_size(self._connection, self._settings.megabytes * 1_000_000, now)
            if deleted.rows and self._store is not None:
                self.deleted_when_full += deleted.rows
                log.warning("the query log is full: %d of its oldest rows were deleted", deleted.rows)
                self._store.clear_caches()

    def _is_time_to_prune(self, now: float) -> bool:
        """At the start, then at night where the room runs on; never by a clock that may be wrong or has jumped."""
        if not self._clock.is_steady:
            return False
        since = abs(now - self._pruned_at)
        at_night = time.localtime(now).tm_hour == PRUNE_HOUR
        return since >= (DAY_SECONDS / 2 if at_night else DAY_SECONDS)

    def handle_control_request(self, request: control.ControlRequest, now: float) -> control.ControlResponse:
        """Do what somebody asked of the log's one writer."""
        reasoned = control.PurgeRequest | control.LookupRequest | control.ExtractRequest
        if isinstance(request, reasoned) and (is_blank(request.who) or is_blank(request.reason)):
            return control.ControlResponse(error="a name and a reason are needed: both are written down")
        self.flush_journal(now)
        if isinstance(request, control.PurgeRequest):
            deleted = retention.purge_rows(self._connection, request, now)
            self._ensure_open(now).clear_caches()
            return control.ControlResponse(rows=deleted.rows, answers=deleted.answers)
        if isinstance(request, control.LookupRequest):
            return control.ControlResponse(address=self._lookup_address(request, now))
        if isinstance(request, control.ExtractRequest):
            self._write_lookup(request, now, found=False)
        return control.ControlResponse()

    def _lookup_address(self, request: control.LookupRequest, now: float) -> str:
        pseudonym = request.token
        row = self._connection.execute("SELECT sealed FROM identities WHERE token = ?", (pseudonym,)).fetchone()
        address = (self._pseudonyms.unseal_address(pseudonym, row[0]) if row else None) or ""
        self._write_lookup(request, now, found=bool(address))
        return address

    def _write_lookup(
        self, request: control.LookupRequest | control.ExtractRequest, now: float, *, found: bool
    ) -> None:
        self._connection.execute(
            "INSERT INTO lookups (time, who, token, reason, found) VALUES (?, ?, ?, ?, ?)",
            (format_time(now), request.who, request.token, request.reason, found),
        )

    def write_incidents(self, incidents: Sequence[Incident], now: float) -> None:
        """Keep incidents until the agent has them."""
        store = self._ensure_open(now)
        for incident in incidents:
            store.insert_incident(incident)

    def read_unsent_incidents(self, now: float) -> list[Incident]:
        """Return the incidents that the agent has not got yet."""
        return self._ensure_open(now).read_unsent_incidents()

    def mark_incident_sent(self, incident_id: str, now: float) -> None:
        """Note that the agent has an incident."""
        self._ensure_open(now).mark_incident_sent(incident_id)

    def close_without_writing(self) -> None:
        """Close everything without another write: after a failure, so that the next attempt begins anew."""
        with contextlib.suppress(*WRITE_ERRORS):
            if self._connection is not None:
                self._connection.close()
        with contextlib.suppress(OSError):
            if self._journal is not None:
                self._journal.close()
        self._connection = self._store = self._journal = None
        self._journaled, self._journaled_records = [], 0

    def close(self, now: float) -> None:
        """Fold, and close."""
        try:
            if self._store is not None:
                self.flush_journal(now)
                self._clock.save(self._connection)
                self._store.close()
                self._connection = None
        finally:
            self.close_without_writing()

    def _write_to_database(self, more: list[RecordBatch], now: float) -> None:
        store = self._ensure_open(now)
        try:
            store.insert_batches([*self._journaled, *more], now)
        except DatabaseError as problem:
            if not is_damage(problem):
                raise
            self._replace_damaged(problem, now).insert_batches(more, now)  # the journal was taken in on the way
        if self._journal is not None and self._journal.size:
            self._journal.clear()
        self._journaled, self._journaled_records = [], 0
        self._write_identities(now)

    def _write_identities(self, now: float) -> None:
        met = self._pseudonyms.new_addresses
        if self._store is not None and met and self._settings.detail != "counts":
            sealed = {token: self._pseudonyms.seal_address(token, address) for token, address in list(met.items())}
            self._store.insert_identities(sealed, now)
            for token in sealed:
                met.pop(token, None)

    def _ensure_open(self, now: float) -> LogStore:
        if self._store is not None:
            return self._store
        try:
            return self._open_store(now)
        except DatabaseError as problem:
            if not is_damage(problem):
                raise
            return self._replace_damaged(problem, now)

    def _open_store(self, now: float) -> LogStore:
        key = self._key_source.load_key()
        self._files.prepare(now)
        if key is not None:
            encrypt_plain_log(self._files.database, self._files.journal, key, now)
        connection = open_database_for_writing(self._files.database, key)
        try:
            check_database(connection)
            store = LogStore(connection)
            self._clock.load(connection, now)
            journal = Journal(self._files.journal, key)
        except BaseException:
            connection.close()
            raise
        self._connection, self._store, self._journal = connection, store, journal
        self._files.remember()
        if journal.size:
            found = journal.read_batches()
            store.insert_batches(found, now)
            if journal.is_torn:
                what = "the end of what was received last" if found else "what was received last"
                log.error("%s cannot be read: it is torn, or of another key", what)
                self._record_loss(what, "it was torn, or of another key", now)
            journal.clear()
        return store

    def _replace_damaged(self, problem: Exception, now: float) -> LogStore:
        self.close_without_writing()
        aside = database_file.set_aside(self._files.database, problem, now)
        store = self._open_store(now)
        if aside is not None:
            self._record_loss(f"the log before this one, set aside as {aside.name}", str(problem), now)
        return store

    def _restore_removed(self, now: float) -> None:
        """Put back what somebody took away while it is open: everything that was written is still there."""
        if self._store is None:
            return
        removed = self._files.find_removed()
        if not removed:
            return
        self._write_to_database([], now)  # the journal's own file holds nothing then
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept = self._files.database not in removed or self._files.put_database_back(now)
        self.close_without_writing()
        log.error("%s: taken away while the room ran%s", removed[0], ", and put back" if kept else "")
        self._ensure_open(now)
        if not kept:
            self._record_loss("the log before this one", "it was taken away", now)

    def _replace_overwritten(self, now: float) -> None:
        """Begin a new database where this one's file was overwritten: SQLite goes on from what it remembers."""
        if self._store is None:
            return
        if done := self._files.find_overwriting():
            self._replace_damaged(DatabaseDamaged(f"it was {done} while the room ran"), now)

    def _record_loss(self, what: str, reason: str, now: float) -> None:
        self._connection.execute(
            "INSERT INTO deletions (time, what, who, reason, rows, answers) VALUES (?, ?, 'recorder', ?, 0, 0)",
            (format_time(now), what, reason),
        )
