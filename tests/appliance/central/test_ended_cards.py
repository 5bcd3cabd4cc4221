"""Of the card before the one that a room has now it is told how it ended, when, and by whom."""

from appliance.central import room_life
from appliance.central.ended_cards import EndedCard, find_ended_cards
from appliance.central.models import RoomRow
from tests.fakes.school import FakeSchool


def enrol(school: FakeSchool, name: str, *, by: str = "cora") -> int:
    with school.store.write_session() as session:
        room_life.enrol_room(session, school.clock(), name=name, by=by, replace=True)
        return room_life.require_room(session, name).id


def rename(school: FakeSchool, room_id: int, name: str) -> None:
    with school.store.write_session() as session:
        room_life.rename_room(session, school.clock(), room_id=room_id, name=name, by="cora")


def revoke(school: FakeSchool, room_id: int, *, by: str) -> None:
    with school.store.write_session() as session:
        room_life.revoke_room(session, school.clock(), room_id=room_id, by=by)


def ended(school: FakeSchool, room_id: int) -> EndedCard | None:
    with school.store.read_session() as session:
        everyone = find_ended_cards(session, session.query(RoomRow).all()).get(room_id)
        alone = find_ended_cards(session, [session.get_one(RoomRow, room_id)]).get(room_id)
    assert everyone == alone
    return alone


def test_a_first_card_has_none_before_it(school: FakeSchool) -> None:
    room_id = enrol(school, "Room 4")
    assert ended(school, room_id) is None
    school.clock.pass_minutes(1)
    revoke(school, room_id, by="tess")
    assert ended(school, room_id) is None, "the one that it has now has ended, and that is said elsewhere"


def test_the_one_that_was_revoked_is_named_with_who_did_it(school: FakeSchool) -> None:
    room_id = enrol(school, "Room 4")
    school.clock.pass_minutes(60)
    at = school.clock()
    revoke(school, room_id, by="tess")
    school.clock.pass_minutes(1)
    enrol(school, "Room 4")
    assert ended(school, room_id) == EndedCard("revoked", at, "tess")
    school.clock.pass_minutes(1)
    enrol(school, "Room 4", by="dora")
    assert ended(school, room_id) == EndedCard("replaced", school.clock(), "dora"), "the newest, not the first"


def test_revoked_and_replaced_in_one_moment_is_revoked_and_so_under_any_later_name(school: FakeSchool) -> None:
    room_id = enrol(school, "Room 4")
    school.clock.pass_minutes(60)
    at = school.clock()
    revoke(school, room_id, by="tess")
    enrol(school, "Room 4")
    school.clock.pass_minutes(1)
    rename(school, room_id, "Library")
    other = enrol(school, "Room 4")
    assert ended(school, room_id) == EndedCard("revoked", at, "tess")
    assert ended(school, other) is None, "it has the name, and had never another card"
