"""Rooms, as the coordinator sees them at central."""

import re
from typing import Any

import msgspec

from appliance.card import enrolment_file
from appliance.central import rooms
from appliance.protocol import RoomHealth
from tests.e2e.browser import Browser
from tests.webui.central.pages import said


def test_a_rooms_token_is_shown_once_and_opens_the_interface(cora: Browser, school: Any) -> None:
    cora.open("/rooms")
    cora.send(cora.form_with("name", action="/rooms"), name="Room 5")
    token = re.search(r"user-select-all[^>]*>([^<]+)<", cora.text)
    assert token
    answer = cora.client.get("/api/v1/policy", headers={"Authorization": f"Bearer {token[1].strip()}"})
    assert answer.json()["room"] == "Room 5"
    assert token[1] not in cora.open("/rooms").text


def test_a_room_is_enrolled_into_the_file_for_its_card(cora: Browser, school: Any) -> None:
    form = cora.open("/rooms").form_with(action="/rooms")
    assert "Set url in [central]" in said(cora.send(form, name="Room 9", bundle="1"))
    assert "Room 9" not in cora.open("/rooms").text
    school.central.settings = msgspec.structs.replace(
        school.central.settings,
        central=msgspec.structs.replace(school.central.settings.central, url="https://central.example.org"),
    )
    cora.send(cora.open("/rooms").form_with(action="/rooms"), name="Room 9", bundle="1")
    made = enrolment_file.decode_enrolment(cora.text.encode())
    assert (made.room, made.url) == ("Room 9", "https://central.example.org")


def test_what_a_room_says_of_itself_is_shown_in_words_also_where_it_is_newer(cora: Browser, school: Any) -> None:
    conditions = ("disk-trouble", "roof-on-fire")
    health = RoomHealth(version="1", policy=1, index="f" * 64, index_age_seconds=0, conditions=conditions)
    room = school.room()
    with school.store.write_session() as session:
        rooms.record_health(session, school.clock(), rooms.get_room(session, room.id), health)
    assert "disk trouble, roof on fire" in re.sub(r"<[^>]+>", "", cora.open("/rooms").text)
    assert 'title="the log cannot be written"' in cora.text
