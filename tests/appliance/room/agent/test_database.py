"""state.db outlives what a card does to it: set aside where it is damaged, and nothing lost needlessly."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from appliance.room import database_file
from appliance.room.agent.policy_backup import PolicyBackup
from appliance.room.agent.store import AgentStore
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import KnownPolicy, read_known_policy, write_policy

NOW = 1_764_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[AgentStore]:
    with closing(AgentStore(path, lambda: NOW)) as one:
        yield one


def keep(store: AgentStore, *ids: str) -> None:
    for one in ids:
        store.post_message("report", one, b"{}")


def kept(store: AgentStore) -> list[str]:
    return [one.id for one in store.pending_messages()]


def random_bytes(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def remove(path: Path) -> None:
    path.unlink()


def put_a_folder_there(path: Path) -> None:
    path.unlink()
    (path / "below").mkdir(parents=True)


def put_a_pipe_there(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_a_dangling_link_there(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


DAMAGES = (random_bytes, cut, empty, remove, put_a_folder_there, put_a_pipe_there, put_a_dangling_link_there)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside_at_the_start_and_another_one_begun(
    path: Path, damage: Callable[[Path], None]
) -> None:
    with closing(AgentStore(path, lambda: NOW)) as before:
        keep(before, "a")
    damage(path)
    with closing(AgentStore(path, lambda: NOW)) as anew:
        keep(anew, "b")
        assert kept(anew) == ["b"]
    aside = database_file.recently_set_aside((path.parent,), NOW + 3600)
    assert [one for one in aside if one.endswith(".db")] == (
        [] if damage is remove else ["state.set-aside-2025-11-24T160000Z.db"]
    )
    assert database_file.recently_set_aside((path.parent,), NOW + 2 * 86400) == ()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_while_it_is_open_is_healed_and_what_can_be_read_is_kept(
    store: AgentStore, path: Path, damage: Callable[[Path], None]
) -> None:
    keep(store, "a", "b")
    damage(path)
    store.check_file()
    keep(store, "c")
    with closing(sqlite3.connect(path)) as reader:
        found = [row[0] for row in reader.execute("SELECT id FROM outbox ORDER BY number")]
    assert found == kept(store)
    assert found[-1:] == ["c"]
    if damage in (remove, put_a_folder_there, put_a_pipe_there, put_a_dangling_link_there):
        assert found == ["a", "b", "c"]


def test_a_file_that_nobody_touched_is_left_alone(store: AgentStore, path: Path) -> None:
    keep(store, "a")
    inode = path.stat().st_ino
    store.check_file()
    keep(store, "b")
    store.check_file()
    assert path.stat().st_ino == inode
    assert database_file.recently_set_aside((path.parent,), NOW) == ()


def test_a_file_that_somebody_made_read_only_is_taken_back(path: Path) -> None:
    with closing(AgentStore(path)) as before:
        keep(before, "a")
    path.chmod(0o400)
    with closing(AgentStore(path)) as again:
        keep(again, "b")
        assert kept(again) == ["a", "b"]


def test_a_request_of_which_a_bit_fell_over_is_passed_over(store: AgentStore) -> None:
    store._connection.execute("INSERT INTO requests (id, asked_at, state) VALUES ('r', '2026', x'7b22')")
    assert store.find_request("r") is None


def test_only_the_last_that_were_set_aside_stay(path: Path) -> None:
    for hour in range(5):
        random_bytes(path)
        AgentStore(path, lambda: NOW + 3600 * hour).close()  # noqa: B023 (called at once)
    assert len(list(path.parent.glob("state.set-aside-*.db"))) == database_file.MAX_SET_ASIDE


def test_a_policy_that_vanished_with_its_copy_is_put_back_from_here(store: AgentStore, tmp_path: Path) -> None:
    paths = RoomPaths(data=tmp_path, sockets=tmp_path / "run")
    backup = PolicyBackup(paths, store, "https://central.example")
    write_policy(paths, b'{"version": 7}', "d7")
    backup.reconcile()
    paths.policy.unlink()
    paths.policy_digest.unlink()
    backup.reconcile()
    assert read_known_policy(paths) == KnownPolicy(b'{"version": 7}', "d7")


def test_the_policy_of_another_central_is_not_put_back(store: AgentStore, tmp_path: Path) -> None:
    paths = RoomPaths(data=tmp_path, sockets=tmp_path / "run")
    write_policy(paths, b'{"version": 7}', "d7")
    PolicyBackup(paths, store, "https://central.example").reconcile()
    paths.policy.unlink()
    PolicyBackup(paths, store, "https://another.example").reconcile()
    assert not paths.policy.exists()
