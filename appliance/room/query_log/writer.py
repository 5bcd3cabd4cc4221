"""Everything that is written down, in one place and by one thread: the database, the spool beside it, the key.

A batch is stored when `write` returns: in the spool or in the database. Few records go to the spool; they are
taken into the database at once while the log was quiet (`PROMPT_FOLDS` times), then every `fold_seconds`, so
that a day's trickle does not wear the card. Many go straight to the database, which then writes full pages
anyway.

A file that is no database, or one that the key does not open, is set aside under its date, a new one is begun,
and the loss is written down in it. The spool is cleared only after a commit that is on the disk.
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.errors import HallpassError
from appliance.protocol import Incident
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control, log_key, retention
from appliance.room.query_log.clock_guard import ClockGuard, since_boot
from appliance.room.query_log.database import Connection, DatabaseError, check, is_damage, open_for_writing
from appliance.room.query_log.journal import Spool
from appliance.room.query_log.log_key import KeyNotThere, LogKeySource
from appliance.room.query_log.pseudonyms import Tokens
from appliance.room.query_log.redaction import keeper
from appliance.room.query_log.store import LogStore, as_text
from appliance.settings.room import LogSection, RoomSettings
from dns.querylog.records import RecordBatch

MANY_RECORDS = 256
SPOOL_BYTES = 512 * 1024
PROMPT_FOLDS = 200
PRUNE_HOUR = 3  # by this machine's clock
DAY_SECONDS = 86_400.0
MEASURE_SECONDS = 60.0  # how often the size is looked at

WRITING_FAILED = (DatabaseError, OSError, KeyNotThere)

log = logging.getLogger("hallpass.recorder")


class Ledger:
    """The query log, whole. Methods raise one of `WRITING_FAILED`; what they were given is then not stored."""

    def __init__(
        self,
        path: Path,
        spool: Path,
        settings: LogSection,
        tokens: Tokens,
        keys: LogKeySource,
        *,
        clock_trusted: Callable[[], bool] = lambda: True,
        running: Callable[[], float] = since_boot,
    ) -> None:
        self._path = path
        self._spool_path = spool
        self._settings = settings
        self._tokens = tokens
        self._keys = keys
        self._clock_trusted = clock_trusted
        self._clock = ClockGuard(running)
        self._keep = keeper(settings.detail, tokens)
        self._connection: Connection = None
        self._store: LogStore | None = None
        self._spool: Spool | None = None
        self._spooled: list[RecordBatch] = []
        self._pace = _Pace(settings.fold_seconds)
        self._pruned = self._measured = 0.0

    def write(self, batches: Sequence[RecordBatch], now: float, *, durable: bool = False) -> None:
        """Store batches; `durable`: on the disk itself before this returns."""
        self._open(now)
        kept = [self._keep(batch) for batch in batches]
        many = sum(len(batch.records) for batch in kept) >= MANY_RECORDS
        if self._spool is None or many or self._spool.size > SPOOL_BYTES or self._pace.may(now):
            self._fold(kept, now)
        else:
            self._spool.append(kept, durable=durable)
            self._spooled += kept

    def fold(self, now: float) -> None:
        """Take into the database what is in the spool."""
        self._open(now)
        if self._spooled:
            self._fold([], now)

    def tend(self, now: float) -> None:
        """Do what is due by time: fold, prune."""
        self._open(now)
        self._clock.look(self._connection, now, trusted=self._clock_trusted())
        if self._spooled and self._pace.may(now):
            self._fold([], now)
        if self._is_time_to_prune(now):
            self._pruned = now
            if retention.by_age(self._connection, self._settings, now).rows and self._store is not None:
                self._store.forget()
        if abs(now - self._measured) >= MEASURE_SECONDS:
            self._measured = now
            gone = retention.by_size(self._connection, self._settings.megabytes * 1_000_000, now)
            if gone.rows and self._store is not None:
                log.warning("the query log is full: %d of its oldest rows were deleted", gone.rows)
                self._store.forget()

    def _is_time_to_prune(self, now: float) -> bool:
        """At the start, then at night where the room runs on; never by a clock that may be wrong or has jumped."""
        if not self._clock.is_steady:
            return False
        since = abs(now - self._pruned)
        at_night = time.localtime(now).tm_hour == PRUNE_HOUR
        return since >= (DAY_SECONDS / 2 if at_night else DAY_SECONDS)

    def answer(self, question: control.Question, now: float) -> control.Answer:
        """Do what somebody asked of the log's one writer."""
        if isinstance(question, control.Purge | control.LookUp) and not (
            question.who.strip() and question.reason.strip()
        ):
            return control.Answer(error="a name and a reason are needed: both are written down")
        self.fold(now)
        if isinstance(question, control.Purge):
            gone = retention.purge(self._connection, question, now)
            self._open(now).forget()
            return control.Answer(rows=gone.rows, answers=gone.answers)
        if isinstance(question, control.LookUp):
            return control.Answer(address=self._look_up(question, now))
        return control.Answer()

    def _look_up(self, question: control.LookUp, now: float) -> str:
        token = question.token
        row = self._connection.execute("SELECT sealed FROM identities WHERE token = ?", (token,)).fetchone()
        address = (self._tokens.opened(token, row[0]) if row else None) or ""
        self._connection.execute(
            "INSERT INTO lookups (time, who, token, reason, found) VALUES (?, ?, ?, ?, ?)",
            (as_text(now), question.who, token, question.reason, bool(address)),
        )
        return address

    def keep_incidents(self, incidents: Sequence[Incident], now: float) -> None:
        """Keep incidents until the agent has them."""
        store = self._open(now)
        for incident in incidents:
            store.keep_incident(incident)

    def incidents_to_hand_over(self, now: float) -> list[Incident]:
        """Return the incidents that the agent has not got yet."""
        return self._open(now).incidents_to_hand_over()

    def handed_over(self, incident_id: str, now: float) -> None:
        """Note that the agent has an incident."""
        self._open(now).handed_over(incident_id)

    def let_go(self) -> None:
        """Close everything without another write: after a failure, so that the next attempt begins anew."""
        with contextlib.suppress(*WRITING_FAILED):
            if self._connection is not None:
                self._connection.close()
        with contextlib.suppress(OSError):
            if self._spool is not None:
                self._spool.close()
        self._connection = self._store = self._spool = None
        self._spooled = []

    def close(self, now: float) -> None:
        """Fold, and close."""
        try:
            if self._store is not None:
                self.fold(now)
                self._clock.save(self._connection)
                self._store.close()
                self._connection = None
        finally:
            self.let_go()

    def _fold(self, more: list[RecordBatch], now: float) -> None:
        store = self._open(now)
        try:
            store.write([*self._spooled, *more], now)
        except DatabaseError as problem:
            if not is_damage(problem):
                raise
            self._set_aside(problem, now).write(more, now)  # the spool was taken in on the way
        if self._spool is not None and self._spool.size:
            self._spool.clear()
        self._spooled = []
        self._keep_identities(now)

    def _keep_identities(self, now: float) -> None:
        met = self._tokens.met
        if self._store is not None and met and self._settings.detail != "counts":
            sealed = {token: self._tokens.sealed(token, address) for token, address in list(met.items())}
            self._store.keep_identities(sealed, now)
            for token in sealed:
                met.pop(token, None)

    def _open(self, now: float) -> LogStore:
        if self._store is not None:
            return self._store
        try:
            return self._begin(now)
        except DatabaseError as problem:
            if not is_damage(problem):
                raise
            return self._set_aside(problem, now)

    def _begin(self, now: float) -> LogStore:
        key = self._keys.key()
        connection = open_for_writing(self._path, key)
        try:
            check(connection)
            store = LogStore(connection)
            self._clock.load(connection, now)
            spool = Spool(self._spool_path, key)
        except BaseException:
            connection.close()
            raise
        self._connection, self._store, self._spool = connection, store, spool
        if spool.size:
            found = spool.batches()
            store.write(found, now)
            if not found:
                log.error("what was received last cannot be read: it is torn, or of another key")
                self._prove("what was received last", "it was torn, or of another key", now)
            spool.clear()
        return store

    def _set_aside(self, problem: Exception, now: float) -> LogStore:
        self.let_go()
        aside = self._path.with_name(f"{self._path.stem}.set-aside-{as_text(now).replace(':', '')}.db")
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._path}{ending}", f"{aside}{ending}")  # noqa: PTH105 (a name with an ending)
        log.error(
            "%s cannot be used (%s): it was set aside as %s, and a new one begun", self._path, problem, aside
        )
        store = self._begin(now)
        self._prove(f"the log before this one, set aside as {aside.name}", str(problem), now)
        return store

    def _prove(self, what: str, reason: str, now: float) -> None:
        self._connection.execute(
            "INSERT INTO deletions (time, what, who, reason, rows, answers) VALUES (?, ?, 'recorder', ?, 0, 0)",
            (as_text(now), what, reason),
        )


def in_place(settings: RoomSettings, question: control.Question) -> control.Answer:
    """Do what was asked while no recorder runs. Raises HallpassError."""
    paths = RoomPaths.of(settings)
    now = time.time()
    ledger = Ledger(
        paths.log, paths.log_spool, settings.log, Tokens.of_room(paths.data), log_key.of_room(settings.log, paths)
    )
    try:
        answer = ledger.answer(question, now)
        ledger.close(now)
    except (DatabaseError, OSError) as problem:
        raise HallpassError(f"{paths.log}: {problem}") from problem
    finally:
        ledger.let_go()
    if answer.error:
        raise HallpassError(answer.error)
    return answer


class _Pace:
    """How often a few records may be taken into the database: at once after a quiet time, then now and then."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._credit = float(PROMPT_FOLDS)
        self._at: float | None = None

    def may(self, now: float) -> bool:
        """Tell whether now is a time to do it, and count it."""
        if self._at is not None:
            self._credit = min(self._credit + max(now - self._at, 0.0) / self._seconds, PROMPT_FOLDS)
        self._at = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True
