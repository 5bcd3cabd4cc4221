"""Whom a change concerns, as the rows say that it changes."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from appliance.central import (
    accounts,
    change_scope,
    delegations,
    profiles,
    requests,
    room_life,
    rooms,
    rules,
    school_settings,
    unblocks,
)
from appliance.central.models import Base, PublicationRow
from appliance.central.school_settings_values import SchoolSettings
from appliance.protocol import RoomHealth
from tests.fakes.school import FakeSchool

Change = Callable[[FakeSchool, Session], object]

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")


def concerned(school: FakeSchool, change: Change, *, affects_rooms: bool = True) -> set[str]:
    """Make a change, and return whom it concerns: "school" or the names of rooms."""
    before = school.store.revisions()
    with school.store.write_session(affects_rooms=affects_rooms) as session:
        change(school, session)
    after = school.store.revisions()
    found = {name for name in ("Room 4", "Room 5") if school.room(name).revision > before.rooms}
    return found | ({"school"} if after.school > before.school else set())


def approve(scope: requests.Scope) -> Change:
    def change(school: FakeSchool, session: Session) -> object:
        asked = school.unblock_request()
        requests.submit_request(session, school.clock(), school.room(), asked)
        return requests.approve_request(session, school.clock(), request_id=asked.id, by="cora", scope=scope)

    return change


def end_unblock(school: FakeSchool, session: Session) -> None:
    unblock = approve("room")(school, session)
    session.flush()
    unblocks.end_unblock(session, school.clock(), unblock_id=unblock.id, by="cora")  # type: ignore[attr-defined]  # the row


SCHOOL_WIDE: dict[str, Change] = {
    "a rule": lambda school, session: rules.add_rule(
        session, school.clock(), name="bad.example.org", action="block", by="cora"
    ),
    "a profile": lambda school, session: profiles.set_blocked_categories(
        session, school.clock(), profile="staff", blocked=["games"], by="cora"
    ),
    "a delegation": lambda school, session: delegations.delegate_category(
        session, school.clock(), category="games", minutes=10, per_day=1, by="cora"
    ),
    "a setting of the school's": lambda school, session: school_settings.save_settings(
        session, school.clock(), changed=SchoolSettings(tunnels="close"), by="cora", fields=("tunnels",)
    ),
    "an index": lambda school, session: session.add(
        PublicationRow(hash="a" * 64, built_at=school.clock(), names=1)
    ),
    "an account": lambda school, session: accounts.add_account(
        session, school.clock(), username="ada", name="Ada", roles=("teacher",), password="a long one", by="cora"
    ),
    "an opening for the school": approve("school"),
}
OF_ONE_ROOM: dict[str, Change] = {
    "a request": lambda school, session: requests.submit_request(
        session, school.clock(), school.room(), school.unblock_request()
    ),
    "an opening for the room": approve("room"),
    "an opening that is ended": end_unblock,
    "another token": lambda school, session: room_life.enrol_room(
        session, school.clock(), name="Room 4", by="cora", replace=True
    ),
}
OF_NOBODY: dict[str, Change] = {
    "health": lambda school, session: rooms.record_health(
        session,
        school.clock(),
        session.merge(school.room()),
        RoomHealth(version="1", policy=1, index="", index_age_seconds=0.0, conditions=()),
    ),
    "a category that was blocked already": lambda school, session: profiles.set_blocked_categories(
        session, school.clock(), profile="staff", blocked=blocked_already(session), by="cora"
    ),
}


def blocked_already(session: Session) -> list[str]:
    return next(list(one.closed) for one in profiles.list_profiles(session) if one.name == "staff")


@pytest.mark.parametrize("change", SCHOOL_WIDE.values(), ids=SCHOOL_WIDE)
def test_a_change_of_the_schools_concerns_every_room(school: FakeSchool, change: Change) -> None:
    assert "school" in concerned(school, change)


@pytest.mark.parametrize("change", OF_ONE_ROOM.values(), ids=OF_ONE_ROOM)
def test_a_change_of_a_rooms_concerns_that_room_alone(school: FakeSchool, change: Change) -> None:
    assert concerned(school, change) == {"Room 4"}


@pytest.mark.parametrize("change", OF_NOBODY.values(), ids=OF_NOBODY)
@pytest.mark.parametrize("affects_rooms", [True, False])
def test_most_changes_concern_no_room(school: FakeSchool, change: Change, affects_rooms: bool) -> None:
    assert concerned(school, change, affects_rooms=affects_rooms) == set()


def test_what_concerns_rooms_is_counted_whatever_its_caller_thought(school: FakeSchool) -> None:
    assert concerned(school, SCHOOL_WIDE["a rule"], affects_rooms=False) == {"school"}


def test_a_change_that_is_rolled_back_concerns_nobody(school: FakeSchool) -> None:
    before = school.store.revisions()

    def fail() -> None:
        with school.store.write_session() as session:
            SCHOOL_WIDE["a rule"](school, session)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert school.store.revisions() == before


def test_every_table_says_whom_its_rows_concern() -> None:
    assert {mapper.class_ for mapper in Base.registry.mappers} == set(change_scope.CONCERNS)
