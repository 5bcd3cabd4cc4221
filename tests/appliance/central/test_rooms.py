import pytest

from appliance.central import rooms
from appliance.central.errors import NotFound
from appliance.central.models import RoomRow
from appliance.protocol import RoomHealth
from tests.fakes.school import FakeSchool


def test_a_room_is_known_by_its_token_and_the_token_is_kept_nowhere(school: FakeSchool) -> None:
    token = school.enrol("Room 4")
    with school.store.read_session() as session:
        found = rooms.find_room_by_token(session, token)
        assert found is not None
        assert found.name == "Room 4"
        assert rooms.find_room_by_token(session, "another") is None
    files = school.central.settings.central.data.glob("central.db*")
    assert not any(token.encode() in file.read_bytes() for file in files)


def test_a_room_says_how_it_is(school: FakeSchool) -> None:
    school.enrol()
    health = RoomHealth(version="1", policy=3, index="f", index_age_seconds=5, conditions=("upstream-down",))
    with school.store.write_session() as session:
        rooms.record_health(session, school.clock(), session.merge(school.room()), health)
    told = school.room()
    assert told.last_seen == school.clock()
    assert told.health is not None
    assert told.health["conditions"] == ["upstream-down"]


def test_a_room_that_is_not_there_is_not_found(school: FakeSchool) -> None:
    with pytest.raises(NotFound), school.store.read_session() as session:
        rooms.get_room(session, 99)


def test_of_many_rooms_the_names_alone_are_read_or_some_at_a_time(school: FakeSchool) -> None:
    names = [f"Room {number}" for number in range(100, 100 + 3 * rooms.AT_ONCE)]
    with school.store.write_session() as session:
        for name in names:
            session.add(RoomRow(name=name, name_key=name, token_hash=name, log_key="", enrolled_at=school.clock()))
    with school.store.read_session() as session:
        assert list(rooms.name_rooms(session).values()) == names
        assert len(session.identity_map) == 0
        at_once = set()
        for room, name in zip(rooms.walk_rooms(session), names, strict=True):
            assert room.name == name
            at_once.add(len(session.identity_map))
        assert max(at_once) <= 2 * rooms.AT_ONCE
