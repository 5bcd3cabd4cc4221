"""What is asked often or of much is found by an index: SQLite says how it would look for what a service asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from appliance.central import inbox, school_reports, statistics, week_counts
from appliance.central.devices import sightings
from appliance.central.models import RoomRow
from appliance.protocol import SeenDevice, SeenDevices
from tests.fakes.school import MORNING, FakeSchool

SEEN = SeenDevices(devices=(SeenDevice(mac="00:00:5e:00:53:01", address="192.0.2.1", seconds_ago=1),))


def see(session: Session) -> None:
    room = session.query(RoomRow).first()
    assert room is not None
    sightings.receive_seen_devices(session, MORNING, room, SEEN)


def look_back(session: Session) -> None:
    inbox.read_history(session, inbox.read_inbox(session, who="cora").requests[0])


ASKED: dict[str, Callable[[Session], Any]] = {
    "ix_requests_asked_at": lambda session: statistics.count_by_month(
        session, MORNING + timedelta(days=1), ZoneInfo("Europe/London")
    ),
    "ix_requests_site": look_back,
    "ix_seen_devices_mac": see,
    "ix_incidents_happened_at": lambda session: school_reports.make_report(
        session, MORNING, ZoneInfo("Europe/London"), "weekly"
    ),
    "ix_counts_category": lambda session: week_counts.count_refusals(session, MORNING, ("games",)),
}


@contextmanager
def plans(session: Session) -> Iterator[list[str]]:
    """Give how each statement of a session is carried out."""
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.extend(row[-1] for row in cursor.fetchall())

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)


@pytest.mark.parametrize("index", ASKED)
def test_a_service_finds_what_it_asks_for_by_its_index(school: FakeSchool, index: str) -> None:
    school.enrol()
    school.request()
    with school.store.write_session() as session, plans(session) as found:
        ASKED[index](session)
    assert any(index in plan for plan in found), found
