"""Two with one identity at central: who comes in, who waits, who is stopped, and what a person decides."""

import contextlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from appliance.central import audit, room_copies
from appliance.central.errors import Busy, NotPossible
from appliance.central.room_copies import Arrival
from appliance.central.room_presence import RoomPresence
from appliance.protocol import Target
from tests.fakes.school import FakeSchool

Stream = Generator[Target | None, None, None]


class Room:
    """What a room has, and what a copy of its card has: the links, and a process and a board of its own."""

    def __init__(self, presence: RoomPresence, school: FakeSchool, process: str, board: str = "") -> None:
        self._presence, self._school = presence, school
        self.process, self.board = process, board
        self.taken, self.offered, self._count = "", "", 0

    def arrival(self) -> Arrival:
        return Arrival(self.taken, self.offered, self.process, self.board)

    def copied(self, process: str, board: str = "") -> "Room":
        copy = Room(self._presence, self._school, process, board)
        copy.taken, copy.offered = self.taken, self.offered
        return copy

    def started_again(self, process: str) -> "Room":
        return self.copied(process, self.board)

    def comes(self, *, answer_is_lost: bool = False) -> bool:
        self._count += 1
        self.offered = self.offered or f"{self.process}.{self._count}"
        room = self._school.room()
        if room_copies.is_stopped(room, self.arrival()):
            return False
        came = self._presence.admit(room, self.arrival())
        if came and not answer_is_lost:
            self.taken, self.offered = self.offered, ""
        return came

    @contextmanager
    def staying(self) -> Iterator[Stream]:
        """Come in, and hold the feed open."""
        self.offered = self.offered or f"{self.process}.stays"
        arrival = self.arrival()
        assert self.comes()
        feed = self._school.central.feed
        with contextlib.closing(feed.watch_targets(self._school.room().id, None, arrival)) as stream:
            next(stream)
            yield stream


@pytest.fixture
def presence(school: FakeSchool) -> RoomPresence:
    school.enrol()
    return RoomPresence(school.store, school.central.feed, school.clock, overlap_seconds=0.0)


@pytest.fixture
def room(school: FakeSchool, presence: RoomPresence) -> Room:
    return Room(presence, school, "p1", "board-1")


def noted(school: FakeSchool) -> list[str]:
    with school.store.read_session() as session:
        return [one.what for one in audit.list_audit_entries(session) if one.who == "central"]


def decide(school: FakeSchool, how: Any) -> None:
    with school.store.write_session() as session:
        how(session, school.clock(), room_id=school.room().id, by="cora")


def ended(stream: Stream) -> bool:
    return [line for line in stream if line is not None] == []


def test_a_room_comes_again_and_again_and_nothing_is_noted(school: FakeSchool, room: Room) -> None:
    for process in ("p1", "p2", "p3"):
        room = room.started_again(process)
        assert room.comes()
        assert room.comes(), "the same process, whose line broke"
    assert noted(school) == []


def test_an_answer_that_was_lost_is_no_copy(school: FakeSchool, room: Room) -> None:
    assert room.comes(answer_is_lost=True)
    assert room.started_again("p2").comes(answer_is_lost=True)
    assert room.started_again("p3").comes()
    assert noted(school) == []


def test_a_card_in_another_board_is_noted_and_not_stopped(school: FakeSchool, room: Room) -> None:
    room.comes()
    moved = room.copied("p2", "board-2")
    assert moved.comes()
    assert moved.started_again("p3").comes()
    assert noted(school) == ["card in another board"]
    assert school.room().board == "board-2"


def test_data_that_were_put_back_are_noted_once_and_go_on(school: FakeSchool, room: Room) -> None:
    room.comes()
    backup = room.copied("p9", "board-1")
    for process in ("p2", "p3"):
        room = room.started_again(process)
        room.comes()
    assert backup.comes()
    assert backup.started_again("p10").comes()
    assert noted(school) == ["room put back"]


def test_a_copy_in_another_board_waits_and_is_stopped_while_the_first_is_there(
    school: FakeSchool, room: Room
) -> None:
    room.comes()
    copy = room.copied("p2", "board-2")
    patient = RoomPresence(school.store, school.central.feed, school.clock)
    with room.staying():
        with pytest.raises(Busy):
            patient.admit(school.room(), Arrival(copy.taken, "first.try", "p2", "board-2"))
        assert not copy.comes()
        assert not copy.started_again("p3").comes(), "also after a start"
        assert school.room().copy_seen_at is not None
    assert not copy.comes(), "also when the first one is gone: a person decides"
    assert room.started_again("p4").comes()
    assert noted(school) == ["two cards of one room"]


def test_a_copy_that_nothing_tells_from_a_new_start_is_stopped_once_both_stay(
    school: FakeSchool, presence: RoomPresence, room: Room
) -> None:
    room.comes()
    copy = room.copied("p2", "board-1")
    with room.staying() as first:
        copy.taken = room.taken
        with copy.staying() as second:
            presence.stop_copies()
            school.central.targets.refresh_targets()
            assert ended(second), "the newer one"
            assert not copy.comes()
            assert not copy.started_again("p5").comes()
        presence.stop_copies()
        assert school.central.feed.arrivals(school.room().id)[0].process == "p1"
        first.close()
    assert room.started_again("p6").comes()
    assert noted(school) == ["two cards of one room"]


def test_a_person_decides_that_the_one_which_works_is_right(school: FakeSchool, room: Room) -> None:
    room.comes()
    copy = room.copied("p2", "board-2")
    with room.staying():
        assert not copy.comes()
        decide(school, room_copies.keep_running)
        assert not copy.comes(), "it stays stopped"
        assert school.room().copy_seen_at is None
        with pytest.raises(NotPossible, match="nothing is to be decided"):
            decide(school, room_copies.keep_running)


def test_a_person_decides_that_the_stopped_one_is_right(school: FakeSchool, room: Room) -> None:
    room.comes()
    copy = room.copied("p2", "board-2")
    with room.staying() as stream:
        assert not copy.comes()
        decide(school, room_copies.admit_stopped)
        school.central.targets.refresh_targets()
        assert ended(stream)
    assert copy.comes()
    assert not room.comes()
    assert not room.started_again("p7").comes()


def test_a_new_card_ends_both(school: FakeSchool, room: Room) -> None:
    room.comes()
    copy = room.copied("p2", "board-2")
    with room.staying() as stream:
        assert not copy.comes()
        school.enrol()
        school.central.targets.refresh_targets()
        assert ended(stream)
    assert school.room().copy_seen_at is None
    assert school.room().stopped_links == []
    assert Room(room._presence, school, "p8").comes()


def test_a_room_of_before_comes_as_it_did(school: FakeSchool, presence: RoomPresence) -> None:
    assert presence.admit(school.room(), Arrival())
    assert school.room().link == ""
    assert not room_copies.is_off_chain(school.room(), Arrival())


def test_a_token_alone_is_nobody_while_its_room_is_there_and_somebody_is_told(
    school: FakeSchool, presence: RoomPresence, room: Room
) -> None:
    room.comes()
    with room.staying():
        for thief in (Arrival(), Arrival("guessed", "next", "p9")):
            assert room_copies.is_off_chain(school.room(), thief), "it calls nothing"
        for _ in range(2):
            with pytest.raises(Busy):
                presence.admit(school.room(), Arrival())
        assert school.room().copy_seen_at is not None
        assert not room_copies.is_off_chain(school.room(), room.arrival())
    assert noted(school) == ["two cards of one room"]


def test_an_older_hallpass_is_let_in_where_no_other_is_there(
    school: FakeSchool, presence: RoomPresence, room: Room
) -> None:
    room.comes()
    assert presence.admit(school.room(), Arrival())
    assert not room_copies.is_off_chain(school.room(), Arrival())
    assert noted(school) == ["room without links"]
    assert room.started_again("p2").comes(), "and the newer one again"


def test_between_two_openings_of_its_feed_a_room_is_no_stranger(school: FakeSchool, room: Room) -> None:
    room.comes()
    room.offered = "next"
    assert not room_copies.is_off_chain(school.room(), room.arrival()), "offered, and not there yet"
    room.comes(answer_is_lost=True)
    assert not room_copies.is_off_chain(school.room(), room.arrival()), "taken, and not heard yet"
