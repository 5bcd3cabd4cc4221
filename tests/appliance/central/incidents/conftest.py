import itertools
from collections.abc import Callable

import pytest

from appliance.central.incidents import intake
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.protocol import Incident
from tests.fakes.school import FakeSchool

Notice = Callable[..., str]


@pytest.fixture
def notice(school: FakeSchool) -> Notice:
    """Have a room notice something; return the id of the incident."""
    school.enrol("Room 4")
    numbers = itertools.count(1)

    def notice_something(
        device: str = "d1",
        kind: str = "many-refusals",
        *,
        group: str = "pupils",
        evidence: tuple[str, ...] = ("x.example",),
        room: str = "Room 4",
    ) -> str:
        incident = Incident(
            id=f"{next(numbers):032x}", kind=kind,  # type: ignore[arg-type]  # a kind, as the caller says
            happened_at=school.clock(), device=device, evidence=evidence,
            group=group,
        )  # fmt: skip
        for is_new in (True, False):
            with school.store.write_session() as session:
                url = "https://central.example.org"
                assert intake.receive_incident(session, school.clock(), school.room(room), incident, url) is is_new
        return incident.id

    return notice_something


def group_row(school: FakeSchool, group_id: str) -> IncidentGroupRow:
    with school.store.read_session() as session:
        return session.get_one(IncidentGroupRow, group_id)
