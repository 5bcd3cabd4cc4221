"""Rooms, as the coordinator sees them at central."""

import io
import re
import zipfile
from typing import Any

import msgspec
import pytest

from appliance.card import enrolment_file
from appliance.central import room_life, rooms
from appliance.protocol import RoomHealth
from tests.e2e.browser import Browser
from tests.webui.central.pages import press, said


def enrol(browser: Browser, names: str) -> Browser:
    return browser.send(browser.open("/rooms").form_with("names", action="/rooms"), names=names)


def secrets(browser: Browser) -> list[str]:
    return re.findall(r"user-select-all[^>]*>([^<]+)<", browser.text)


def words(browser: Browser) -> str:
    """Return what the page says, tags left out."""
    return " ".join(re.sub(r"<[^>]+>", " ", browser.text).split())


def with_address(school: Any) -> None:
    school.central.settings = msgspec.structs.replace(
        school.central.settings,
        central=msgspec.structs.replace(school.central.settings.central, url="https://central.example.org"),
    )


def test_a_rooms_secret_is_made_once_shown_when_looked_at_again_and_gone_once_saved(
    cora: Browser, school: Any
) -> None:
    (token,) = secrets(enrol(cora, "Room 5"))
    assert secrets(cora.open("/rooms/cards")) == [token], "looking again makes nothing"
    answer = cora.client.get("/api/v1/policy", headers={"Authorization": f"Bearer {token.strip()}"})
    assert answer.json()["room"] == "Room 5"
    room_id = school.room("Room 5").id
    press(cora, f"/rooms/{room_id}/card/saved")
    assert secrets(cora.open("/rooms/cards")) == []
    assert cora.client.get(f"/rooms/{room_id}/card", follow_redirects=True).text.count("was saved") == 1


def test_many_rooms_are_enrolled_at_once_and_their_files_saved_together(cora: Browser, school: Any) -> None:
    assert "Set url in [central]" in enrol(cora, "Room 8").text
    with_address(school)
    enrol(cora, "Room 9\n\n  Library \nroom  9\n")
    with zipfile.ZipFile(io.BytesIO(cora.client.get("/rooms/cards.zip").content)) as archive:
        made = [enrolment_file.decode_enrolment(archive.read(name)) for name in archive.namelist()]
    assert sorted(one.room for one in made) == ["Library", "Room 8", "Room 9"]
    assert {one.url for one in made} == {"https://central.example.org"}
    one = cora.client.get(f"/rooms/{school.room('Library').id}/card")
    assert enrolment_file.decode_enrolment(one.content) in made
    assert one.headers["Content-Disposition"] == "attachment; filename=library.bundle", "one among several"
    press(cora.open("/rooms/cards"), "/rooms/cards/saved")
    assert secrets(cora.open("/rooms/cards")) == []
    enrol(cora, "Room 10")
    alone = cora.client.get(f"/rooms/{school.room('Room 10').id}/card")
    assert alone.headers["Content-Disposition"] == "attachment; filename=hallpass.bundle", "as its card calls it"


def test_a_name_in_use_is_asked_about_and_nobody_is_cut_off_meanwhile(cora: Browser, school: Any) -> None:
    room = school.as_room("Room 4")
    page = enrol(cora, "room 4\nRoom 5")
    assert "its present card stops at once" in page.text
    assert room.get("policy").status_code == 200
    assert "Room 5" not in cora.open("/rooms").text
    form = enrol(cora, "room 4\nRoom 5").form_with("replace", action="/rooms")
    assert form.fields["names"].split("\n") == ["room 4", "Room 5"]
    cora.send(form)
    assert room.get("policy").status_code == 401
    assert len(secrets(cora.open("/rooms/cards"))) == 2


def refused(browser: Browser, where: str, **typed: str) -> str:
    """Send what will be refused, and return the page."""
    fields = browser.form_with(*typed, action=where).fields | typed
    answer = browser.client.post(where, data=fields)
    assert answer.status_code == 422
    return answer.text


@pytest.mark.parametrize("names", [" \n ", "x" * 101, "\n".join(f"R{n}" for n in range(201))])
def test_what_was_typed_wrongly_stays_in_the_form(cora: Browser, names: str) -> None:
    page = refused(cora.open("/rooms"), "/rooms", names=names)
    (kept,) = re.findall(r"<textarea[^>]*>([^<]*)</textarea>", page)
    assert kept.split() == names.split()
    assert "alert-warning" in page


def test_a_room_is_renamed_retired_put_back_and_revoked_from_its_page(cora: Browser, school: Any) -> None:
    room = school.as_room("Room 4")
    where = f"/rooms/{school.room().id}"
    cora.send(cora.open(where).form_with("name", action="/name"), name="Library")
    assert "Room 4 is called Library now" in said(cora)
    press(cora, "/name")  # the undo
    press(cora.open(where), "/retire")
    refused = room.get("policy")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:hallpass:problem:room-ended")
    assert "retired" in refused.json()["detail"]
    assert "retired, " in cora.text
    press(cora, "/put-back")
    assert room.get("policy").json()["room"] == "Room 4"
    assert 'action="' + where + '/revoke"' not in cora.open(where).text, "it asks first"
    assert "This cannot be undone" in cora.open(f"{where}/revoke").text
    assert room.get("policy").json()["room"] == "Room 4", "to look changes nothing"
    press(cora, "/revoke")
    assert "This cannot be undone" not in cora.open(f"{where}/revoke").text, "it was revoked already"
    assert "revoked" in room.get("policy").json()["detail"]
    press(cora.open(where), f"{where}/card")
    assert len(secrets(cora)) == 1
    assert room.get("policy").status_code == 401
    audit = cora.open("/audit").text
    for what in ("room renamed", "room retired", "room put back", "room revoked"):
        assert what in audit


def test_the_undo_of_a_name_leaves_a_later_one_as_it_is(cora: Browser, school: Any) -> None:
    where, room_id = f"/rooms/{school.room().id}", school.room().id
    cora.send(cora.open(where).form_with("name", action="/name"), name="Library")
    with school.store.write_session() as session:
        room_life.rename_room(session, school.clock(), room_id=room_id, name="Reading room", by="olga")
    cora.response = cora.client.post(f"{where}/name", data=cora.form_with(action="/name").fields)
    assert "somebody has called this room Reading room in the meantime" in said(cora)
    cora.send(cora.form_with("name", action="/name"), name="Library")  # who was told may
    with school.store.read_session() as session:
        assert rooms.get_room(session, room_id).name == "Library"


@pytest.mark.parametrize(("button", "stopped"), [("keep-running", ["copy"]), ("admit-stopped", ["first"])])
def test_where_two_cards_work_as_a_room_somebody_decides_on_its_page(
    cora: Browser, school: Any, button: str, stopped: list[str]
) -> None:
    room_id = school.room().id
    with school.store.write_session() as session:
        room = rooms.get_room(session, room_id)
        room.link, room.stopped_links, room.copy_seen_at = "first", ["copy"], school.clock()
        room.copy_board = "board-2"
    assert "two cards: decide" in cora.open("/rooms").text
    assert "board-2" in cora.open(f"/rooms/{room_id}").text
    press(cora, f"/{button}")
    assert school.room().stopped_links == stopped
    assert "Two cards" not in cora.text


def test_a_name_that_another_room_has_is_said_and_stays_in_the_form(cora: Browser, school: Any) -> None:
    school.enrol("Room 5")
    room = f"/rooms/{school.room().id}"
    page = refused(cora.open(room), f"{room}/name", name="ROOM 5")
    assert "a room called Room 5 already" in page
    assert 'value="ROOM 5"' in page


def test_what_a_room_says_of_itself_is_shown_in_words_also_where_it_is_newer(cora: Browser, school: Any) -> None:
    conditions = ("disk-trouble", "roof-on-fire")
    health = RoomHealth(version="1", policy=1, index="f" * 64, index_age_seconds=0, conditions=conditions)
    room = school.room()
    with school.store.write_session() as session:
        rooms.record_health(session, school.clock(), rooms.get_room(session, room.id), health)
    assert "disk trouble, roof on fire" in re.sub(r"<[^>]+>", "", cora.open("/rooms").text)
    assert 'title="the log cannot be written"' in cora.text


def test_after_a_new_card_the_page_says_what_became_of_the_old_one_and_which_one_it_would_revoke_now(
    cora: Browser, school: Any
) -> None:
    enrol(cora, "Room 5")
    where = f"/rooms/{school.room('Room 5').id}"
    assert "card before" not in words(cora.open(where)).lower(), "it is its first"
    school.clock.pass_minutes(5)
    press(cora.open(f"{where}/revoke"), f"{where}/revoke")
    assert "would be revoked here" not in words(cora.open(where))
    press(cora, f"{where}/card")
    text = words(cora.open(where))
    assert "The card before this one revoked (" in text
    assert ", cora): it opens nothing at central any more" in text
    assert "The card that would be revoked here: the new one, made" in text
    with school.store.write_session() as session:
        room_life.mark_used(session, school.room("Room 5").id)
    text = words(cora.open(where))
    assert "which is in use. The card before it has ended already." in text


def test_files_for_cards_are_offered_only_while_one_is_left_to_be_saved(cora: Browser, school: Any) -> None:
    assert "still to be saved" not in cora.open("/rooms").text
    enrol(cora, "Room 5")
    assert "still to be saved" in cora.open("/rooms").text
    press(cora.open("/rooms/cards"), f"/rooms/{school.room('Room 5').id}/card/saved")
    assert "still to be saved" not in cora.open("/rooms").text
