"""What was ended stays closed whatever becomes of the files; where nothing has changed, nothing is read."""

import asyncio
import threading
from pathlib import Path

import pytest

from appliance.room import guarded_file, local_overrides
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.reconciler import READ_SECONDS, Reconciler
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_in_turn
from appliance.room.local_overrides import EndedUnblock
from appliance.room.paths import RoomPaths

ENDED = EndedUnblock(request=f"{1:032x}", site="games.example.org", until=None)


class Room:
    """A room that has ended an opening, and its reconciler, which has just read everything."""

    def __init__(self, folder: Path) -> None:
        self.paths = RoomPaths(data=folder, sockets=folder / "run")
        self.store = AgentStore(self.paths.agent_store)
        self.store.adopt_ended_unblock(ENDED)
        self.time = 100.0
        self.reconciler = Reconciler(
            self.paths, self.store, EndedUnblocks(self.paths, self.store), None, steady=lambda: self.time
        )
        while self.reconciler.is_due():  # it reads once more after what it wrote itself
            self.reconciler.reconcile()

    def closed_sites(self) -> list[str]:
        overrides = local_overrides.read_kept_overrides(self.paths.local_overrides, self.time)
        return [one.site for one in overrides.closings]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_where_nothing_has_changed_nothing_is_read_for_a_while(room: Room) -> None:
    assert room.closed_sites() == [ENDED.site]
    room.time += READ_SECONDS / 2
    assert not room.reconciler.is_due()
    room.time += READ_SECONDS / 2
    assert room.reconciler.is_due()


@pytest.mark.parametrize("which", ["the file", "its copy"])
def test_a_file_that_is_gone_is_written_anew_at_the_next_look(room: Room, which: str) -> None:
    own = room.paths.local_overrides
    lost = own if which == "the file" else guarded_file.copy_path(own)
    lost.unlink()
    assert room.reconciler.is_due()
    room.reconciler.reconcile()
    assert lost.exists()
    assert room.closed_sites() == [ENDED.site]


def test_what_the_store_learns_is_read_at_the_next_look(room: Room) -> None:
    room.store.adopt_ended_unblock(EndedUnblock(request=f"{2:032x}", site="chat.example.org", until=None))
    assert room.reconciler.is_due()
    room.reconciler.reconcile()
    assert room.closed_sites() == [ENDED.site, "chat.example.org"]


def test_what_could_not_be_brought_together_is_tried_at_each_look(room: Room) -> None:
    room.store.close()
    for _ in range(2):
        room.reconciler.reconcile()
        assert room.reconciler.is_due()


def test_looks_that_come_due_together_share_one_thread() -> None:
    async def look() -> set[int]:
        return set(await asyncio.gather(*(run_in_turn(threading.get_ident) for _ in range(8))))

    assert len(asyncio.run(look())) == 1
