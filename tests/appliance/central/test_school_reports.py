"""Reports as data: numbers without people, nothing that tells of fewer than five."""

import csv
import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.central import audit, counts, profiles, report_formats, rules, school_reports
from appliance.central.lists import sources
from appliance.central.models import RoomRow
from appliance.central.school_reports import Cell, SchoolReport
from appliance.protocol import CountedAnswers, CountedSite, HourCounts
from tests.appliance.central.factories import approve
from tests.fakes.school import FakeSchool

LONDON = ZoneInfo("Europe/London")
ALWAYS = ("weekly", "termly", "annual", "parents")


@pytest.fixture
def busy(school: FakeSchool) -> FakeSchool:
    """A school with one morning of use, seven requests for one site, and an opening by delegation."""
    school.enrol("Room 4")
    said = HourCounts(
        hour=counts.to_hour(school.clock()) - 1,
        answers=(
            CountedAnswers("allowed", "", 900),
            CountedAnswers("refused", "games", 80),
            CountedAnswers("refused", "chat", 12),
            CountedAnswers("refused", "self_harm", 2),
        ),
        sites=(CountedSite("games.example.org", "games", 60), CountedSite("=cmd.example.org", "games", 9)),
    )
    with school.store.write_session(affects_rooms=False) as session:
        room = session.get(RoomRow, school.room().id)
        assert room is not None
        counts.receive_counts(session, school.clock(), room, said)
        audit.record_audit(session, school.clock(), audit.RoomClaim("Room 4", "tess"), "opened without waiting")
    for _ in range(7):
        request = school.request(site="maps.example.org")
        school.clock.pass_minutes(10)
        approve(school, request, minutes=5)
        school.clock.pass_minutes(10)
    return school


def report(school: FakeSchool, kind: str) -> SchoolReport:
    with school.store.read_session() as session:
        now = school.clock() + timedelta(hours=1)
        return school_reports.make_report(session, now, LONDON, kind)  # type: ignore[arg-type]  # one of them


def rows(made: SchoolReport, title: str) -> dict[str, Cell]:
    (table,) = (one for one in made.tables if one.title == title)
    return {str(row[0]): row[-1] for row in table.rows}


def test_the_week_in_numbers(busy: FakeSchool) -> None:
    made = report(busy, "weekly")
    assert rows(made, "What was asked")["Questions answered"] == 994
    assert rows(made, "What was refused, by category") == {"games": 80, "chat": None, "self_harm": None}
    decided = rows(made, "Requests and decisions")
    assert decided["Requests of teachers"] == 7
    assert decided["Opened by teachers without waiting"] is None
    assert decided["Minutes until a decision: half of them within"] == 10.0
    assert made.school == "Example Primary"


def test_governors_review_at_least_annually_without_unreasonably_impacting_teaching(busy: FakeSchool) -> None:
    """Lists and their age, changes, requests, time to decision, over-blocking, checks."""
    made = report(busy, "annual")
    titles = [one.title for one in made.tables]
    for title in ("Lists", "Changes of the filter", "Requests and decisions", "Where the filter closed too much"):
        assert title in titles
    assert rows(made, "Where the filter closed too much") == {"maps.example.org": 7}
    assert rows(made, "Checks")["Last backup"] == "never"


def test_look_ups_and_files_that_were_taken_along_are_counted_whatever_they_are_of(busy: FakeSchool) -> None:
    kinds = ("device looked up", "audit exported", "incidents exported", "incident printed", "reports exported")
    with busy.store.write_session(affects_rooms=False) as session:
        for kind in kinds:
            audit.record_audit(session, busy.clock(), "lena", kind, "x")
            audit.record_audit(session, busy.clock(), audit.RoomClaim("Room 4", "tess"), kind, "a room's word")
    assert rows(report(busy, "annual"), "Changes of the filter")["Look-ups and files taken along"] == len(kinds)


def test_changes_of_profiles_rules_and_lists_are_counted_as_their_services_write_them(busy: FakeSchool) -> None:
    now = busy.clock()
    with busy.store.write_session() as session:
        profiles.copy_profile(session, now, name="pupils", new_name="year 6", by="cora")
        profiles.set_blocked_categories(session, now, profile="year 6", blocked=["games"], by="cora")
        profiles.remove_profile(session, now, name="year 6", by="cora")
        rule = rules.add_rule(session, now, name="chat.example.org", action="block", by="cora")
        session.flush()
        rules.remove_rule(session, now, rule_id=rule.id, by="cora")
        source = sources.subscribe_source(
            session, now, name="ours", category="games", location="https://lists.example.org/ours", by="cora"
        )
        session.flush()
        sources.unsubscribe_source(session, now, source_id=source.id, by="cora")
    found = rows(report(busy, "annual"), "Changes of the filter")
    assert found["Profiles made, changed or removed"] == 3
    for words in ("Rules added", "Rules removed", "Lists added", "Lists removed"):
        assert found[words] == 1, words


def test_parent_what_systems_we_use_to_filter_and_monitor(busy: FakeSchool) -> None:
    page = report_formats.to_html(report(busy, "parents"))
    assert page.startswith("<!doctype html>")
    assert "social networks" in page
    assert "never complete" in page
    assert "maps.example.org" not in page


@pytest.mark.parametrize("kind", ALWAYS)
def test_no_report_names_a_person_or_a_device_and_an_empty_school_has_one(
    busy: FakeSchool, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = report(busy, kind)
    for text in (report_formats.to_text(made), report_formats.to_csv(made), report_formats.to_html(made)):
        for name in ("tess", 'teacher"', "coordinator"):
            assert name not in text.replace("a coordinator decides", "")
    empty = FakeSchool(tmp_path_factory.mktemp("empty"))
    assert report_formats.to_text(report(empty, kind))
    empty.close()


def test_a_spreadsheet_takes_nothing_of_it_for_a_formula(busy: FakeSchool) -> None:
    cells = [
        cell for row in csv.reader(io.StringIO(report_formats.to_csv(report(busy, "weekly")))) for cell in row
    ]
    assert "'=cmd.example.org" in cells
    assert not [cell for cell in cells if cell.startswith("=")]
