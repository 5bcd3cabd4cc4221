from appliance.central import incidents
from appliance.protocol import Incident
from tests.fakes.school import FakeSchool


def test_an_incident_arrives_once_and_can_be_acknowledged(school: FakeSchool) -> None:
    school.enrol("Room 4")
    incident = Incident(
        id="b" * 32, kind="many-refusals", happened_at=school.clock(), device="d1", evidence=("x.example",)
    )
    for new in (True, False):
        with school.store.write_session() as session:
            assert incidents.receive_incident(session, school.room(), incident) is new
    with school.store.read_session() as session:
        assert [one.kind for one in incidents.list_open_incidents(session)] == ["many-refusals"]
    with school.store.write_session() as session:
        incidents.acknowledge_incident(session, school.clock(), incident_id=incident.id, by="safeguarding")
    with school.store.read_session() as session:
        assert incidents.list_open_incidents(session) == []
