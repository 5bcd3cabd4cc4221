"""Who commits wakes the other processes: real sockets, files, processes and PostgreSQL."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance.central import change_channel, postgres_listener, rules
from appliance.central.change_channel import ChangeListener
from tests.fakes.postgres import running_postgres
from tests.fakes.school import FakeSchool

LONG = 20.0  # seconds: longer than any net


def commit(school: FakeSchool, name: str = "bad.example.org") -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name=name, action="block", by="cora")


def listening(school: FakeSchool) -> ChangeListener:
    """Return a listener that has heard all that was there before."""
    listener = school.store.listen_for_changes()
    while listener.wait_for_change(0.05):
        continue
    return listener


def sockets(school: FakeSchool) -> list[Path]:
    return list(school.central.settings.central.data.glob("poke-*"))


def commit_in_another_process(folder: Path, database: str = "") -> None:
    made = (
        "import sys; from pathlib import Path; from tests.fakes.school import FakeSchool;"
        "from tests.appliance.central.test_change_channel import commit;"
        "school = FakeSchool(Path(sys.argv[1]), database=sys.argv[2], prepared=True);"
        "commit(school, 'other.example.org'); school.close()"
    )
    subprocess.run([sys.executable, "-c", made, str(folder), database], check=True, timeout=60)


class Waiter:
    """Waits in a thread, as a feed does, and says how long that took."""

    def __init__(self, listener: ChangeListener) -> None:
        self._listener = listener
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        self.heard = self._listener.wait_for_change(LONG)
        self.at = time.monotonic()

    def woken_at(self) -> float:
        self._thread.join(LONG + 5)
        assert self.heard
        return self.at


def test_a_commit_wakes_whoever_listens(school: FakeSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_channel, "TICK_SECONDS", LONG)  # the poke alone, without the net below it
    listeners = [listening(school) for _ in range(2)]
    waiters = [Waiter(one) for one in listeners]
    commit(school)
    committed = time.monotonic()
    for one in waiters:
        assert one.woken_at() < committed + LONG / 2
    for listener in listeners:
        listener.close()
    assert sockets(school) == []


def test_a_commit_of_another_process_wakes(school: FakeSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_channel, "TICK_SECONDS", LONG)
    listener = listening(school)
    waiter = Waiter(listener)
    commit_in_another_process(school.central.settings.central.data)
    committed = time.monotonic()
    assert waiter.woken_at() < committed + LONG / 2
    listener.close()


def test_what_was_committed_without_a_poke_is_noticed_by_the_net(school: FakeSchool) -> None:
    listener = listening(school)
    (socket,) = sockets(school)
    socket.unlink()
    waiter = Waiter(listener)
    commit(school)
    committed = time.monotonic()
    assert waiter.woken_at() < committed + LONG / 2
    listener.close()


def test_nothing_wakes_where_nothing_is_committed(school: FakeSchool) -> None:
    listener = listening(school)
    with school.store.write_session(affects_rooms=False):
        pass
    with school.store.read_session() as session:
        session.execute(text("SELECT 1"))
    waited = time.monotonic()
    listener.wait_for_change(0.05)  # the write without news may be seen by the net, once
    assert not listener.wait_for_change(2.5)
    assert time.monotonic() > waited + 2
    listener.close()


def test_the_socket_of_a_process_that_died_is_swept_away(school: FakeSchool) -> None:
    listener = listening(school)
    (mine,) = sockets(school)
    dead = mine.with_name("poke-dead")
    bind = "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", bind, "poke-dead"], cwd=mine.parent, check=True, timeout=60)
    assert dead.exists()
    commit(school)
    assert sockets(school) == [mine]
    assert listener.wait_for_change(LONG)
    listener.close()


def test_a_folder_with_a_long_name_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_channel, "TICK_SECONDS", LONG)
    school = FakeSchool(tmp_path / ("x" * 200) / "central")
    listener = listening(school)
    waiter = Waiter(listener)
    commit(school)
    committed = time.monotonic()
    assert waiter.woken_at() < committed + LONG / 2
    listener.close()
    school.close()


def test_a_crowd_of_commits_never_blocks_who_commits(school: FakeSchool) -> None:
    listener = listening(school)  # which takes nothing
    for number in range(600):  # more than a socket's queue holds
        school.store.poke()
        assert number < 600
    assert listener.wait_for_change(LONG)
    assert not listener.wait_for_change(0.05), "and then it has taken them all"
    listener.close()


def test_who_waits_can_be_woken_for_another_reason(school: FakeSchool) -> None:
    listener = listening(school)
    waiter = Waiter(listener)
    listener.wake()
    waiter.woken_at()
    listener.close()
    listener.wake()  # closed: nobody is woken, and nothing raised


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        running_postgres(Path(folder)) as url,
    ):
        yield url


@pytest.fixture
def postgres_school(tmp_path: Path, postgres: str) -> Iterator[FakeSchool]:
    school = FakeSchool(tmp_path / "central", database=postgres)
    yield school
    with school.store.write_session() as session:
        for rule in rules.list_rules(session):
            session.delete(rule)
    school.close()


def test_postgresql_wakes_whoever_listens_with_the_commit(
    postgres_school: FakeSchool, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listener, "NET_SECONDS", LONG)
    school = postgres_school
    listener = school.store.listen_for_changes()
    assert listener.wait_for_change(LONG), "who knows what was committed before"
    assert not listener.wait_for_change(0.05)
    for another_process in (False, True):
        waiter = Waiter(listener)
        if another_process:
            commit_in_another_process(school.central.settings.central.data, postgres)
        else:
            commit(school)
        committed = time.monotonic()
        assert waiter.woken_at() < committed + LONG / 2
    listener.wake()
    assert listener.wait_for_change(LONG)
    listener.close()


def test_a_listener_at_postgresql_looks_now_and_then_whatever_was_said(
    postgres_school: FakeSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listener, "NET_SECONDS", 0.3)
    listener = postgres_school.store.listen_for_changes()
    listener.wait_for_change(LONG)
    began = time.monotonic()
    assert listener.wait_for_change(LONG)
    assert time.monotonic() < began + LONG / 2
    listener.close()


def test_a_lost_connection_is_made_anew(postgres_school: FakeSchool) -> None:
    school = postgres_school
    listener = school.store.listen_for_changes()
    listener.wait_for_change(LONG)
    with school.store.write_session(affects_rooms=False) as session:
        session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
    lost = False
    for _ in range(20):
        try:
            listener.wait_for_change(0.5)
        except ConnectionError:
            lost = True
            break
    assert lost
    assert listener.wait_for_change(LONG)
    waiter = Waiter(listener)
    commit(school)
    waiter.woken_at()
    listener.close()
