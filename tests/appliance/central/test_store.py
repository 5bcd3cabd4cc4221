import contextlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from appliance.central import store
from appliance.central.errors import CentralError
from appliance.central.models import Base, RoomRow, SchoolRow
from appliance.central.schema_migration import MIGRATIONS, newest_migration
from appliance.central.store import Store
from tests.fakes.programs import TOGETHER, run_together
from tests.fakes.school import FakeSchool, settings


def test_the_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    school = FakeSchool(tmp_path)
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'central.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
    school.close()


def test_the_newest_migration_is_known_by_its_file() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [newest_migration()]


def test_where_all_is_as_it_should_be_only_what_is_needed_is_loaded(tmp_path: Path) -> None:
    """Alembic, psycopg, cryptography, httpx (with rich) are thirty megabytes, in each process of central."""
    FakeSchool(tmp_path).close()
    prepare = (
        "import sys; from pathlib import Path; import webui.api.app, webui.central.app; "
        "from appliance.central.service import Central; from tests.fakes.school import settings; "
        "central = Central(settings(Path(sys.argv[1]))); central.prepare_database(); central.store.close(); "
        "print(*{'alembic', 'psycopg', 'cryptography', 'httpx', 'httpcore', 'rich'}.intersection(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", prepare, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("\n", "")


def test_preparing_twice_changes_nothing(tmp_path: Path) -> None:
    first = FakeSchool(tmp_path)
    first.enrol()
    first.central.prepare_database()
    assert first.room().name == "Room 4"
    first.close()


def test_processes_that_start_together_bring_one_database_to_todays_tables(tmp_path: Path) -> None:
    prepare = (
        "import sys; from pathlib import Path; from appliance.central.store import Store; "
        "from tests.fakes.school import settings; "
        "store = Store.from_settings(settings(Path(sys.argv[1]))); "
        "print('ready', flush=True); input(); store.migrate()"
    )
    assert run_together(prepare, str(tmp_path)) == [("", 0)] * TOGETHER


def test_sqlite_keeps_foreign_keys_and_a_write_ahead_log(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"


def test_of_connections_that_a_crowd_opened_one_alone_is_used_afterwards(school: FakeSchool) -> None:
    with contextlib.ExitStack() as crowd:
        for _ in range(3):
            crowd.enter_context(school.store.read_session()).execute(text("SELECT 1"))
    used = set()
    for _ in range(3):
        with school.store.read_session() as session:
            used.add(session.connection().connection.dbapi_connection)
    assert len(used) == 1


def test_what_is_committed_is_on_the_disk(school: FakeSchool) -> None:
    """A room deletes its own copy as soon as central has answered: on every connection, then, FULL (2)."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(school.store.read_session()) for _ in range(8)]
        assert [one.scalar(text("PRAGMA synchronous")) for one in sessions] == [2] * 8


def test_a_change_that_concerns_rooms_makes_the_pulse_beat(school: FakeSchool) -> None:
    before = school.store.revision()
    with school.store.write_session():
        pass
    assert school.store.revision() == before + 1
    with school.store.write_session(affects_rooms=False):
        pass
    assert school.store.revision() == before + 1


def test_a_block_that_raises_leaves_no_trace(school: FakeSchool) -> None:
    before = school.store.revision()

    def enrol_and_fail() -> None:
        with school.store.write_session() as session:
            session.add(
                RoomRow(name="Attic", name_key="attic", token_hash="x", log_key="y", enrolled_at=school.clock())
            )
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enrol_and_fail()
    with school.store.read_session() as session:
        assert session.scalar(select(RoomRow)) is None
    assert school.store.revision() == before


def test_writers_come_one_after_the_other_and_see_what_the_last_one_wrote(school: FakeSchool) -> None:
    school.enrol()

    def count() -> None:
        for _ in range(20):
            with school.store.write_session() as session:
                session.scalars(select(RoomRow)).one().requests_changed += 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert school.room().requests_changed == 80


def is_waiting_for_a_lock() -> bool:
    """Tell whether a thread of this process waits for a lock of the kernel's (proc(5), /proc/locks)."""
    locks = Path("/proc/locks").read_text().splitlines()
    return any("-> FLOCK" in line and f" {os.getpid()} " in line for line in locks)


def test_a_process_that_writes_without_end_keeps_no_other_from_writing(tmp_path: Path) -> None:
    """Counted in what the other writes from when it is known that somebody waits, not in seconds."""
    FakeSchool(tmp_path).close()
    hog = (
        "import sys; from pathlib import Path; from sqlalchemy import update; "
        "from appliance.central.models import SchoolRow; from appliance.central.store import Store; "
        "from tests.fakes.school import settings\n"
        "store, count = Store.from_settings(settings(Path(sys.argv[1]))), 0\n"
        "while True:\n"
        "    with store.write_session(affects_rooms=False) as session:\n"
        "        session.execute(update(SchoolRow).values(name=str(count := count + 1)))\n"
    )
    mine = Store.from_settings(settings(tmp_path))

    def written() -> int:
        with mine.read_session() as session:
            name = session.scalars(select(SchoolRow.name)).one()
            return int(name) if name.isdigit() else 0

    def read_in_turn() -> int:
        with mine.write_session(affects_rooms=False) as session:
            return int(session.scalars(select(SchoolRow.name)).one())

    waited_for: list[int] = []
    with subprocess.Popen([sys.executable, "-c", hog, str(tmp_path)]) as process, ThreadPoolExecutor(1) as writer:
        try:
            while not written():
                assert process.poll() is None
            while len(waited_for) < 20:
                turn = writer.submit(read_in_turn)
                while not turn.done():
                    if is_waiting_for_a_lock():
                        before = written()
                        waited_for.append(turn.result() - before)
        finally:
            process.kill()
    mine.close()
    assert max(waited_for) <= 2, waited_for


def test_a_thread_that_waits_too_long_to_write_is_told_so(
    school: FakeSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)

    def write() -> None:
        with school.store.write_session():
            pass

    with (
        ThreadPoolExecutor(1) as other,
        school.store.write_session(),
        pytest.raises(sqlalchemy.exc.TimeoutError, match="writing for too long"),
    ):
        other.submit(write).result(20)
    write()


def test_a_time_without_its_zone_is_refused(school: FakeSchool) -> None:
    naive = RoomRow(
        name="Attic",
        name_key="attic",
        token_hash="x",
        log_key="y",
        enrolled_at=school.clock().replace(tzinfo=None),
    )
    with (
        pytest.raises(sqlalchemy.exc.StatementError, match="without its zone"),
        school.store.write_session() as session,
    ):
        session.add(naive)


def test_a_database_that_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "central.db").mkdir()
    opened = Store.from_settings(settings(tmp_path))
    with pytest.raises(CentralError, match="the database cannot be used"):
        opened.migrate()
    opened.close()
