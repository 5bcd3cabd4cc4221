"""Look-ups at central: asked with a reason, shown once answered, and each set for its own role alone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from appliance.central import lookups
from appliance.central.incidents import intake
from appliance.protocol import Incident, LookupAnswer, LookupEntry
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press, said

DEVICE = "0123456789ab"
GROUP = "b" * 32


@pytest.fixture
def lena(school: Any) -> Iterator[Browser]:
    school.enrol("Room 4")
    school.account("lena", "safeguarding")
    incident = Incident(
        id=GROUP, kind="bypass", happened_at=school.clock(), device=DEVICE, evidence=("vpn.example",)
    )
    with school.store.write_session() as session:
        intake.receive_incident(session, school.clock(), school.room(), incident)
    with Browser(school.url) as browser:
        yield browser.sign_in("lena", PASSWORD, "/sign-in?next=/incidents")


def questions(school: Any) -> list[Any]:
    with school.store.read_session() as session:
        return lookups.list_questions(session, school.clock(), school.room().id)


def test_a_device_is_looked_up_from_its_incident_with_a_reason(lena: Browser, school: Any) -> None:
    assert f"/look-ups?incident={GROUP}" in lena.open(f"/incidents/{GROUP}").text
    form = lena.open(f"/look-ups?incident={GROUP}").form_with("reason")
    assert (form.fields["device"], form.fields["since"], form.fields["until"]) == (
        DEVICE, "2026-11-24T08:45", "2026-11-24T09:15",
    )  # fmt: skip
    refused = lena.client.post("/look-ups", data=form.fields | {"reason": "x"})
    assert refused.status_code == 409
    assert "says more than that" in refused.text
    assert 'value="2026-11-24T08:45"' in refused.text
    assert questions(school) == []
    for _ in range(2):
        lena.send(form, reason="a parent asked <b>today</b>")
        assert "The room is asked" in said(lena)
        assert f'<a href="/incidents/{GROUP}">Back to the incident</a>' in lena.text
    (question,) = questions(school)
    assert (question.who, question.device, question.until) == ("lena", DEVICE, school.clock())
    assert "has not answered yet" in lena.text
    assert "&lt;b&gt;" in lena.text
    line = LookupEntry(
        second=int((school.clock() - timedelta(minutes=2)).timestamp()), name="<i>odd</i>.example", type="A",
        verdict="refused", category="social_networks", count=3,
    )  # fmt: skip
    with school.store.write_session() as session:
        lookups.receive_answer(
            session,
            school.clock(),
            school.central.keys,
            school.room(),
            LookupAnswer(id=question.id, entries=(line,), is_cut=True),
        )
    page = lena.open(f"/look-ups/{question.id}").text
    assert "&lt;i&gt;odd&lt;/i&gt;.example" in page
    assert "08:58:00" in page
    assert "these are the newest lines" in page
    assert "<td>Social networks</td>" in page
    press(lena, "/delete")
    assert "was deleted" in said(lena)
    assert "odd" not in lena.open(f"/look-ups/{question.id}").text


def test_odd_times_and_rooms_are_said_and_ask_nothing(lena: Browser, school: Any) -> None:
    form = lena.open(f"/look-ups?incident={GROUP}").form_with("reason")
    for odd in (
        {"since": "0001-01-01T00:00"}, {"until": "9999-12-31T23:59"}, {"since": "yesterday"}, {"room": "99"},
        {"room": "x"}, {"device": "%"}, {"since": "2026-11-23T08:00"},
    ):  # fmt: skip
        fields = form.fields | {"reason": "a parent asked today"} | odd
        assert lena.client.post("/look-ups", data=fields).status_code == 409, odd
    assert lena.client.get("/look-ups?incident=%ff").status_code in {200, 302, 400}
    assert questions(school) == []


def test_each_role_comes_to_its_own_look_ups_and_to_no_others(lena: Browser, school: Any) -> None:
    school.account("hal", "head")
    school.account("cora", "coordinator")
    now = school.clock()
    with school.store.write_session() as session:
        of_staff = lookups.ask_room(
            session, now, room_id=school.room().id, device=DEVICE, since=now - timedelta(hours=1), until=now,
            reason="a complaint was made", by="hal", whose="staff",
        ).id  # fmt: skip
    form = lena.open("/look-ups").form_with("reason")
    with Browser(school.url) as hal, Browser(school.url) as cora:
        hal.sign_in("hal", PASSWORD, "/sign-in?next=/staff-look-ups")
        cora.sign_in("cora", PASSWORD)
        assert "a complaint was made" in hal.open(f"/staff-look-ups/{of_staff}").text
        assert hal.client.get("/look-ups").status_code == 403
        for path in ("/look-ups", "/staff-look-ups", f"/staff-look-ups/{of_staff}"):
            assert cora.client.get(path).status_code == 403
    assert lena.client.get(f"/staff-look-ups/{of_staff}").status_code == 403
    assert lena.client.post(f"/staff-look-ups/{of_staff}/delete", data=form.fields).status_code == 403
    assert "there is no such look-up" in lena.client.post(f"/look-ups/{of_staff}/delete", data=form.fields).text
    assert "a complaint was made" not in lena.open("/look-ups").text
