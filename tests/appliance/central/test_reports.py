"""Site reports, and their way: closed, passed on, answered, put away, and back."""

import csv
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from appliance.central import audit, reports, rules
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import SiteReportRow
from appliance.protocol import SiteReport
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")

ID = "a" * 32
LONDON = ZoneInfo("Europe/London")


def report(school: FakeSchool, site: str = "bad.example.org", note: str = "", report_id: str = ID) -> bool:
    sent = SiteReport(id=report_id, site=site, teacher="tess", reported_at=school.clock(), note=note)
    with school.store.write_session() as session:
        return reports.receive_report(session, school.clock(), session.merge(school.room()), sent)


def settle(school: FakeSchool, *, close: bool = False, by: str = "cora") -> None:
    with school.store.write_session() as session:
        reports.resolve_report(
            session, school.clock(), report_id=ID, by=by, close_site="bad.example.org" if close else ""
        )


def look(school: FakeSchool) -> tuple[SiteReportRow, str]:
    with school.store.read_session() as session:
        found = reports.get_report(session, ID)
        return found, reports.state_of(found)


def pass_on(school: FakeSchool, to: str) -> None:
    with school.store.write_session() as session:
        reports.pass_report_on(session, school.clock(), report_id=ID, by="cora", to=to)


def answer(school: FakeSchool, words: str) -> None:
    with school.store.write_session() as session:
        reports.record_outside_answer(session, school.clock(), report_id=ID, by="dan", answer=words)


def test_a_report_waits_until_somebody_puts_it_away(school: FakeSchool) -> None:
    assert report(school)
    assert not report(school)
    with school.store.read_session() as session:
        assert [one.site for one in reports.list_open_reports(session)] == ["bad.example.org"]
    settle(school)
    with school.store.read_session() as session:
        assert reports.list_open_reports(session) == []
        assert [one.site for one in reports.list_reports(session)] == ["bad.example.org"]


def test_closing_is_a_rule_and_its_undo_takes_the_rule_away_and_the_report_waits_again(school: FakeSchool) -> None:
    report(school)
    settle(school, close=True)
    assert [one.name for one in document(school).rules] == ["bad.example.org"]
    with school.store.write_session() as session:
        reports.reopen_report(session, school.clock(), report_id=ID, by="cora")
    assert document(school).rules == ()
    assert look(school)[1] == "open"
    with pytest.raises(NotPossible, match="waits already"), school.store.write_session() as session:
        reports.reopen_report(session, school.clock(), report_id=ID, by="cora")


def test_the_undo_leaves_a_rule_that_was_there_before(school: FakeSchool) -> None:
    report(school)
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name="bad.example.org", action="block", by="dan")
    settle(school, close=True)
    with school.store.write_session() as session:
        reports.reopen_report(session, school.clock(), report_id=ID, by="cora")
    assert [one.name for one in document(school).rules] == ["bad.example.org"]


OTHER = "b" * 32


def close_both(school: FakeSchool) -> None:
    for number in (ID, OTHER):
        report(school, report_id=number)
        with school.store.write_session() as session:
            reports.resolve_report(
                session, school.clock(), report_id=number, by="cora", close_site="bad.example.org"
            )


def reopen(school: FakeSchool, report_id: str = ID) -> list[tuple[str, tuple[str, ...]]]:
    with school.store.write_session() as session:
        reports.reopen_report(session, school.clock(), report_id=report_id, by="cora")
    return [(rule.name, rule.groups) for rule in document(school).rules]


@pytest.mark.parametrize("order", [(ID, OTHER), (OTHER, ID)])
def test_a_site_that_two_reports_have_closed_opens_again_with_the_last_undo(
    school: FakeSchool, order: tuple[str, str]
) -> None:
    close_both(school)
    assert [len(reopen(school, number)) for number in order] == [1, 0]


def test_an_undo_takes_no_rule_away_that_has_the_number_of_the_reports(school: FakeSchool) -> None:
    report(school)
    settle(school, close=True)
    with school.store.write_session() as session:
        before = rules.list_rules(session)[0].id
        rules.remove_rule(session, school.clock(), rule_id=before, by="cora")
    with school.store.write_session() as session:
        made = rules.add_rule(session, school.clock(), name="other.example.org", action="block", by="dora")
        assert made.id == before, "SQLite gives the number of the last one again"
    assert reopen(school) == [("other.example.org", ())]


def test_a_rule_for_some_or_for_one_address_closes_no_reported_site(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        for how in ({"groups": ("staff",)}, {"subdomains": False}):
            fields = rules.RuleFields(name="bad.example.org", action="block", **how)
            rules.create_rule(session, school.clock(), fields=fields, by="cora")
    report(school)
    settle(school, close=True)
    assert len(document(school).rules) == 3, "one for everybody, and for what is below it"
    assert reopen(school) == [("bad.example.org", ("staff",)), ("bad.example.org", ())]


def test_whoever_comes_second_is_told_who_was_first(school: FakeSchool) -> None:
    report(school)
    settle(school, close=True, by="cora")
    with pytest.raises(NotPossible, match="put away already by cora"):
        settle(school, close=True, by="dan")
    with pytest.raises(NotPossible, match="put away already by cora"):
        pass_on(school, "the provider")


def test_a_report_is_passed_on_and_answered_and_each_step_is_known(school: FakeSchool) -> None:
    report(school)
    with pytest.raises(NotPossible, match="not passed on"):
        answer(school, "Thank you")
    for nobody in ("", "  \t ", "x" * 201):
        with pytest.raises(NotPossible, match="to whom"):
            pass_on(school, nobody)
    pass_on(school, "  the  provider ")
    found, state = look(school)
    assert (state, found.passed_to, found.passed_by, found.passed_at) == (
        "passed on", "the provider", "cora", school.clock(),
    )  # fmt: skip
    with pytest.raises(NotPossible, match="what did they answer"):
        answer(school, "   ")
    answer(school, "It is on our list now.")
    found, state = look(school)
    assert (state, found.outside_answer, found.answered_by) == ("answered", "It is on our list now.", "dan")
    pass_on(school, "the authority")
    assert look(school)[1] == "passed on"
    with school.store.read_session() as session:
        kinds = [one.what for one in audit.list_audit_entries(session, 3)]
        with pytest.raises(NotFound):
            reports.get_report(session, "f" * 32)
    assert kinds == ["report passed on", "report answered", "report passed on"]


def test_the_text_and_the_table_have_address_date_and_time_on_the_schools_clock_and_name_nobody(
    school: FakeSchool,
) -> None:
    school.clock.time = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    report(school, note="=HYPERLINK(1)")
    found, _ = look(school)
    text = reports.write_report_text(found, school="Example Primary", zone=LONDON)
    assert "Address: bad.example.org\nDate: 01 July 2026\nTime: 23:30 (BST)" in text
    with school.store.read_session() as session:
        table = reports.render_reports_csv(reports.list_reports(session), school="Example Primary", zone=LONDON)
    (row,) = csv.DictReader(table.splitlines())
    assert (row["address"], row["date"], row["time"], row["time zone"]) == (
        "bad.example.org", "2026-07-01", "23:30", "BST",
    )  # fmt: skip
    assert row["note"] == "'=HYPERLINK(1)"  # no spreadsheet takes it for a formula
    for said in (text, table):
        assert "tess" not in said
        assert "Room 4" not in said


def test_what_is_no_site_cannot_be_reported(school: FakeSchool) -> None:
    with pytest.raises(NotPossible):
        report(school, "not a name!")
