"""What schools ask of a filter, in their own words (docs/what-schools-ask.md), where central answers."""

import csv
import io
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance import protocol
from appliance.central import (
    account_management,
    accounts,
    audit,
    audit_search,
    first_start,
    lookups,
    permanent_openings,
    report_formats,
    reports,
    requests,
    rules,
    school_reports,
)
from appliance.central.errors import NotFound, NotPossible
from appliance.central.incidents import export, intake, search
from appliance.central.incidents.kinds import Whose
from appliance.central.models import UserRow
from appliance.rights import GRANTS, Right, Scope, has_right
from tests.fakes.school import PASSWORD, FakeSchool

LONDON = ZoneInfo("Europe/London")
DEVICE = "d1" * 6


@pytest.fixture(autouse=True)
def _rooms(rooms_of_the_school: None) -> None:
    del rooms_of_the_school


def notice(school: FakeSchool, number: int, *, group: str = "pupils", kind: str = "many-refusals") -> None:
    incident = protocol.Incident(
        id=f"{number:032x}", kind=kind, happened_at=school.clock(), group=group,  # type: ignore[arg-type]  # one of them
        device=f"{number:012x}", evidence=("games.example.org",),
    )  # fmt: skip
    with school.store.write_session() as session:
        assert intake.receive_incident(session, school.clock(), school.room(), incident)


def groups(school: FakeSchool, whose: Whose) -> list[str]:
    with school.store.read_session() as session:
        found = search.list_groups(session, search.IncidentFilter(whose=whose, shown="all"))
        return [one.id for one in found.groups]


def entries(school: FakeSchool, **wanted: Any) -> list[audit_search.AuditEntry]:
    with school.store.read_session() as session:
        return list(audit_search.find_entries(session, audit_search.AuditFilter(**wanted)).entries)


def test_teacher_the_url_time_and_date_must_be_reported(school: FakeSchool) -> None:
    said = protocol.SiteReport(id="a" * 32, site="bad.example.org", teacher="tess", reported_at=school.clock())
    with school.store.write_session() as session:
        assert reports.receive_report(session, school.clock(), school.room(), said)
        row = reports.get_report(session, said.id)
        letter = reports.write_report_text(row, school="Example Primary", zone=LONDON)
        table = list(csv.reader(io.StringIO(reports.render_reports_csv([row], school="x", zone=LONDON))))
    for words in ("Address: bad.example.org", "Date: 24 November 2026", "Time: 09:00 (GMT)"):
        assert words in letter
    assert "tess" not in letter
    assert table[1][:4] == ["bad.example.org", "2026-11-24", "09:00", "GMT"]


def test_supply_teacher_username_recorded_by_the_office_traceable(school: FakeSchool) -> None:
    ends = school.clock() + timedelta(days=2)
    with school.store.write_session() as session:
        accounts.add_account(
            session, school.clock(), username="sam", name="Sam Supply", roles=("supply",), password=PASSWORD,
            ends=ends, by="olive",
        )  # fmt: skip
    asked = protocol.UnblockRequest(
        id="b" * 32, site="maps.example.org", reason="Rivers", minutes=30, teacher="sam", asked_at=school.clock()
    )
    with school.store.write_session() as session:
        requests.submit_request(session, school.clock(), school.room(), asked)
    (made,) = (one for one in entries(school, person="olive"))
    assert (made.what, "sam" in made.detail) == ("account added", True)
    assert [one.who for one in entries(school, person="sam") if one.what == "request"] == ["sam"]

    with school.store.read_session() as session:
        user = accounts.find_user(session, "sam")
        assert user is not None
        assert (accounts.has_ended(user, school.clock()), accounts.has_ended(user, ends)) == (False, True)
    for wrong in (None, school.clock() + timedelta(days=400)):
        with pytest.raises(NotPossible, match="a supply teacher's account"):
            account_management.check_end(school.clock(), ("supply",), wrong)


def test_coordinator_regular_incident_reports(school: FakeSchool) -> None:
    for number in range(1, 8):
        notice(school, number)
    with school.store.read_session() as session:
        made = school_reports.make_report(session, school.clock() + timedelta(minutes=1), LONDON, "weekly")
    (concerns,) = (one for one in made.tables if one.title == "Concerns")
    assert 7 in [row[-1] for row in concerns.rows]
    assert report_formats.to_html(made).startswith("<!doctype html>"), "a page to print"
    assert "Concerns" in report_formats.to_csv(made)
    assert has_right("leadership", Right.READ_REPORTS, Scope.SCHOOL)


def test_dsl_reviews_incident_logs_and_filtering_or_change_control_logs(school: FakeSchool) -> None:
    notice(school, 1)
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name="chat.example.org", action="block", by="cora")
        lead = search.IncidentFilter(whose="pupils", shown="all")
        text = export.export_groups(session, school.clock(), lead, by="lena")
    (row,) = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    assert (row["room"], row["state"]) == ("Room 4", "new")
    (change,) = entries(school, words="chat.example.org")
    assert (change.who, change.what) == ("cora", "rule: block")
    assert [one.who for one in entries(school, kind="incidents exported")] == ["lena"]
    for right in (Right.HANDLE_INCIDENTS, Right.READ_AUDIT, Right.EXPORT_AUDIT):
        assert has_right("safeguarding", right, Scope.SCHOOL)


def test_headteacher_use_logged_and_made_available_on_request(school: FakeSchool) -> None:
    notice(school, 1, group="staff")
    notice(school, 2)
    assert groups(school, "staff") == [f"{1:032x}"], "what is staff's is nobody's but the head's"
    assert groups(school, "pupils") == [f"{2:032x}"]

    def ask(reason: str) -> str:
        with school.store.write_session() as session:
            row = lookups.ask_room(
                session, school.clock(), room_id=school.room().id, device=DEVICE, reason=reason, by="hedda",
                since=school.clock() - timedelta(hours=1), until=school.clock(), whose="staff",
            )  # fmt: skip
            session.flush()
            return row.id

    with pytest.raises(NotPossible):
        ask("  ")
    asked = ask("a parent has complained")
    assert [(one.who, "a parent has complained" in one.detail) for one in entries(school, person="hedda")] == [
        ("hedda", True)
    ]
    with school.store.read_session() as session, pytest.raises(NotFound):
        lookups.get_lookup(session, asked, "pupils")
    may = [role for role, rights in GRANTS.items() if Right.LOOK_UP_STAFF_DEVICES in rights]
    assert may == ["head"]


def test_governor_regular_monitoring_of_filtering_change_control_logs(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        for number in range(6):
            rules.add_rule(session, school.clock(), name=f"s{number}.example.org", action="block", by="cora")
        made = school_reports.make_report(session, school.clock() + timedelta(minutes=1), LONDON, "termly")
    (changes,) = (one for one in made.tables if one.title == "Changes of the filter")
    assert 6 in [row[-1] for row in changes.rows]
    text = report_formats.to_text(made)
    assert not any(name in text for name in ("cora", "s1.example.org"))
    decides = {right for right, scope in GRANTS["governor"].items() if scope is Scope.SCHOOL}
    assert decides == {Right.SIGN_IN, Right.HEAR_NEWS, Right.MANAGE_OWN_SIGN_INS, Right.READ_REPORTS}


def test_governor_review_filtering_and_monitoring_provision_at_least_annually(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        made = school_reports.make_report(session, school.clock(), LONDON, "annual")
    assert made.until - made.since >= timedelta(days=365)
    titles = {one.title for one in made.tables}
    assert titles >= {
        "Lists", "Changes of the filter", "Requests and decisions", "Where the filter closed too much", "Checks",
    }  # fmt: skip


def test_all_identify_and_assign_roles(school: FakeSchool) -> None:
    def unnamed() -> set[str]:
        with school.store.read_session() as session:
            start = first_start.read_first_start(session, school.clock())
            assert ("people" in start.done) == (not start.unnamed)
            return set(start.unnamed)

    assert unnamed() == {"safeguarding", "leadership", "governor", "technician"}
    for role in sorted(unnamed()):
        with school.store.write_session() as session:
            first_start.invite(session, school.clock(), role=role, name=role.title(), username="", by="cora")
    assert unnamed() == set()
    with school.store.write_session() as session:
        session.get_one(UserRow, "governor").ends = school.clock()
    school.clock.pass_minutes(1)
    assert unnamed() == {"governor"}, "a role is named as long as somebody has it"


def test_teacher_sites_permanently_removed_from_the_filtered_list_by_the_coordinator(school: FakeSchool) -> None:
    asked = school.request(site="games.example.org")
    with school.store.write_session() as session:
        permanent_openings.make_request_permanent(session, school.clock(), request_id=asked, by="cora")
    assert [(one.name, one.action) for one in school.document().rules] == [("games.example.org", "allow")]
    assert audit.COMMAND_LINE not in [one.who for one in entries(school, words="games.example.org")]
