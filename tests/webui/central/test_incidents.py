"""Incidents at central: pupils' as the lead sees them, staff's as the head does, and as nobody else."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.central.incidents import intake
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.protocol import Incident
from tests.e2e.browser import Browser, Form
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press, said

ODD = "<script>alert(1)</script> “x” \U0001f600"


@pytest.fixture
def lena(school: Any) -> Iterator[Browser]:
    school.enrol("Room 4")
    school.account("lena", "safeguarding")
    with Browser(school.url) as browser:
        yield browser.sign_in("lena", PASSWORD, "/sign-in?next=/incidents")


def refused(browser: Browser, form: Form, **values: str) -> str:
    """Send a form that is not taken, and return the page that comes back."""
    answer = browser.client.post(form.action, data=form.fields | values)
    assert answer.status_code == 409
    return answer.text


def notice(school: Any, *, group: str = "pupils", number: int = 1, device: str = "d1") -> str:
    incident = Incident(
        id=f"{number:032x}", kind="told-a-grown-up", happened_at=school.clock(), device=device, group=group,
        evidence=("bad.example.org", f"this room refused it twice {ODD}"),
    )  # fmt: skip
    with school.store.write_session() as session:
        intake.receive_incident(session, school.clock(), school.room(), incident)
    return incident.id


def test_an_incident_is_shown_in_words_and_seen_in_one_press_which_can_be_taken_back(
    lena: Browser, school: Any
) -> None:
    notice(school)
    page = lena.open("/incidents").text
    assert "Somebody pressed" in page
    assert "bad.example.org" in page
    assert "&lt;script&gt;" in page
    press(lena, "/state", "seen")
    assert "The incident is seen" in said(lena)
    assert "I have seen it" not in lena.text
    press(lena, "/undo")
    assert "was taken back" in said(lena)
    assert "I have seen it" in lena.open("/incidents").text


def test_an_incident_is_followed_from_new_to_closed_with_notes_a_hold_and_a_print(
    lena: Browser, school: Any
) -> None:
    group_id = notice(school)
    lena.open(f"/incidents/{group_id}")
    lena.send(lena.form_with("assigned_to"), state="assigned", assigned_to=f"Ms Ofori {ODD}")
    assert "The incident is with somebody" in said(lena)
    lena.send(lena.form_with("referred_to"), state="referred", referred_to="police", referred_on="2026-11-23")
    assert "the police on 23 November 2026" in lena.text
    lena.send(lena.form_with("note"), note="first line\r\nsecond line")
    assert "first line\nsecond line" in lena.text.replace("\r\n", "\n")
    lena.send(lena.form_with("reason"), reason="the police asked")
    assert "Hold it no longer" in lena.text
    lena.send(lena.form_with("outcome"), state="closed", outcome="seen to")
    assert "The incident is closed" in said(lena)
    assert 'name="assigned_to"' not in lena.text  # nothing but opening it again
    assert "Open it again" in lena.text
    lena.send(lena.form_with(action="/print"))
    for words in ("printed by lena", "Ms Ofori", "the police", "second line", "seen to", "bad.example.org"):
        assert words in lena.text
    assert "Nothing waits" in lena.open("/incidents").text
    assert "seen to" not in lena.text
    assert "Somebody pressed" in lena.open("/incidents?state=closed").text


def test_a_mistake_comes_back_with_what_was_typed_and_the_later_of_two_is_told(lena: Browser, school: Any) -> None:
    group_id = notice(school)
    form = lena.open(f"/incidents/{group_id}").form_with("referred_to")
    back = refused(lena, form, state="referred", referred_to="police", referred_on="2026-12-25")
    assert 'value="2026-12-25"' in back
    stale = lena.open(f"/incidents/{group_id}").form_with("outcome")
    press(lena, "/state", "seen")
    back = refused(lena, stale, state="closed", outcome="a long story")
    assert "changed this in the meantime" in back
    assert "a long story</textarea>" in back


def test_a_double_click_is_one_click(lena: Browser, school: Any) -> None:
    group_id = notice(school)
    note = lena.open(f"/incidents/{group_id}").form_with("note")
    seen = next(one for one in lena.forms() if ("state", "seen") in one.buttons)
    for _ in range(2):
        lena.send(note, note="only once")
        lena.send(seen, state="seen")
    assert lena.open(f"/incidents/{group_id}").text.count("only once") == 1
    assert lena.text.count(">seen</div>") == 1


def test_a_state_that_there_is_not_changes_nothing(lena: Browser, school: Any) -> None:
    group_id = notice(school)
    form = lena.open(f"/incidents/{group_id}").form_with("outcome")
    for state in ("", "new", "burnt", "open", "x" * 500):
        refused(lena, form, state=state, outcome="x")
    assert "I have seen it" in lena.open("/incidents").text


def test_what_was_found_is_saved_as_a_table_that_no_spreadsheet_calculates(lena: Browser, school: Any) -> None:
    notice(school, device="=1+1")
    notice(school, number=2, device="d2")
    lena.open("/incidents?search=bad.example")
    lena.send(lena.form_with(action="/incidents/export"))
    assert lena.response is not None
    assert lena.response.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(lena.text.removeprefix("\ufeff"), newline="")))
    assert sorted(row["device"] for row in rows) == ["'=1+1", "d2"]


def test_many_incidents_are_paged_and_searched(lena: Browser, school: Any) -> None:
    for number in range(1, 31):
        notice(school, number=number, device=f"device-{number}")
    assert "Page 1 of 2" in lena.open("/incidents").text
    assert lena.open("/incidents?page=2").text.count("<section") == 5
    assert lena.open("/incidents?search=device-30").text.count("<section") == 1
    assert lena.open("/incidents?page=-5&search=%25").text.count("<section") == 0
    assert lena.client.get("/incidents?state=burnt").status_code == 404
    assert lena.client.get("/incidents?page=x").status_code == 200


def test_each_role_comes_to_its_own_incidents_and_to_no_others(lena: Browser, school: Any) -> None:
    of_pupils, of_staff = notice(school), notice(school, group="staff", number=2)
    school.account("hal", "head")
    school.account("cora", "coordinator")
    token = lena.open("/incidents").form_with("version", action="/state").fields["csrf_token"]
    with Browser(school.url) as hal, Browser(school.url) as cora:
        hal.sign_in("hal", PASSWORD, "/sign-in?next=/staff-incidents")
        cora.sign_in("cora", PASSWORD)
        assert "Somebody pressed" in hal.open("/staff-incidents").text
        assert "there is no such incident" in said(hal.open(f"/staff-incidents/{of_pupils}"))
        for browser, path in (
            (hal, "/incidents"),
            (cora, "/incidents"),
            (cora, "/staff-incidents"),
            (lena, "/staff-incidents"),
        ):
            group_id = of_pupils if path == "/incidents" else of_staff
            for where in (path, f"{path}/{group_id}"):
                assert browser.client.get(where).status_code == 403
    assert "there is no such incident" in said(lena.open(f"/incidents/{of_staff}"))
    for action in ("state", "undo", "note", "hold", "release", "export", "print"):
        form = {"csrf_token": token, "state": "seen", "note": "x", "reason": "x"}
        answer = lena.client.post(f"/incidents/{of_staff}/{action}", data=form)
        assert "there is no such incident" in answer.text, action
        refused = lena.client.post(f"/staff-incidents/{of_staff}/{action}", data=form)
        assert refused.status_code == 403, action
    with school.store.read_session() as session:
        assert session.get_one(IncidentGroupRow, of_staff).version == 0
