"""Checks the whole audit for a page: in a process of its own, one check at a time; what came of it is kept.

A million entries take half a minute, which would be half a minute of everybody's pages. The process
(`appliance.central.audit_check_process`) writes down how far it is and what it found, in a file beside the
database, and the result into the audit. That a check runs is a lock of the kernel's (flock(2)), which the process
inherits: it ends with the process, however that dies, and what it had not finished is shown as not finished.

Every check reads everything. What was found whole before may have been changed since, and who can do that can also
change what is remembered of the check before
([ADR 0035](../../docs/adr/0035-the-audit-is-proved-whole-beside-the-pages.md)).
"""

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from appliance.central import audit, audit_witnesses
from appliance.central.audit_verification import AuditProof, Finding, prove_audit
from appliance.central.errors import NotPossible, database_words
from appliance.central.store import Store
from appliance.files import read_regular_file, write_file_atomically
from appliance.settings.central import CentralSettings
from dns.errors import DECODING_FAILED

STATE_FILE, LOCK_FILE = "audit-check.json", "audit-check.lock"
CHECKED = "audit checked"  # what its entry in the audit says
_CHILD = (sys.executable, "-m", "appliance.central.audit_check_process")
_TRIES, _TRY_SECONDS = 10, 0.02
_PAGES_SECONDS = 3.0  # how often pages are told how far it is

log = logging.getLogger("hallpass.central")


class AuditCheckJob(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told."""

    database: str  # "": the one in `data`
    data: Path
    shared: Path  # where the state stands
    by: str


class RunningCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A check that has not ended."""

    by: str
    began_at: datetime
    done: int = 0
    total: int = 0  # 0: not known yet


class FinishedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A check that has ended, and what it found."""

    by: str
    ended_at: datetime
    proof: AuditProof


class CheckState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of checks: the one that runs, and the last that came to its end."""

    running: RunningCheck | None = None
    last: FinishedCheck | None = None
    problem: str = ""  # why the check after the last one came to nothing
    was_interrupted: bool = False  # whether it was ended from outside


_decoder = msgspec.json.Decoder(CheckState)


class AuditChecker:
    """Begins checks, and knows what became of them."""

    def __init__(self, settings: CentralSettings, now: Callable[[], datetime]) -> None:
        self._database = settings.central.database
        self._data = settings.central.data
        self._shared = settings.central.shared_folder
        self._now = now
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, by: str) -> bool:
        """Begin a check; tell whether: not while another one runs. Raises NotPossible."""
        job = AuditCheckJob(database=self._database, data=self._data, shared=self._shared, by=by)
        try:
            lock = _wait_for_lock(self._shared)
            if lock is None:
                return False
            try:
                before = _read_file(self._shared)
                running = RunningCheck(by=by, began_at=self._now())
                _write_file(self._shared, CheckState(running=running, last=before.last))
                self._process = _start_process(job, lock)
            finally:
                os.close(lock)  # the process has its own
        except OSError as problem:
            raise NotPossible(f"the check cannot begin: {problem.strerror}") from None
        threading.Thread(target=self._process.wait, name="audit check", daemon=True).start()
        return True

    def read_state(self) -> CheckState:
        """Return what is known."""
        state = _read_file(self._shared)
        if state.running is None or self._is_running():
            return state
        state = _read_file(self._shared)  # it may have come to its end between the two
        if state.running is None:
            return state
        return CheckState(last=state.last, was_interrupted=True)

    def stop(self) -> None:
        """End the check that runs, if this central began it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _is_running(self) -> bool:
        with contextlib.suppress(OSError):
            lock = take_check_lock(self._shared, is_probe=True)
            if lock is not None:
                os.close(lock)
                return False
        return True


def run_check(job: AuditCheckJob, now: Callable[[], datetime]) -> None:
    """Check everything, and write down what was found; for the process, which holds the lock."""
    store = Store.open_database(job.database, job.data)
    before = _read_file(job.shared)
    running = before.running or RunningCheck(by=job.by, began_at=now())
    said_at = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal said_at
        far = msgspec.structs.replace(running, done=done, total=total)
        with contextlib.suppress(OSError):  # a disk that is full: it goes on
            _write_file(job.shared, CheckState(running=far, last=before.last))
        if time.monotonic() - said_at >= _PAGES_SECONDS:
            said_at = time.monotonic()
            _tell_pages(store)

    try:
        with store.read_session() as session:
            kept = audit_witnesses.list_all_kept_heads(session)
        proof = prove_audit(store, kept, progress)
        finished = FinishedCheck(by=job.by, ended_at=now(), proof=proof)
        _write_file(job.shared, CheckState(last=finished))
        with store.write_session() as session:
            audit.record_audit(session, finished.ended_at, job.by, CHECKED, describe_proof(proof))
    except (OSError, SQLAlchemyError) as problem:
        log.warning("the audit could not be checked: %s", problem)
        with contextlib.suppress(OSError):
            _write_file(job.shared, CheckState(last=before.last, problem=database_words(problem)))
        _tell_pages(store)
    finally:
        store.close()


def describe_proof(proof: AuditProof) -> str:
    """Return what a check has found in one line, for the audit itself."""
    found = proof.verification
    words = [f"{found.entries} entries"]
    if rooms := len(proof.rooms):
        words[0] += f", as {rooms} {'room was' if rooms == 1 else 'rooms were'} told of them"
    if found.finding is not None:
        words.append(_describe_finding(found.finding))
    words += [
        f"by what {one.room} was told, {_describe_finding(one.finding)}"
        for one in proof.contradictions
        if one.finding is not None
    ]
    if proof.is_whole:
        words.append("nothing was altered, removed or inserted")
    forks = {fork.first for one in proof.rooms for fork in one.forks}
    words += [f"put back from a backup at entry {first}" for first in sorted(forks)]
    return "; ".join(words)


def _describe_finding(finding: Finding) -> str:
    return f"entry {finding.number} was {finding.kind}: {finding.words}"


def _start_process(job: AuditCheckJob, lock: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        _CHILD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=(lock,)
    )  # an address of a database may have a password in it: it is no argument
    if process.stdin is not None:
        with process.stdin as written, contextlib.suppress(BrokenPipeError):
            written.write(msgspec.json.encode(job, enc_hook=str))
    return process


def read_job(content: bytes) -> AuditCheckJob:
    """Return the job that the process was told."""
    return msgspec.json.decode(content, type=AuditCheckJob, dec_hook=lambda kind, value: kind(value))


def _wait_for_lock(folder: Path) -> int | None:
    """Take the lock, or return None where a check holds it (who asks does for a moment). Raises OSError."""
    for _ in range(_TRIES):
        if (lock := take_check_lock(folder)) is not None:
            return lock
        time.sleep(_TRY_SECONDS)
    return None


def take_check_lock(folder: Path, *, is_probe: bool = False) -> int | None:
    """Return the open file of the lock, or None where a check holds it. Raises OSError.

    `is_probe`: for who asks whether one does: any number may ask at the same moment, and none looks like a check.
    """
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if is_probe else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle


def _read_file(folder: Path) -> CheckState:
    try:
        return _decoder.decode(read_regular_file(folder / STATE_FILE))
    except (OSError, *DECODING_FAILED):
        return CheckState()


def _write_file(folder: Path, state: CheckState) -> None:
    write_file_atomically(folder / STATE_FILE, msgspec.json.encode(state), mode=0o600)


def _tell_pages(store: Store) -> None:
    with contextlib.suppress(SQLAlchemyError), store.write_session():
        pass
