from appliance.central import reports
from appliance.protocol import SiteReport
from tests.fakes.school import FakeSchool


def test_a_report_arrives_once_and_can_be_settled(school: FakeSchool) -> None:
    school.enrol("Room 4")
    report = SiteReport(id="a" * 32, site="bad.example.org", teacher="teacher", reported_at=school.clock())
    for new in (True, False):
        with school.store.write_session() as session:
            assert reports.receive_report(session, school.clock(), school.room(), report) is new
    with school.store.read_session() as session:
        assert [one.site for one in reports.list_open_reports(session)] == ["bad.example.org"]
    with school.store.write_session() as session:
        reports.resolve_report(session, school.clock(), report_id=report.id, by="coordinator")
    with school.store.read_session() as session:
        assert reports.list_open_reports(session) == []
