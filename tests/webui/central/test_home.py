"""Home says what waits, what is broken, and draws the day, each picture with its figures beside it."""

import base64
import html
import re
from typing import Any
from xml.etree import ElementTree as ET

from appliance import protocol
from appliance.central import requests, rooms
from tests.e2e.browser import Browser


def read(browser: Browser) -> str:
    return html.unescape(re.sub(r"\s+", " ", browser.open("/home").text))


def decide(school: Any, minutes: float, site: str = "maps.example.org") -> None:
    asked = school.request(site=site)
    school.clock.pass_minutes(minutes)
    with school.store.write_session() as session:
        requests.approve_request(
            session, school.clock(), request_id=asked, by="cora", minutes=30, scope="room", groups=(), answer=""
        )


def test_what_waits_is_counted_and_leads_to_where_it_is_settled(cora: Browser, school: Any) -> None:
    assert "Nothing waits." in read(cora)
    school.request()
    assert re.search(r'<a href="/[^"]*"><strong>1</strong> request to open a site</a>', read(cora))
    school.request(site="other.example.org")
    assert "<strong>2</strong> requests to open a site" in read(cora)


def test_a_room_that_is_silent_or_has_a_condition_is_said(cora: Browser, school: Any) -> None:
    assert "Room 4: has not been set up yet" in read(cora)
    health = protocol.RoomHealth(
        version="1", policy=1, index="", index_age_seconds=1, conditions=("internet-unreachable",)
    )
    with school.store.write_session() as session:
        rooms.record_health(session, school.clock(), session.merge(school.room()), health)
    assert "Room 4: " in read(cora)
    assert "Room 4: is silent" not in read(cora)
    school.clock.pass_minutes(3)
    assert "Room 4: is silent" in read(cora)


def test_lists_that_could_not_be_renewed_are_said_without_a_programs_words(cora: Browser, school: Any) -> None:
    publisher = school.central.publisher
    publisher._set_state(type(publisher.state)(error="/var/lib/hallpass: [Errno 28] No space left on device"))
    text = read(cora)
    assert "The lists could not be renewed" in text
    assert "Errno" not in text


def test_every_picture_is_drawn_here_and_has_its_figures_in_a_table(cora: Browser, school: Any) -> None:
    decide(school, 10)
    decide(school, 20)
    decide(school, 60, "video.example.com")
    text = read(cora)
    pictures = re.findall(r'src="data:image/svg\+xml;charset=utf-8;base64,([^"]+)"', text)
    assert len(pictures) == 4
    for picture in pictures:
        drawn = base64.b64decode(picture)
        assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<script" not in drawn
        assert not re.search(rb'(?:href|src)="https?:', drawn)
    assert '<td class="name">maps.example.org</td><td>2</td>' in text
    assert '<td class="name">24/11</td><td>20</td>' in text  # half of the three were decided within twenty minutes
    assert "3 today: 3 opened, 0 denied." in text


def test_a_name_as_long_as_may_be_draws_a_picture_all_the_same(cora: Browser, school: Any) -> None:
    school.request(site=".".join(["x" * 60] * 3 + ["example.org"]))
    assert "Most asked for" in read(cora)
