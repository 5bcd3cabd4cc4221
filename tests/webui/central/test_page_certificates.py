"""A certificate for rooms' pages is handed in on central's page, by whoever enrols rooms."""

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.central.models import PageCertificateRow, RoomRow
from tests.e2e.browser import Browser
from tests.fakes.page_pairs import SUFFIX, PagePairs
from tests.fakes.school import PASSWORD

PATH = "/rooms/pages"


@pytest.fixture
def technician(school: Any) -> Iterator[Browser]:
    school.enrol("Room 4")
    school.account("tech", "technician")
    with Browser(school.url) as browser:
        yield browser.sign_in("tech", PASSWORD)


def rows(school: Any) -> list[PageCertificateRow]:
    with school.store.read_session() as session:
        return list(session.query(PageCertificateRow))


def hand_in(browser: Browser, certificate: bytes, key: bytes, **fields: str) -> tuple[int, str]:
    """Fill in the form; return the status and what the page says then."""
    form = browser.open(PATH).form_with("room")
    files = {"certificate": ("a.pem", certificate), "key": ("a.key" if key else "", key)}
    answer = browser.client.post(PATH, data=form.fields | fields, files=files)
    return answer.status_code, answer.text


def test_a_wildcard_is_handed_in_and_each_rooms_page_has_its_name(school: Any, technician: Browser) -> None:
    assert "no certificate from here" in technician.open(PATH).text
    certificate, key = PagePairs(school.central.now()).pair(f"*.{SUFFIX}")
    _, page = hand_in(technician, certificate.encode(), key.encode(), publicly_trusted="y")
    assert f"room-4.{SUFFIX}" in page
    assert "for every room" in page
    (row,) = rows(school)
    assert (row.made_by, row.publicly_trusted) == ("tech", True)
    assert "BEGIN" not in row.sealed_key


def test_what_is_refused_is_said_and_the_form_comes_back_as_it_was(school: Any, technician: Browser) -> None:
    pairs = PagePairs(school.central.now())
    certificate, key = (one.encode() for one in pairs.pair("room-4.school.example.org"))
    for words, files in (
        ("not the one of this certificate", (certificate, pairs.pair("x.example.org")[1].encode())),
        ("choose a file", (certificate, b"")),
        ("can be read", (b"\x00\xff \xe2\x80\xae", key)),
        ("too large", (b"x" * 300_000, key)),
    ):
        status, page = hand_in(technician, *files, room="Room 4", publicly_trusted="y")
        assert (status, words in page) == (422, True), words
        assert '<option selected value="Room 4">' in page
        assert " checked " in page
    assert "begins with a star" in hand_in(technician, certificate, key)[1]
    assert hand_in(technician, certificate, key, room="Room 99")[0] == 422
    assert rows(school) == []
    assert hand_in(technician, certificate, key, room="Room 4")[0] == 200
    assert [row.name for row in rows(school)] == ["room-4.school.example.org"]


def test_who_enrols_no_rooms_hands_in_no_certificate(school: Any, lead: Browser) -> None:
    assert lead.client.get(PATH).status_code == 403
    assert lead.client.post(PATH, data={"room": ""}).status_code in (400, 403)
    assert rows(school) == []


def test_what_was_handed_in_is_taken_back_after_a_look_and_can_be_given_back(
    school: Any, technician: Browser
) -> None:
    pairs = PagePairs(school.central.now())
    for names, of in ((f"*.{SUFFIX}", ""), ("library.school.example.org", "Room 4")):
        certificate, key = pairs.pair(names)
        assert hand_in(technician, certificate.encode(), key.encode(), room=of)[0] == 200
    own = next(row.room_id for row in rows(school) if row.room_id)
    page = technician.open(PATH).text
    assert page.count("Take it back") == 2

    look = technician.open(f"{PATH}/take-back?room_id={own}")
    assert "library.school.example.org" in look.text
    assert f"room-4.{SUFFIX}" in look.text, "what the room has then"
    assert [row.taken_back_at for row in rows(school)] == [None, None], "a look changes nothing"
    said = look.send(look.form_with("seen")).text
    assert "is taken back" in said
    assert "library.school.example.org</span>:" not in said
    assert f"room-4.{SUFFIX}" in said
    undo = technician.form_with("room_id")
    assert undo.action.endswith("/give-back")
    assert "Rooms have the certificate for library.school.example.org again" in technician.send(undo).text
    assert [row.taken_back_at for row in rows(school)] == [None, None]
    assert "waits for the pages of Room 4" in technician.send(undo).text, "a second press changes nothing"


def test_a_certificate_that_came_in_meanwhile_is_not_taken_back(school: Any, technician: Browser) -> None:
    pairs = PagePairs(school.central.now())
    certificate, key = pairs.pair(f"*.{SUFFIX}")
    hand_in(technician, certificate.encode(), key.encode())
    form = technician.open(f"{PATH}/take-back").form_with("seen")
    certificate, key = pairs.pair(f"*.{SUFFIX}")
    with Browser(school.url) as other:
        hand_in(other.sign_in("tech", PASSWORD), certificate.encode(), key.encode())
    assert "handed in in the meantime" in technician.send(form).text
    assert [row.taken_back_at for row in rows(school)] == [None]
    assert "no certificate for the pages of Room 4" in technician.open(f"{PATH}/take-back?room_id=1").text
    assert "no such room" in technician.open(f"{PATH}/take-back?room_id=99").text


def test_a_card_that_was_revoked_with_a_key_is_spoken_of_until_another_key_is_there(
    school: Any, technician: Browser
) -> None:
    pairs = PagePairs(school.central.now())
    certificate, key = pairs.pair(f"*.{SUFFIX}")
    hand_in(technician, certificate.encode(), key.encode())
    with school.store.write_session() as session:
        room = session.query(RoomRow).one()
        room.key_confirmed_at = room.certificate_ends = school.central.now()
    technician.client.post("/rooms/1/retire", data=technician.open("/rooms/1").form_with("csrf_token").fields)
    assert "is retired" in technician.open(PATH).text
    technician.client.post("/rooms/1/put-back", data=technician.open("/rooms/1").form_with("csrf_token").fields)
    assert "still has the key" not in technician.open(PATH).text
    technician.client.post("/rooms/1/revoke", data=technician.open("/rooms/1").form_with("csrf_token").fields)
    warning = f"still has the key of the certificate for *.{SUFFIX}"
    assert warning in technician.open(PATH).text
    hand_in(technician, certificate.encode(), key.encode())
    assert warning in technician.open(PATH).text, "the same key again helps nothing"
    hand_in(technician, *(one.encode() for one in pairs.pair(f"*.{SUFFIX}")))
    assert warning not in technician.open(PATH).text
