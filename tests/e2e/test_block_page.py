"""The page for pupils in an enrolled room: switched on at central, met in the room, and heard of at central."""

from functools import partial

import httpx
import pytest

from tests.e2e.browser import Browser
from tests.e2e.school import Room, School, until

pytestmark = pytest.mark.timeout(240)

SITE = "coolmathgames.com"  # in the starter list: games
NOWHERE, THE_ROOM = "0.0.0.0", "127.0.0.1"


def leads_to(room: Room, address: str) -> bool:
    return room.dig.addresses(SITE) == [address]


def choose_refusal(coordinator: Browser, refusal: str) -> None:
    coordinator.open("/profiles/change?profile=pupils")
    form = coordinator.form_with("revision")
    coordinator.client.post("/profiles/change", data=form.fields | {"closed": ["games"], "refusal": refusal})


@pytest.mark.xdist_group("block page")
def test_the_page_for_pupils_is_switched_on_at_central_and_a_pupil_tells_a_grown_up_from_it(
    school: School, room: Room
) -> None:
    until("the room to follow central", partial(leads_to, room, NOWHERE))
    password, leads = school.account("coordinator", "coordinator"), school.account("lead", "safeguarding")
    with Browser(school.url) as coordinator, Browser(school.url) as lead, Browser(room.url) as pupil:
        coordinator.sign_in("coordinator", password)
        lead.sign_in("lead", leads)
        choose_refusal(coordinator, "page")
        until("the site to lead to the room", partial(leads_to, room, THE_ROOM))
        told = {"Host": SITE, "Origin": f"http://{SITE}"}
        page = pupil.client.get("/", headers=told)
        assert page.status_code == 403
        pupil.response = page
        button = pupil.form_with(action="tell-a-grown-up")
        answer: httpx.Response = pupil.client.post(button.action, headers=told)
        assert "A grown-up will look at it" in answer.text
        until("central to hear of it", lambda: SITE in lead.open("/incidents").text)
        choose_refusal(coordinator, "null")
        until("the site to lead nowhere again", partial(leads_to, room, NOWHERE))
