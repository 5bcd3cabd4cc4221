"""What a teacher asks or ends on a full disk is kept, and the agent begins on one too."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.room.agent.database_reserve import RESERVED_PAGES
from appliance.room.agent.store import AgentStore
from appliance.spare_file import spare_path
from tests.fakes.small_disk import fill, run_on_small_disk

SIZE = "size=6m"


def test_a_full_disk_takes_hundreds_of_messages_and_more_after_it_had_room_again(tmp_path: Path) -> None:
    def story() -> None:
        with closing(AgentStore(tmp_path / "state.db")) as store:
            store.check_file()
            expected: list[str] = []
            for _ in range(2):
                fill(tmp_path)
                for _ in range(150):
                    expected.append(f"{len(expected):032x}")
                    store.post_message("action", expected[-1], bytes(200))
                store.check_file()
                (tmp_path / "filler").unlink()
                store.check_file()
            assert [one.id for one in store.pending_messages()] == expected

    assert not run_on_small_disk(tmp_path, story, SIZE)


def test_a_full_disk_keeps_no_agent_from_beginning(tmp_path: Path) -> None:
    path = tmp_path / "state.db"

    def story() -> None:
        with closing(AgentStore(path)) as store:
            store.post_message("action", "a", b"{}")
            store.check_file()
        assert not Path(f"{path}-wal").exists()
        fill(tmp_path)
        with closing(AgentStore(path)) as store:
            store.check_file()
            fill(tmp_path)
            store.post_message("action", "b", b"{}")
            assert [one.id for one in store.pending_messages()] == ["a", "b"]
            assert not spare_path(path).exists()
            (tmp_path / "filler").unlink()
            store.check_file()
            assert spare_path(path).exists()

    assert not run_on_small_disk(tmp_path, story, SIZE)


def test_without_a_spare_the_reason_is_said_and_nothing_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "state.db"

    def story() -> None:
        AgentStore(path).close()
        fill(tmp_path)
        with pytest.raises(sqlite3.OperationalError):
            AgentStore(path)
        assert not list(tmp_path.glob("*set-aside*"))
        (tmp_path / "filler").unlink()
        AgentStore(path).close()

    assert not run_on_small_disk(tmp_path, story, SIZE)


def test_a_process_that_was_killed_meanwhile_leaves_nothing_and_pages_in_use_are_not_asked_for_again(
    tmp_path: Path,
) -> None:
    with closing(AgentStore(tmp_path / "state.db")) as store:
        store._connection.execute("CREATE TABLE spare (content BLOB)")
        store._connection.execute("INSERT INTO spare VALUES (zeroblob(4096))")
        for _ in range(3):
            store.check_file()
        tables = [name for (name,) in store._connection.execute("SELECT name FROM sqlite_master")]
        assert "spare" not in tables
        (free,) = store._connection.execute("PRAGMA freelist_count").fetchone()
        assert RESERVED_PAGES <= free < 2 * RESERVED_PAGES
