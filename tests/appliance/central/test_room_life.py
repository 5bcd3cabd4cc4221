"""A room is enrolled, renamed, given a new card, retired, put back, revoked; each step stands in the audit."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from appliance.central import audit, card_secrets, room_life, rooms
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RoomRow
from appliance.central.room_life import RoomLives
from appliance.protocol import RoomHealth
from tests.fakes.school import FakeSchool


def change(school: FakeSchool, do: Callable[..., Any], **how: Any) -> Any:
    with school.store.write_session() as session:
        return do(session, school.clock(), by="cora", **how)


def owner(school: FakeSchool, token: str) -> RoomRow | None:
    with school.store.read_session() as session:
        return rooms.find_room_by_token(session, token)


def enrol(school: FakeSchool, name: str, *, replace: bool = False) -> str:
    token: str = change(school, room_life.enrol_room, name=name, replace=replace)
    return token


def told(school: FakeSchool) -> list[tuple[str, str]]:
    with school.store.read_session() as session:
        return [(one.what, one.detail) for one in reversed(audit.list_audit_entries(session))]


@pytest.mark.parametrize(
    "again",
    ["Room 4", "room 4", "ROOM 4", " Room  4 ", "Ｒｏｏｍ 4", "Room\u00a04", "Room\u200b 4", "Straße"],  # noqa: RUF001 (the very letters that look alike)
)
def test_a_name_in_use_is_asked_about_however_it_is_written(school: FakeSchool, again: str) -> None:
    tokens = [enrol(school, "Room 4"), enrol(school, "STRASSE")]
    with pytest.raises(RoomLives, match="enrolled already"):
        enrol(school, again)
    assert all(owner(school, token) is not None for token in tokens), "nobody was cut off"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "\u200b", "Room\n4", "Room\x004"])
def test_a_room_needs_a_name(school: FakeSchool, name: str) -> None:
    with pytest.raises(NotPossible, match="name"):
        enrol(school, name)


def test_a_new_card_ends_the_old_one_and_keeps_the_room(school: FakeSchool) -> None:
    old = enrol(school, "Room 4")
    room_id = school.room().id
    new = enrol(school, "room 4", replace=True)
    assert owner(school, old) is None
    found = owner(school, new)
    assert found is not None
    assert (found.id, found.name) == (room_id, "Room 4"), "the same room, called as it was"
    assert told(school) == [("room enrolled", "Room 4"), ("card replaced", "Room 4")]


def test_what_an_old_card_said_is_not_taken_for_the_new_one(school: FakeSchool) -> None:
    enrol(school, "Room 4")
    assert room_life.waits_for_card(school.room())
    version = school.room().policy_version
    health = RoomHealth(version="1", policy=version, index="f" * 64, index_age_seconds=0, conditions=())
    with school.store.write_session() as session:
        room_life.mark_used(session, school.room().id)
        rooms.record_health(session, school.clock(), session.get_one(RoomRow, school.room().id), health)
    found = school.room()
    assert (room_life.waits_for_card(found), rooms.is_in_step(found, "f" * 64)) == (False, True)
    enrol(school, "Room 4", replace=True)
    found = school.room()
    assert (room_life.waits_for_card(found), rooms.is_in_step(found, "f" * 64)) == (True, False)


def test_a_room_is_renamed_and_its_card_goes_on(school: FakeSchool) -> None:
    token = enrol(school, "Room 4")
    enrol(school, "Room 5")
    room_id = school.room("Room 4").id
    with pytest.raises(NotPossible, match="Room 5 already"):
        change(school, room_life.rename_room, room_id=room_id, name="ROOM 5")
    assert change(school, room_life.rename_room, room_id=room_id, name="ROOM 4") == ("Room 4", "ROOM 4")
    change(school, room_life.rename_room, room_id=room_id, name="Library")
    found = owner(school, token)
    assert found is not None
    assert found.name == "Library"
    assert school.document("Library").room == "Library"
    assert told(school)[-1] == ("room renamed", "ROOM 4: now Library")
    with pytest.raises(NotFound, match="no room 'Room 4'"), school.store.read_session() as session:
        room_life.require_room(session, "Room 4")


def test_a_retired_room_can_be_put_back_and_a_revoked_one_cannot(school: FakeSchool) -> None:
    enrol(school, "Room 4")
    room_id = school.room().id
    change(school, room_life.retire_room, room_id=room_id)
    with school.store.read_session() as session:
        assert rooms.list_rooms(session) == []
        assert [one.name for one in rooms.list_ended_rooms(session)] == ["Room 4"]
    change(school, room_life.put_back_room, room_id=room_id)
    assert school.room().state == "enrolled"
    change(school, room_life.revoke_room, room_id=room_id)
    change(school, room_life.retire_room, room_id=room_id)  # what is revoked stays so
    with pytest.raises(NotPossible, match="never works again"):
        change(school, room_life.put_back_room, room_id=room_id)
    what = [what for what, _ in told(school)]
    assert what == ["room enrolled", "room retired", "room put back", "room revoked"]


def test_a_room_out_of_use_is_enrolled_again_without_a_question(school: FakeSchool) -> None:
    old = enrol(school, "Room 4")
    change(school, room_life.revoke_room, room_id=school.room().id)
    enrol(school, "room 4")
    assert school.room().state == "enrolled"
    assert owner(school, old) is None
    assert told(school)[-1] == ("room enrolled", "Room 4, which was revoked")


def keep(session: Session, school: FakeSchool, token: str) -> None:
    room = room_life.require_room(session, "Room 4")
    card_secrets.keep_secret(session, school.central.keys, school.clock(), room=room, token=token, by="cora")


def waiting(school: FakeSchool) -> list[str]:
    with school.store.read_session() as session:
        return [one.token for one in card_secrets.list_secrets(session, school.central.keys, school.clock())]


def test_a_cards_secret_is_kept_sealed_until_it_is_saved_or_a_day_is_over(school: FakeSchool) -> None:
    token = enrol(school, "Room 4")
    with school.store.write_session() as session:
        keep(session, school, token)
    assert waiting(school) == [token] * 1
    files = school.central.settings.central.data.glob("central.db*")
    assert not any(token.encode() in file.read_bytes() for file in files)
    with school.store.write_session() as session:
        card_secrets.forget_secrets(session, school.clock(), school.room().id)
    assert waiting(school) == []
    with school.store.write_session() as session:
        keep(session, school, token)
    school.clock.pass_minutes(24 * 60 + 1)
    assert waiting(school) == []


@pytest.mark.parametrize("end", [room_life.retire_room, room_life.revoke_room])
def test_nothing_waits_for_a_room_out_of_use(school: FakeSchool, end: Callable[..., Any]) -> None:
    token = enrol(school, "Room 4")
    with school.store.write_session() as session:
        keep(session, school, token)
    change(school, end, room_id=school.room().id)
    assert waiting(school) == []


def test_rooms_of_before_that_differ_in_case_alone_go_on(tmp_path: Any) -> None:
    """The migration is run over a database as it was."""
    from tests.appliance.central.migrated import upgraded_from_before  # noqa: PLC0415 (brings alembic)

    def fill(database: sqlite3.Connection) -> None:
        for number, name in enumerate(("Room 4", "room 4", "Room 5")):
            database.execute(
                "INSERT INTO rooms (name, token_hash, log_key, enrolled_at, policy_version, policy_digest,"
                " requests_changed, revision) VALUES (?, ?, ?, '2026-01-01 00:00:00', 0, '', 0, 0)",
                (name, f"hash {number}", "ab" * 32),
            )

    school = upgraded_from_before("life_of_a_room", tmp_path, fill)
    assert [school.room(name).state for name in ("Room 4", "room 4", "Room 5")] == ["enrolled"] * 3
    with school.store.read_session() as session:
        assert room_life.require_room(session, "ROOM 4").name == "Room 4"
        assert room_life.require_room(session, "room 4").name == "room 4"
    with pytest.raises(RoomLives):
        enrol(school, "ROOM 5")
    assert all(school.room(name).log_key.startswith("wrapped:") for name in ("Room 4", "room 4", "Room 5"))
    school.close()
