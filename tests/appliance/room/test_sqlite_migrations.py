"""A database is always at one of its numbered states, whoever migrates it; one that is newer is left alone."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.room.agent import schema as agent_schema
from appliance.room.agent.store import AgentStore
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.schema import migrate_query_log
from appliance.room.sqlite_migrations import DatabaseTooNew, Migration, apply_migrations
from tests.fakes.programs import TOGETHER, run_together

OPEN_AGENT_STORE = """
import sys
from pathlib import Path
from appliance.room.agent.store import AgentStore
print("ready", flush=True)
sys.stdin.readline()
AgentStore(Path(sys.argv[1])).close()
"""

DIE_IN_THE_SECOND_MIGRATION = """
import os, signal, sqlite3, sys
from appliance.room.sqlite_migrations import apply_migrations

def second(db):
    db.execute("CREATE TABLE two (id INTEGER)")
    db.execute("DROP TABLE one")
    os.kill(os.getpid(), signal.SIGKILL)

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
apply_migrations(connection, (lambda db: db.execute("CREATE TABLE one (id INTEGER)"), second))
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "some.db", isolation_level=None)) as connection:
        yield connection


def table(name: str) -> Migration:
    def migrate(db: Database) -> None:
        db.execute(f"CREATE TABLE {name} (id INTEGER)")

    return migrate


def tables(connection: sqlite3.Connection) -> list[str]:
    return sorted(Database(connection).table_names())


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_each_migration_is_applied_once_in_its_order(connection: sqlite3.Connection) -> None:
    apply_migrations(connection, (table("one"),))
    apply_migrations(connection, (table("one"), table("two"), table("three")))
    apply_migrations(connection, (table("one"), table("two"), table("three")))
    assert (tables(connection), version(connection)) == (["one", "three", "two"], 3)


def test_a_migration_that_fails_leaves_those_before_it_and_is_tried_again(connection: sqlite3.Connection) -> None:
    def broken(db: Database) -> None:
        table("two")(db)
        db.execute("DROP TABLE one")
        raise ValueError("something in it")

    with pytest.raises(ValueError, match="something in it"):
        apply_migrations(connection, (table("one"), broken))
    assert (tables(connection), version(connection)) == (["one"], 1)
    apply_migrations(connection, (table("one"), table("two")))
    assert (tables(connection), version(connection)) == (["one", "two"], 2)


def test_a_process_that_dies_within_a_migration_leaves_the_state_before_it(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    process = subprocess.run(
        [sys.executable, "-c", DIE_IN_THE_SECOND_MIGRATION, str(path)], check=False, timeout=60
    )
    assert process.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as connection:
        assert (tables(connection), version(connection)) == (["one"], 1)


def test_processes_that_start_together_migrate_once_and_all_of_them_go_on(tmp_path: Path) -> None:
    for attempt in range(3):
        path = tmp_path / f"state-{attempt}.db"
        ended = run_together(OPEN_AGENT_STORE, str(path))
        assert [status for _, status in ended] == [0] * TOGETHER, ended
        with closing(sqlite3.connect(path)) as connection:
            assert version(connection) == len(agent_schema.MIGRATIONS)


def test_a_database_of_a_newer_version_is_refused_in_words_and_left_alone(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    apply_migrations(connection, (table("one"), table("two")))
    before = (tmp_path / "some.db").read_bytes()
    with pytest.raises(DatabaseTooNew, match=r"version 2, and this Hallpass knows them up to 1 only: a newer one"):
        apply_migrations(connection, (table("one"),))
    assert (tmp_path / "some.db").read_bytes() == before
    connection.execute("BEGIN IMMEDIATE")  # no transaction was left open


def test_an_agent_says_which_of_its_files_a_newer_version_wrote(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    AgentStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DatabaseTooNew, match=r"state\.db: its tables are of version 99"):
        AgentStore(path)


@pytest.mark.parametrize("key", [None, bytes(32)])
def test_the_query_log_has_the_same_record_with_and_without_a_key(tmp_path: Path, key: bytes | None) -> None:
    with closing(open_database_for_writing(tmp_path / "log.db", key)) as connection:
        migrate_query_log(connection)
        connection.execute("PRAGMA user_version = 99")
        with pytest.raises(DatabaseTooNew):
            migrate_query_log(connection)
