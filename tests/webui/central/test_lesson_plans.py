"""The school's own lesson plans, as the coordinator keeps them at central."""

from typing import Any

import httpx
import pytest

from tests.e2e.browser import Browser, Form
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import document, press, said

ROMANS = "https://www.example.org/romans\r\nmaps.example.org"  # as browsers send lines


def new_plan(cora: Browser, **values: str) -> Browser:
    form = cora.open("/lesson-plans/change").form_with("links")
    wanted = {"title": "The Romans", "links": ROMANS, "minutes": "45", "step": "save", **values}
    return cora.send(form, files=None, **wanted)


def send(browser: Browser, form: Form, **values: str) -> httpx.Response:
    """Send a form that comes back."""
    browser.response = browser.client.post(
        form.action, data={**form.fields, **values}, headers={"Referer": str(browser.client.base_url)}
    )
    return browser.response


def test_a_plan_is_added_changed_removed_and_put_back_in_every_room(cora: Browser, school: Any) -> None:
    new_plan(cora)
    assert "Every room shows “The Romans” now." in said(cora)
    (plan,) = document(school).school_plans
    assert (plan.title, plan.links, plan.minutes) == ("The Romans", tuple(ROMANS.split()), 45)
    form = cora.open(f"/lesson-plans/change?plan={plan.id}").form_with("links")
    cora.send(form, title="The Romans, year 5", links=ROMANS, step="save")
    (changed,) = document(school).school_plans
    assert (changed.id, changed.title) == (plan.id, "The Romans, year 5")
    press(cora, "/lesson-plans/remove", plan.id)
    assert document(school).school_plans == ()
    cora.send(cora.form_with(action="/lesson-plans/undo/"))
    assert document(school).school_plans == (changed,)


def test_each_link_is_looked_at_before_anything_is_saved(cora: Browser, school: Any) -> None:
    school.central.publisher.build_and_publish()  # the starter list
    new_plan(cora, links="www.tiktok.com\nwww.example.org\nco.uk", step="look")
    assert "Closed as Social networks, by the starter list." in cora.text
    assert cora.text.count("Open: nothing closes it.") == 1  # co.uk is no site
    assert cora.form_with("links").fields["title"] == "The Romans"
    assert document(school).school_plans == ()


@pytest.mark.parametrize(
    "values", [{"title": " "}, {"links": "\n \n"}, {"links": "\n".join(f"s{at}.example.org" for at in range(31))}]
)
def test_what_no_room_could_show_comes_back_filled_in(cora: Browser, school: Any, values: dict[str, str]) -> None:
    form = cora.open("/lesson-plans/change").form_with("links")
    answer = send(
        cora, form, **{"title": "The Romans", "links": ROMANS, "minutes": "45", "step": "save", **values}
    )
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert cora.form_with("links").fields["minutes"] == "45"
    assert document(school).school_plans == ()


def test_the_later_of_two_people_is_told(cora: Browser, school: Any) -> None:
    new_plan(cora)
    (plan,) = document(school).school_plans
    school.account("dan", "deputy_coordinator")
    with Browser(school.url) as dan:
        dan.sign_in("dan", PASSWORD)
        mine = cora.open(f"/lesson-plans/change?plan={plan.id}").form_with("links")
        his = dan.open(f"/lesson-plans/change?plan={plan.id}").form_with("links")
        dan.send(his, title="Dan's", links=ROMANS, step="save")
    assert send(cora, mine, title="Cora's", links=ROMANS, step="save").status_code == 409
    assert "somebody else has changed" in cora.text or "dan has changed" in cora.text
    assert document(school).school_plans[0].title == "Dan's"


def test_nobody_else_keeps_plans(school: Any) -> None:
    school.account("ollie", "office")
    with Browser(school.url) as ollie:
        ollie.sign_in("ollie", PASSWORD)
        assert ollie.client.get("/lesson-plans").status_code == 403
