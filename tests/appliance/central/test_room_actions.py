"""What a room decided by itself stands in the audit with the time that the school's clock showed."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from appliance.central import audit, room_actions
from appliance.central.models import SchoolRow
from appliance.protocol import RoomAction
from tests.fakes.school import FakeSchool


@pytest.mark.parametrize(
    ("timezone", "hours_ago", "said"),
    [
        ("Europe/London", 0, "at 09:00"),
        ("Pacific/Auckland", 0, "at 22:00"),
        ("Asia/Kathmandu", 1, "at 13:45"),
        ("Europe/London", 10, "at 2026-11-23 23:00"),  # central was away over night
        ("Pacific/Auckland", 23, "at 2026-11-23 23:00"),
    ],
)
def test_the_time_of_what_a_room_did_is_the_schools(
    school: FakeSchool, timezone: str, hours_ago: int, said: str
) -> None:
    school.enrol()
    happened = school.clock() - timedelta(hours=hours_ago)
    action = RoomAction(id=uuid4().hex, who="tess", what="room paused", detail="10 minutes", happened_at=happened)
    with school.store.write_session() as session:
        session.scalars(select(SchoolRow)).one().timezone = timezone
        room_actions.receive_room_action(session, school.clock(), school.room(), action)
    with school.store.read_session() as session:
        (entry,) = audit.list_audit_entries(session, 1)
    assert entry.detail == f"10 minutes (Room 4, {said}); there is no account tess"
