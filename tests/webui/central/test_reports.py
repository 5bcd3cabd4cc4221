"""Teachers' reports, as the coordinator sees them at central."""

from typing import Any

from appliance.central import reports
from appliance.protocol import SiteReport
from tests.e2e.browser import Browser
from tests.webui.central.pages import document, press


def test_a_report_closes_the_site_or_is_put_away(cora: Browser, school: Any) -> None:
    for number, site in enumerate(("bad.example.org", "fine.example.org")):
        report = SiteReport(id=str(number) * 32, site=site, teacher="ada", reported_at=school.clock())
        with school.store.write_session() as session:
            reports.receive_report(session, school.clock(), session.merge(school.room()), report)
    press(cora.open("/"), "/settle", "bad.example.org")
    assert document(school).rules[0].name == "bad.example.org"
    press(cora, "/settle")
    assert "fine.example.org" not in cora.open("/").text
    assert len(document(school).rules) == 1
