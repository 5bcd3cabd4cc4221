"""Timetables, terms and holidays, as the coordinator sees them at central."""

from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.webui.central.pages import document, said

LUNCH = {"name": "lunch", "start": "12:00", "end": "13:00", "opens": ["games"], "when": "school-days"}


def send_row(browser: Browser, step: str = "save", **values: Any) -> Any:
    form = browser.open("/timetables/profile?profile=pupils").form_with("replaces")
    browser.response = browser.client.post(
        "/timetables/profile", data=form.fields | LUNCH | {"step": step} | values
    )
    return browser.response


def rows(school: Any) -> list[tuple[str, str, str]]:
    (pupils,) = [one for one in document(school).profiles if one.name == "pupils"]
    return [(one.name, one.start, one.end) for one in pupils.timetable]


def test_a_row_is_looked_at_in_its_week_before_it_is_saved_and_undone_after(cora: Browser, school: Any) -> None:
    page = send_row(cora, step="look")
    assert "Nothing is saved yet" in page.text
    assert "12:00 to 13:00" in page.text
    assert rows(school) == []
    form = cora.form_with("replaces")
    cora.response = cora.client.post(
        "/timetables/profile", data=form.fields | {"opens": ["games"], "step": "save"}
    )
    assert rows(school) == [("lunch", "12:00", "13:00")]
    assert "lunch: school days, 12:00 to 13:00" in cora.text
    cora.send(cora.form_with(action="/timetables/undo/"))
    assert "is as it was before" in said(cora)
    assert rows(school) == []


def test_a_row_is_changed_and_removed(cora: Browser, school: Any) -> None:
    send_row(cora)
    link = cora.text.partition("row=")[2].partition("#")[0]
    cora.open(f"/timetables/profile?profile=pupils&row={link}")
    form = cora.form_with("replaces")
    assert (form.fields["start"], form.fields["opens"]) == ("12:00", "games")
    cora.send(form, end="12:45", step="save")
    assert rows(school) == [("lunch", "12:00", "12:45")]
    cora.send(cora.form_with("row", action="/remove"))
    assert rows(school) == []


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"opens": []}, "closes nothing and opens nothing"),
        ({"start": "25:00"}, "a time such as 12:30"),
        ({"closes": ["games"]}, "opens and closes games at once"),
        ({"days": ["monday"], "when": "sometimes"}, "a time such as 12:30"),
    ],
)
def test_a_row_that_cannot_be_is_said_on_the_page(cora: Browser, school: Any, values: Any, why: str) -> None:
    page = send_row(cora, **values)
    assert page.status_code == 422
    assert why in page.text
    assert rows(school) == []


def test_the_schools_year_is_set_and_what_cannot_be_comes_back_filled_in(cora: Browser, school: Any) -> None:
    form = cora.open("/timetables").form_with("kind", "first")
    cora.send(form, kind="terms", name="spring", first="2027-01-05", last="2027-03-25")
    assert "spring is in the school" in said(cora)
    page = cora.client.post(
        "/timetables/spans", data=form.fields | {"name": "odd", "first": "2027-05-01", "last": ""}
    )
    assert page.status_code == 422
    assert 'value="2027-05-01"' in page.text
    assert [one.name for one in document(school).terms] == ["spring"]
    token = form.fields["csrf_token"]
    cora.response = cora.client.post("/timetables/week", data={"csrf_token": token, "days": ["sun", "mon"]})
    assert "week is saved" in said(cora)
    cora.send(cora.open("/timetables").form_with("kind", action="/remove"))
    assert document(school).terms == ()
    cora.send(cora.form_with(action="/undo/"))
    assert [one.name for one in document(school).terms] == ["spring"]


def test_the_page_tells_what_holds_now_and_what_comes_next(cora: Browser) -> None:
    send_row(cora)
    text = cora.open("/timetables").text
    assert "Games will open" in text
    assert "Timetable of pupils" in text


@pytest.mark.parametrize("week", ["0001-01-01", "9999-12-31", "soon", "2026-02-30"])
def test_a_week_that_is_none_shows_this_one(cora: Browser, week: str) -> None:
    assert cora.client.get("/timetables/profile", params={"profile": "pupils", "week": week}).status_code == 200
