import csv
import io

import pytest
from sqlalchemy import select

from appliance.central.errors import NotFound, NotPossible
from appliance.central.incidents import export, states
from appliance.central.incidents.search import IncidentFilter, list_groups
from appliance.central.models import AuditRow
from tests.appliance.central.incidents.conftest import Notice
from tests.fakes.school import FakeSchool


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_an_export_has_a_row_for_each_incident_with_its_state_and_notes_and_stands_in_the_audit(
    school: FakeSchool, notice: Notice
) -> None:
    first = notice("d1", evidence=("a.example: 3 times", "b.example: once"))
    notice("d1")
    notice("d2", group="staff")
    with school.store.write_session() as session:
        states.add_note(session, school.clock(), group_id=first, whose="pupils", text="=HYPERLINK(1)", by="lead")
    with school.store.write_session() as session:
        text = export.export_groups(session, school.clock(), IncidentFilter(whose="pupils", shown="all"), "lead")
    rows = table(text)
    assert [row["device"] for row in rows] == ["d1", "d1"]
    assert rows[0]["evidence"] == "a.example: 3 times; b.example: once"
    assert "lead: =HYPERLINK(1)" in rows[0]["notes"]
    with school.store.read_session() as session:
        line = session.scalars(select(AuditRow).where(AuditRow.what == "incidents exported")).one()
        assert (line.who, line.detail) == ("lead", "1 of pupils (all)")


def test_one_incident_can_be_exported_by_whoever_may_see_it(school: FakeSchool, notice: Notice) -> None:
    group_id = notice("d1", group="staff", evidence=("=cmd|'/c calc'!A1", "@SUM(A1)"))
    with school.store.write_session() as session:
        row = table(export.export_group(session, school.clock(), group_id=group_id, whose="staff", by="head"))[0]
    assert row["evidence"].startswith("'=cmd"), "no spreadsheet calculates it"
    with pytest.raises(NotFound), school.store.write_session() as session:
        export.export_group(session, school.clock(), group_id=group_id, whose="pupils", by="lead")


def test_more_than_can_be_exported_at_once_is_said(
    school: FakeSchool, notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_GROUPS", 1)
    notice("d1")
    notice("d2")
    with pytest.raises(NotPossible, match="ask for less"), school.store.write_session() as session:
        export.export_groups(session, school.clock(), IncidentFilter(whose="pupils"), "lead")


def test_incidents_are_searched_by_room_device_evidence_and_kind_page_by_page(
    school: FakeSchool, notice: Notice
) -> None:
    notice("d1", evidence=("games.example.org: 5 times",))
    notice("d2", "bypass", evidence=("100%_proxy.example",))
    with school.store.read_session() as session:

        def found(search: str, **more: int) -> list[str]:
            page = list_groups(session, IncidentFilter(whose="pupils", search=search), **more)
            return sorted(one.device for one in page.groups)

        assert found("games.example") == ["d1"]
        assert found("100%_") == ["d2"]
        assert found("%") == ["d2"], "no pattern, a sign"
        assert found("round filter") == ["d2"]
        assert found("room 4 D1") == ["d1"]
        assert found("'; DROP TABLE incidents; --") == []
        assert found("", page_size=1, page=2) != found("", page_size=1, page=1)
        for beyond in (99, 10**30):
            assert len(found("", page_size=1, page=beyond)) == 1, "the last page"
