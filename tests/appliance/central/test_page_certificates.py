"""Which certificate the pages of each room have, who is told of it, and what is kept of it."""

from datetime import timedelta

import pytest

from appliance.central import page_certificates, room_life
from appliance.central.errors import NotFound, NotPossible
from appliance.central.key_file import KeyFileUnusable
from appliance.central.models import PageCertificateRow, RoomRow
from appliance.central.page_files import read_handed_in
from appliance.central.page_keys_left import list_left_keys
from tests.fakes.page_pairs import SUFFIX, PagePairs
from tests.fakes.school import MORNING, FakeSchool

PAIRS = PagePairs(MORNING)
STAR = f"*.{SUFFIX}"


@pytest.fixture
def rooms(school: FakeSchool) -> FakeSchool:
    """Two rooms that call with their certificates."""
    for number in (4, 5):
        school.enrol(f"Room {number}")
        with school.store.write_session() as session:
            room = room_life.require_room(session, f"Room {number}")
            room.key_hash, room.key_confirmed_at = f"{number}" * 64, MORNING
    return school


def hand_in(school: FakeSchool, *names: str, room: str = "", days: float = 90) -> tuple[str, str]:
    certificate, key = PAIRS.pair(*names, days=days)
    handed = read_handed_in(certificate.encode(), key.encode(), school.clock())
    with school.store.write_session() as session:
        of = room_life.require_room(session, room) if room else None
        page_certificates.hand_in(
            session, school.central.keys, school.clock(), handed=handed, room=of, publicly_trusted=False, by="test"
        )
    return certificate, handed.key


def named(school: FakeSchool, room: str = "Room 4") -> str:
    """Return the digest that the feed names to a room."""
    entry = school.central.targets.current_entry(school.room(room).id)
    assert entry is not None
    return entry.target.pages


def given(school: FakeSchool, room: str = "Room 4") -> tuple[str, str, str]:
    with school.store.read_session() as session:
        found = page_certificates.read_certificate(session, school.central.keys, school.room(room))
    assert found.digest == named(school, room)
    return found.name, found.certificate, found.key


def test_a_wildcard_is_for_every_room_each_by_its_own_name(rooms: FakeSchool) -> None:
    assert (named(rooms), given(rooms)) == ("", ("", "", ""))
    certificate, key = hand_in(rooms, STAR)
    assert given(rooms) == (f"room-4.{SUFFIX}", certificate, key)
    assert given(rooms, "Room 5") == (f"room-5.{SUFFIX}", certificate, key)
    before = named(rooms)
    hand_in(rooms, STAR)
    assert named(rooms) not in ("", before)


def test_a_room_that_calls_by_its_token_alone_is_told_of_no_certificate(rooms: FakeSchool) -> None:
    rooms.enrol("Room 6")
    hand_in(rooms, STAR)
    assert named(rooms, "Room 6") == ""


def test_a_key_lies_sealed_and_another_key_file_opens_nothing(rooms: FakeSchool) -> None:
    _, key = hand_in(rooms, STAR)
    with rooms.store.read_session() as session:
        row = session.query(PageCertificateRow).one()
    assert key.splitlines()[1] not in row.sealed_key
    rooms.central.keys.path.unlink()
    with pytest.raises(KeyFileUnusable):
        given(rooms)
    with pytest.raises(KeyFileUnusable):
        hand_in(rooms, STAR)


def test_a_rooms_own_goes_before_and_is_for_no_other_room(rooms: FakeSchool) -> None:
    own, _ = hand_in(rooms, "library.school.example.org", room="Room 5")
    assert named(rooms) == ""
    assert given(rooms) == ("", "", "")
    of_all, _ = hand_in(rooms, STAR)
    assert given(rooms)[:2] == (f"room-4.{SUFFIX}", of_all)
    assert given(rooms, "Room 5")[:2] == ("library.school.example.org", own)
    before = named(rooms)
    hand_in(rooms, STAR, room="Room 5")
    assert given(rooms, "Room 5")[0] == f"room-5.{SUFFIX}"
    assert named(rooms) == before


def test_rooms_whose_pages_would_have_one_name_are_refused_whichever_comes_first(rooms: FakeSchool) -> None:
    rooms.enrol("Room-4")
    with pytest.raises(NotPossible, match="Room 4 and Room-4"):
        hand_in(rooms, STAR)
    with rooms.store.write_session() as session:
        room_life.rename_room(
            session, MORNING, room_id=room_life.require_room(session, "Room-4").id, name="Hall", by="test"
        )
    hand_in(rooms, STAR)
    with pytest.raises(NotPossible, match="both have the page room-4"):
        rooms.enrol("Room (4)")
    with rooms.store.write_session() as session, pytest.raises(NotPossible, match="both have the page hall"):
        room_life.rename_room(
            session, MORNING, room_id=room_life.require_room(session, "Room 5").id, name="“Hall”", by="test"
        )
    rooms.enrol("Room 4")  # a new card for the room itself


def test_a_room_that_is_renamed_gets_its_new_name(rooms: FakeSchool) -> None:
    hand_in(rooms, STAR)
    before = named(rooms)
    with rooms.store.write_session() as session:
        room = room_life.require_room(session, "Room 4")
        room_life.rename_room(session, MORNING, room_id=room.id, name="Library", by="test")
    assert given(rooms, "Library")[0] == f"library.{SUFFIX}"
    assert named(rooms, "Library") != before


def test_what_is_taken_back_is_gone_and_what_is_not_there_is_said(rooms: FakeSchool) -> None:
    hand_in(rooms, STAR)
    for problem in (None, NotFound):
        with rooms.store.write_session() as session:
            if problem is None:
                page_certificates.take_back(session, MORNING, room=None, by="test")
            else:
                with pytest.raises(problem):
                    page_certificates.take_back(session, MORNING, room=None, by="test")
    assert (named(rooms), given(rooms)) == ("", ("", "", ""))


@pytest.mark.parametrize(
    "names", [("room-4.school.example.org",), (f"*.{'a' * 63}.{'b' * 63}.{'c' * 63}.example",)]
)
def test_a_certificate_for_every_room_needs_a_star_above_names_that_have_room(
    rooms: FakeSchool, names: tuple[str, ...]
) -> None:
    with pytest.raises(NotPossible):
        hand_in(rooms, *names)
    assert named(rooms) == ""


def conditions(school: FakeSchool) -> list[str]:
    with school.store.read_session() as session:
        return page_certificates.list_conditions(session, school.clock(), session.query(RoomRow).all())


def test_what_ends_within_three_weeks_and_a_room_without_a_name_are_said(rooms: FakeSchool) -> None:
    assert conditions(rooms) == []
    hand_in(rooms, STAR, days=30)
    hand_in(rooms, "library.school.example.org", room="Room 5", days=60)
    assert conditions(rooms) == []
    rooms.clock.time += timedelta(days=20)
    assert [words.partition(" ends in 10 days")[0] for words in conditions(rooms)] == [
        "The certificate for the rooms' pages that was handed in here"
    ]
    rooms.clock.time += timedelta(days=45)
    assert any("Room 5's pages that was handed in here ended on" in words for words in conditions(rooms))
    rooms.enrol("غرفة")
    assert any("غرفة" in words and "no letter" in words for words in conditions(rooms))


def test_what_was_taken_back_is_given_back_as_it_was_for_a_month(rooms: FakeSchool) -> None:
    hand_in(rooms, STAR)
    before = (named(rooms), given(rooms))
    with rooms.store.write_session() as session:
        page_certificates.take_back(session, MORNING, room=None, by="test")
    assert (named(rooms), given(rooms)) == ("", ("", "", ""))
    with rooms.store.write_session() as session:
        page_certificates.prune_taken_back(session, MORNING + page_certificates.KEPT)
        page_certificates.give_back(session, MORNING, room=None, by="test")
    assert (named(rooms), given(rooms)) == before
    with rooms.store.write_session() as session:
        with pytest.raises(NotFound):
            page_certificates.give_back(session, MORNING, room=None, by="test")
        page_certificates.take_back(session, MORNING, room=None, by="test")
        with pytest.raises(NotPossible):
            page_certificates.give_back(session, MORNING + timedelta(days=91), room=None, by="test")
    with rooms.store.write_session() as session:
        page_certificates.prune_taken_back(session, MORNING + page_certificates.KEPT + timedelta(seconds=1))
        assert session.query(PageCertificateRow).all() == [], "nothing is left of its key"


def test_what_is_handed_in_after_a_taking_back_is_in_use(rooms: FakeSchool) -> None:
    hand_in(rooms, STAR)
    with rooms.store.write_session() as session:
        page_certificates.take_back(session, MORNING, room=None, by="test")
    certificate, key = hand_in(rooms, STAR)
    assert given(rooms) == (f"room-4.{SUFFIX}", certificate, key)


def left_keys(school: FakeSchool) -> list[tuple[str, str, str]]:
    with school.store.read_session() as session:
        return [(one.room, one.state, one.pages) for one in list_left_keys(session)]


def test_a_card_that_ends_is_noted_with_the_key_that_it_has(rooms: FakeSchool) -> None:
    hand_in(rooms, STAR)
    hand_in(rooms, "library.school.example.org", room="Room 5")
    rooms.enrol("Room 6")  # it calls by its token, and so it was given no key
    for number in (4, 5, 6):
        with rooms.store.write_session() as session:
            room_life.revoke_room(session, MORNING, room_id=rooms.room(f"Room {number}").id, by="test")
    found = [("Room 4", "revoked", STAR), ("Room 5", "revoked", "library.school.example.org")]
    assert left_keys(rooms) == found
    rooms.enrol("Room 4")
    assert left_keys(rooms) == found, "a new card makes the key of the old one no less"
    hand_in(rooms, STAR)
    assert left_keys(rooms) == found[1:]


def test_a_retired_card_is_noted_until_it_is_in_use_again_and_never_for_a_key_that_came_later(
    rooms: FakeSchool,
) -> None:
    room_id = rooms.room("Room 4").id
    hand_in(rooms, STAR)
    with rooms.store.write_session() as session:
        room_life.retire_room(session, MORNING, room_id=room_id, by="test")
    assert left_keys(rooms) == [("Room 4", "retired", STAR)]
    with rooms.store.write_session() as session:
        room_life.put_back_room(session, MORNING, room_id=room_id, by="test")
    assert left_keys(rooms) == []
    with rooms.store.write_session() as session:
        room_life.retire_room(session, MORNING, room_id=room_id, by="test")
        room_life.revoke_room(session, MORNING, room_id=room_id, by="test")
    assert left_keys(rooms) == [("Room 4", "revoked", STAR)]
    hand_in(rooms, STAR)
    with rooms.store.write_session() as session:
        room_life.revoke_room(session, MORNING, room_id=room_id, by="test")
    assert left_keys(rooms) == []
