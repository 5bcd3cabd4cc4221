"""Teachers' reports, as the coordinator sees them at central."""

from typing import Any

import pytest

from appliance.central import reports
from appliance.protocol import SiteReport
from tests.e2e.browser import Browser
from tests.webui.central.pages import document, press, said


@pytest.fixture
def reported(cora: Browser, school: Any) -> Browser:
    """The inbox, with two reports in it."""
    for number, site in enumerate(("bad.example.org", "fine.example.org")):
        report = SiteReport(id=str(number) * 32, site=site, teacher="ada", reported_at=school.clock())
        with school.store.write_session() as session:
            reports.receive_report(session, school.clock(), session.merge(school.room()), report)
    return cora.open("/")


def test_a_report_closes_the_site_or_is_put_away(reported: Browser, school: Any) -> None:
    press(reported, "/settle", "bad.example.org")
    assert "bad.example.org is closed in every room." in said(reported)
    assert document(school).rules[0].name == "bad.example.org"
    press(reported, "/settle")
    assert "fine.example.org" not in reported.open("/").text
    assert len(document(school).rules) == 1


def test_closing_it_is_undone_from_the_message(reported: Browser, school: Any) -> None:
    press(press(reported, "/settle", "bad.example.org"), "/reopen")
    assert document(school).rules == ()
    assert "bad.example.org" in reported.text


def test_a_second_click_closes_nothing_twice_and_is_told(reported: Browser, school: Any) -> None:
    form = reported.form_with(action="/settle")
    for _ in range(2):
        reported.send(form, files=None, close="bad.example.org")
    assert "put away already by cora" in said(reported)
    assert len(document(school).rules) == 1


def test_a_report_is_passed_on_with_a_prepared_text_and_its_answer_is_kept(reported: Browser, school: Any) -> None:
    page = reported.open(f"/reports/{'0' * 32}").text
    assert "Address: bad.example.org" in page
    press(reported, "/pass-on", to=" ")
    assert "to whom" in said(reported)
    reported.open(f"/reports/{'0' * 32}")
    press(reported, "/pass-on", to="Example Net")
    assert "They have not answered yet." in reported.text
    press(reported, "/answer", answer="It is closed for all schools now.")
    assert "It is closed for all schools now." in reported.text
    listed = reported.open("/reports").text
    assert "answered (Example Net)" in listed
    press(reported, "/reports/export")
    assert reported.text.startswith("address,date,time")
