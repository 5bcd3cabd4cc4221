"""A check of the whole audit beside the pages: one at a time, its result kept, whatever becomes of its process."""

import os
import threading
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from appliance.central import audit
from appliance.central.audit_check import (
    CHECKED,
    LOCK_FILE,
    STATE_FILE,
    AuditChecker,
    AuditCheckJob,
    CheckState,
    RunningCheck,
    read_job,
    run_check,
    take_check_lock,
)
from appliance.central.audit_verification import prove_audit
from appliance.central.audit_witnesses import list_all_kept_heads, receive_heads
from appliance.central.errors import NotPossible
from appliance.protocol import KeptHead, KeptHeads
from tests.fakes.school import FakeSchool, settings


@pytest.fixture
def written(school: FakeSchool) -> FakeSchool:
    """An audit of some entries, the third of which Room 4 was told of."""
    for number in range(5):
        write(school, f"entry {number}")
        if number == 2:
            with school.store.write_session() as session:
                head = audit.read_head(session)
            school.enrol("Room 4")
            keep(school, KeptHead(number=head.number, hash=head.hash, at=school.clock()))
    return school


def write(school: FakeSchool, detail: str) -> None:
    with school.store.write_session(affects_rooms=False) as session:
        audit.record_audit(session, school.clock(), "cora", "rule: block", detail)


def keep(school: FakeSchool, head: KeptHead) -> None:
    with school.store.write_session() as session:
        receive_heads(session, school.clock(), school.room(), KeptHeads(heads=(head,)))


def folder(school: FakeSchool) -> Path:
    return school.central.settings.central.data


def check(school: FakeSchool) -> CheckState:
    """Check as the process does, and return what the page then shows."""
    run_check(AuditCheckJob(database="", data=folder(school), shared=folder(school), by="cora"), school.clock)
    return school.central.audit_checker.read_state()


def newest_entry(school: FakeSchool) -> tuple[str, str, str]:
    with school.store.read_session() as session:
        (newest,) = audit.list_audit_entries(session, 1)
    return newest.who, newest.what, newest.detail


def alter(school: FakeSchool, statement: str) -> None:
    with school.store.write_session(affects_rooms=False) as session:
        session.execute(text(statement))


def test_what_was_found_is_kept_and_stands_in_the_audit(written: FakeSchool) -> None:
    assert written.central.audit_checker.read_state() == CheckState()
    last = check(written).last
    assert last is not None
    assert (last.by, last.ended_at, last.proof.is_whole) == ("cora", written.clock(), True)
    assert [(one.room, one.compared, one.finding) for one in last.proof.rooms] == [("Room 4", 1, None)]
    entries = last.proof.verification.entries
    said = f"{entries} entries, as 1 room was told of them; nothing was altered, removed or inserted"
    assert newest_entry(written) == ("cora", CHECKED, said)
    again = check(written).last
    assert again is not None
    assert again.proof.verification.entries == entries + 1  # with the entry of the first check


def test_a_changed_entry_is_named_and_stays_named_until_the_next_check(written: FakeSchool) -> None:
    alter(written, "UPDATE audit SET detail = 'nothing' WHERE detail = 'entry 1'")
    last = check(written).last
    assert last is not None
    finding = last.proof.verification.finding
    assert finding is not None
    assert (finding.kind, finding.number, last.proof.is_whole) == ("altered", 2, False)
    assert "entry 2 was altered: " in newest_entry(written)[2]


def test_an_audit_that_was_written_anew_whole_is_found_by_what_a_room_was_told(written: FakeSchool) -> None:
    with written.store.read_session() as session:
        (head,) = list_all_kept_heads(session)["Room 4"]
    alter(written, "DELETE FROM audit")
    alter(written, "UPDATE audit_head SET number = 0, hash = ''")
    for number in range(6):
        write(written, f"another entry {number}")
    last = check(written).last
    assert last is not None
    assert last.proof.verification.finding is None
    (said,) = last.proof.contradictions
    assert (said.room, said.finding and said.finding.kind, last.proof.is_whole) == ("Room 4", "altered", False)
    assert (
        f"by what Room 4 was told, entry 1 was altered: an entry from this one up to {head.number}"
        in (newest_entry(written)[2])
    )


def test_entries_that_are_written_meanwhile_are_no_finding(written: FakeSchool) -> None:
    """The moment that is checked is one: progress is said while the last entries are still to be read."""
    with written.store.write_session(affects_rooms=False) as session:
        for number in range(5000):
            audit.record_audit(session, written.clock(), "cora", "rule: block", f"entry {number}")
    said: list[tuple[int, int]] = []

    def write_one(done: int, total: int) -> None:
        said.append((done, total))
        write(written, "meanwhile")

    proof = prove_audit(written.store, {}, write_one)
    assert said == [(5000, proof.verification.head.number)]
    assert proof.is_whole


def test_only_one_check_runs_and_its_end_is_seen(written: FakeSchool) -> None:
    checker = written.central.audit_checker
    lock = take_check_lock(folder(written))
    assert lock is not None
    assert not checker.start("bela")
    os.close(lock)
    assert checker.start("cora")
    assert checker._process is not None
    assert checker._process.wait(60) == 0
    state = AuditChecker(settings(folder(written)), written.clock).read_state()  # by whichever process
    assert state.running is None
    assert state.last is not None
    assert (state.last.by, state.last.proof.is_whole) == ("cora", True)
    assert newest_entry(written)[1] == CHECKED


def test_a_check_that_was_ended_is_shown_as_ended_and_keeps_the_last_result(written: FakeSchool) -> None:
    last = check(written).last
    checker = written.central.audit_checker
    assert checker.start("bela")
    running = checker.read_state()
    assert running.last == last
    checker.stop()
    assert checker._process is not None
    checker._process.wait(60)
    state = checker.read_state()
    if not state.was_interrupted:  # it was done before it was told
        assert state.last is not None
        assert state.last.by == "bela"
        return
    assert (state.running, state.last) == (None, last)


def test_who_asks_whether_a_check_runs_is_taken_for_none(written: FakeSchool) -> None:
    running = RunningCheck(by="bela", began_at=written.clock())
    (folder(written) / STATE_FILE).write_bytes(msgspec.json.encode(CheckState(running=running)))
    asking = take_check_lock(folder(written), is_probe=True)  # another process, for a moment
    assert asking is not None
    assert written.central.audit_checker.read_state().was_interrupted
    threading.Timer(0.05, os.close, (asking,)).start()
    assert written.central.audit_checker.start("cora")
    assert written.central.audit_checker._process is not None
    assert written.central.audit_checker._process.wait(60) == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 5000, b'{"running": 3}'])
def test_a_damaged_file_is_as_none(written: FakeSchool, content: bytes) -> None:
    (folder(written) / STATE_FILE).write_bytes(content)
    assert written.central.audit_checker.read_state() == CheckState()
    assert check(written).last is not None


def test_a_database_that_cannot_be_read_is_said(written: FakeSchool) -> None:
    last = check(written).last
    alter(written, "DROP TABLE audit_witnesses")
    state = check(written)
    assert (state.last, state.problem) == (last, "no such table: audit_witnesses")


def test_a_folder_in_which_nothing_can_be_written_is_said(written: FakeSchool) -> None:
    (folder(written) / LOCK_FILE).mkdir()
    with pytest.raises(NotPossible, match="the check cannot begin: Is a directory"):
        written.central.audit_checker.start("cora")


def test_the_job_comes_to_the_process_as_it_was(tmp_path: Path) -> None:
    job = AuditCheckJob(
        database="postgresql://a:b@192.0.2.1/c", data=tmp_path, shared=tmp_path / "shared", by="cora"
    )
    assert read_job(msgspec.json.encode(job, enc_hook=str)) == job
