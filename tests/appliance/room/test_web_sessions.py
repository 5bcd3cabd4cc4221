"""The pages' own table of sessions in a room: without agent or central, and whatever becomes of its file."""

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.errors import HallpassError
from appliance.protocol import Account, AccountState
from appliance.room.account_states import AccountStates, read_account_states, write_account_states
from appliance.room.web_sessions import RoomSessions
from appliance.sessions import MAX_SESSIONS_OF_ACCOUNT, SessionsUnavailable, hash_session_id
from tests.fakes.school import MORNING, SchoolClock

TESS = Account(username="tess", name="Tess Teacher", role="teacher", valid_after=MORNING)
STATE = AccountState(username="tess", valid_after=MORNING, role="teacher")
LATER = MORNING + timedelta(minutes=5)


class Table:
    """A table in a folder, and what the agent says beside it."""

    def __init__(self, folder: Path) -> None:
        self.clock = SchoolClock()
        self.path = folder / "web" / "sessions.db"
        self.states = folder / "accounts.json"
        self.sessions = self.opened()

    def opened(self) -> RoomSessions:
        return RoomSessions(self.path, self.states, self.clock)

    def central_says(self, *states: AccountState) -> None:
        write_account_states(self.states, states, "digest", {"tess"})

    def is_in(self, session_id: str) -> bool:
        return self.sessions.find_session(session_id) is not None


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_a_session_holds_in_another_process_and_after_a_restart(table: Table) -> None:
    session_id = table.sessions.start_session(TESS, "Firefox on Linux")
    found = table.opened().find_session(session_id)
    assert found is not None
    assert (found.account, found.device) == (TESS, "Firefox on Linux")
    assert table.sessions.find_session("another") is None


def test_the_file_is_its_owners_alone_whatever_the_umask_and_holds_no_id(table: Table) -> None:
    before = os.umask(0)
    try:
        session_id = table.sessions.start_session(TESS, "x")
    finally:
        os.umask(before)
    files = list(table.path.parent.iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(table.path.parent.stat().st_mode) == 0o700
    content = b"".join(path.read_bytes() for path in files)
    assert session_id.encode() not in content
    assert hash_session_id(session_id).encode() in content


@pytest.mark.parametrize(
    "said",
    [
        msgspec.structs.replace(STATE, valid_after=LATER),
        msgspec.structs.replace(STATE, ends=MORNING),
        msgspec.structs.replace(STATE, role="governor"),
    ],
    ids=["a new password", "an ended account", "no teacher any more"],
)
def test_what_central_ends_is_over_as_soon_as_the_agent_has_written_it(table: Table, said: AccountState) -> None:
    session_id = table.sessions.start_session(TESS, "x")
    table.central_says(STATE)
    assert table.is_in(session_id)
    table.central_says(said)
    assert not table.is_in(session_id)
    table.states.unlink()
    assert not table.is_in(session_id), "what has ended stays ended"


def test_an_account_that_ends_later_ends_at_its_time(table: Table) -> None:
    session_id = table.sessions.start_session(TESS, "x")
    table.central_says(msgspec.structs.replace(STATE, ends=LATER))
    assert table.is_in(session_id)
    table.clock.pass_minutes(6)
    assert not table.is_in(session_id)


def test_no_two_clocks_are_compared(table: Table) -> None:
    table.central_says(msgspec.structs.replace(STATE, valid_after=LATER))
    table.clock.pass_minutes(-60)  # this room's clock is behind central's
    new = table.sessions.start_session(msgspec.structs.replace(TESS, valid_after=LATER), "x")
    assert table.is_in(new)


def test_a_session_has_a_teachers_rights_and_is_for_teachers_only(table: Table) -> None:
    coordinator = msgspec.structs.replace(TESS, role="coordinator")
    found = table.sessions.find_session(table.sessions.start_session(coordinator, "x"))
    assert found is not None
    assert found.account.role == "teacher"
    with pytest.raises(HallpassError, match="sign in at central"):
        table.sessions.start_session(msgspec.structs.replace(TESS, role="technician"), "x")


def test_sessions_end_after_ten_hours_or_two_idle_ones_and_their_rows_go(table: Table) -> None:
    busy = table.sessions.start_session(TESS, "busy")
    idle = table.sessions.start_session(TESS, "idle")
    for _ in range(9):
        table.clock.pass_minutes(60)
        found = table.sessions.find_session(busy)
        assert found is not None
        table.sessions.touch_session(busy, found)
    assert not table.is_in(idle)
    table.clock.pass_minutes(60)
    assert not table.is_in(busy)
    table.clock.pass_minutes(3 * 24 * 60)
    table.sessions.start_session(TESS, "new")
    with sqlite3.connect(table.path) as look:
        assert look.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
    look.close()


def test_a_clock_that_was_far_ahead_leaves_no_session_without_end(table: Table) -> None:
    table.clock.pass_minutes(365 * 24 * 60)
    session_id = table.sessions.start_session(TESS, "x")
    table.clock.pass_minutes(-365 * 24 * 60)
    assert not table.is_in(session_id)


def test_who_signs_in_again_and_again_fills_no_disk(table: Table) -> None:
    first = table.sessions.start_session(TESS, "first")
    for _ in range(MAX_SESSIONS_OF_ACCOUNT):
        table.clock.pass_minutes(0.1)
        table.sessions.start_session(TESS, "x")
    assert not table.is_in(first)
    assert len(table.sessions.list_sessions("tess")) == MAX_SESSIONS_OF_ACCOUNT


def overwrite(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def tear(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:1000] + os.urandom(len(content) - 1000))


def tear_within_its_tables_names(path: Path) -> None:
    """Make SQLite's account of the damage repeat octets that are no UTF-8."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET name = CAST(x'cfcffffe' AS TEXT), sql = 'CREATE TABLE'")
    connection.close()


def drop_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE sessions")
    connection.close()


def put_a_folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


def forge(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE sessions SET account = 'nonsense'")
    connection.close()


@pytest.mark.parametrize(
    "damage", [overwrite, tear, tear_within_its_tables_names, drop_table, put_a_folder_there, forge]
)
@pytest.mark.parametrize("is_running", [False, True])
def test_nobody_gets_in_by_a_damaged_file_and_people_sign_in_again(
    table: Table, damage: Callable[[Path], None], is_running: bool
) -> None:
    session_id = table.sessions.start_session(TESS, "x")
    table.sessions.close()
    damage(table.path)
    if is_running:
        table.sessions = table.opened()
    for _ in range(2):
        try:
            assert not table.is_in(session_id)
        except SessionsUnavailable:
            continue
    again = table.sessions.start_session(TESS, "x")
    assert table.is_in(again)
    assert not table.is_in(session_id)
    if damage is not put_a_folder_there:
        (aside,) = table.path.parent.glob("sessions.set-aside-*.db")
        assert "2026-11-24T090000Z" in aside.name


def test_files_that_were_set_aside_do_not_fill_the_disk(table: Table) -> None:
    for _ in range(6):
        table.path.parent.mkdir(exist_ok=True)
        overwrite(table.path)
        table.sessions = table.opened()
        table.clock.pass_minutes(1)
        assert table.sessions.find_session("x") is None
        table.sessions.close()
    assert len(list(table.path.parent.glob("sessions.set-aside-*.db"))) == 3


def test_trouble_that_passes_is_no_damage(table: Table) -> None:
    session_id = table.sessions.start_session(TESS, "x")
    table.sessions.close()
    table.path.rename(table.path.with_suffix(".away"))
    table.path.parent.chmod(0o500)
    if os.geteuid() == 0:  # root writes anywhere: then it is a file where the folder should be
        table.path.parent.chmod(0o700)
        table.path.parent.rename(table.path.parent.with_name("elsewhere"))
        table.path.parent.write_text("")
        with pytest.raises(SessionsUnavailable):
            table.sessions.find_session(session_id)
        table.path.parent.unlink()
        table.path.parent.with_name("elsewhere").rename(table.path.parent)
    else:
        with pytest.raises(SessionsUnavailable):
            table.sessions.find_session(session_id)
        table.path.parent.chmod(0o700)
    table.path.with_suffix(".away").rename(table.path)
    assert table.is_in(session_id)


def test_many_threads_may_sign_in_and_out_at_once(table: Table) -> None:
    errors: list[Exception] = []

    def live() -> None:
        try:
            for _ in range(5):
                session_id = table.sessions.start_session(TESS, "x")
                assert table.is_in(session_id)
                table.sessions.end_session(session_id)
                assert not table.is_in(session_id)
        except Exception as problem:  # noqa: BLE001 (told below)
            errors.append(problem)

    threads = [threading.Thread(target=live) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []


def test_a_known_device_is_known_for_its_account_until_it_was_away_for_long(table: Table) -> None:
    table.sessions.remember_device("tess", "a" * 64, MORNING - timedelta(days=180))
    assert table.opened().is_known_device("a" * 64)
    assert not table.sessions.is_known_device("b" * 64)
    table.clock.pass_minutes(181 * 24 * 60)
    table.sessions.remember_device("sam", "c" * 64, table.clock() - timedelta(days=180))
    assert not table.sessions.is_known_device("a" * 64)


def test_only_who_signed_in_here_stands_in_the_file_on_the_card(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    others = [AccountState(username=f"t{number}", valid_after=MORNING, role="teacher") for number in range(9)]
    write_account_states(path, [STATE, *others], "one", {"tess"})
    assert read_account_states(path) == AccountStates("one", (STATE,))
    write_account_states(path, [STATE, *others], "two", {"t1"})
    assert {one.username for one in read_account_states(path).accounts} == {"tess", "t1"}
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    path.write_bytes(b"{")
    assert read_account_states(path) == AccountStates(), "so that it is fetched again"


def test_a_session_says_from_where_it_began_and_those_of_before_the_update_go_on(table: Table) -> None:
    session_id = table.sessions.start_session(TESS, "Firefox on Linux", "192.0.2.7")
    found = table.sessions.find_session(session_id)
    assert found is not None
    assert found.address == "192.0.2.7"
    table.sessions.close()
    with contextlib.closing(sqlite3.connect(table.path)) as connection:  # as the version before left it
        connection.execute("ALTER TABLE sessions DROP COLUMN address")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    again = table.opened().find_session(session_id)
    assert again is not None
    assert again.address == ""
