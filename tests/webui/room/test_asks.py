""" "Ask my teacher": one tap of a pupil without an account, one of the teacher, and the pupil reads the answer."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.room.agent import installer
from appliance.room.paths import RoomPaths
from dns.policy.document import Device, PupilPages, Rule
from dns.policy.verdict import Step
from tests.appliance.room.agent.test_room_decisions import POLICY
from tests.fakes.signed_in import signed_in_client
from tests.webui.room.conftest import TESS
from tests.webui.room.test_block_page import WatchedRoom, said
from tests.webui.test_every_door import RunningAgent
from webui.room.block_page.views import PUPIL_ASK_PATH

GAME = "coolmathgames.com"  # in the list that Hallpass brings; teachers may open games
PUPIL, OTHER = "192.0.2.7", "192.0.2.8"
ASK = "Ask my teacher"
DEVICES = (Device(name="Laptop 3", addresses=("192.0.2.40", "2001:db8::40")),)


class AskingRoom(WatchedRoom):
    """A room whose agent answers: it delivers nothing, so that what it would tell central can be seen."""

    def __init__(self, folder: Path) -> None:
        self._paths = RoomPaths(data=folder / "data", sockets=folder / "run")
        self._paths.data.mkdir()
        self.set_words()
        super().__init__(folder)
        self.agent = RunningAgent(folder, "http://127.0.0.1:1", "a-token")
        self.app.config["WTF_CSRF_ENABLED"] = False
        self.teacher: FlaskClient = signed_in_client(self.app, TESS)

    def set_words(self, **words: Any) -> None:
        """Have central's policy arrive, with what the school has pupils read."""
        rules = (*POLICY.rules, Rule(name="locked.example", action="block", locked=True))
        document = msgspec.structs.replace(
            POLICY, rules=rules, school="Example Primary", devices=DEVICES, pupil_pages=PupilPages(**words)
        )
        installer.install_policy(self._paths, msgspec.json.encode(document))

    def pupils(self, device: str, **form: Any) -> TestResponse:
        """Come to the pupils' own page, or send its form."""
        pupil = self.app.test_client()
        headers, place = (
            {"Host": "hallpass.home.arpa", "Origin": "http://hallpass.home.arpa"},
            {"REMOTE_ADDR": device},
        )
        if form:
            return pupil.post("/pupils", data=form, headers=headers, environ_base=place)
        return pupil.get("/pupils", headers=headers, environ_base=place)

    def ask(self, device: str, site: str, **headers: str) -> TestResponse:
        return self.press(device, site, PUPIL_ASK_PATH, **headers)

    def today(self) -> str:
        return said(self.teacher.get("/"))

    def answer(self, site: str, answer: str, key: str = "0" * 32) -> str:
        form = {"site": site, "answer": answer, "key": key}
        return said(self.teacher.post("/asks", data=form, follow_redirects=True))


@pytest.fixture(scope="module")
def asking() -> Iterator[AskingRoom]:
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        room = AskingRoom(Path(folder))
        with contextlib.closing(room.agent):
            yield room
        room.stop_recorder()


def asks_on(page: str) -> str:
    return page.partition('id="asks"')[2].partition("</section>")[0]


def test_a_pupil_asks_the_teacher_sees_who_and_how_often_and_a_no_can_be_thought_over(asking: AskingRoom) -> None:
    site = "forum.example.org"
    asking.refuse(PUPIL, site)
    asking.refuse(OTHER, site)
    assert ASK in asking.open(PUPIL, site)
    for device in (PUPIL, PUPIL, OTHER):
        answer = asking.ask(device, site)
        assert (answer.status_code, "Your teacher was asked" in said(answer)) == (200, True)
    page = asks_on(asking.today())
    assert (site in page, "(2 times)" in page, page.count("<abbr")) == (True, True, 2)
    assert "Yes, ask the coordinator" in page
    assert asking.agent.outbox() == []

    assert "reads “not this time”" in asking.answer(site, "no")
    waiting = asking.open(PUPIL, site)
    assert ("not this time" in waiting, ASK in waiting) == (True, False)
    assert "answered already" in asking.answer(site, "no")
    asking.answer(site, "undo")
    assert "Your teacher was asked" in asking.open(PUPIL, site)
    assert "The coordinator was asked" in asking.answer(site, "yes", "a" * 32)
    asking.answer(site, "yes", "a" * 32)  # a double click
    assert "has asked the school" in asking.open(OTHER, site)
    assert len(asking.agent.outbox()) == 1
    assert site not in asks_on(asking.today())


def test_what_a_teacher_may_open_opens_with_one_tap_for_as_long_as_they_may(asking: AskingRoom) -> None:
    asking.refuse(PUPIL, GAME, category="games")
    asking.ask(PUPIL, GAME)
    assert "Yes, open it for 30 minutes" in asks_on(asking.today())
    assert "is open until" in asking.answer(GAME, "yes", "b" * 32)
    assert "Try the page again" in asking.open(PUPIL, GAME)
    asking.teacher.post(f"/requests/{'b' * 32}/withdraw")
    assert ASK in asking.open(PUPIL, GAME)  # it is closed again, and may be asked for again


@pytest.mark.parametrize(
    ("site", "step", "category"),
    [
        ("forum.example", Step.LIST, "self_harm"),
        ("forum.example", Step.LIST, "sexual_health"),
        ("self-harm.example", Step.LESSON, ""),  # the lesson closes it before its category is looked at
        ("sanctioned-suicide.net", Step.LESSON, ""),
        ("www.childline.org.uk", Step.RULE, ""),
        ("locked.example", Step.LOCKED, ""),
        ("anything.example", Step.PAUSED, ""),
        ("anything.example", Step.UPSTREAM, ""),
    ],
)
def test_what_must_not_be_spoken_of_or_cannot_open_is_not_asked_for(
    asking: AskingRoom, site: str, step: Step, category: str
) -> None:
    device = "192.0.2.20"
    asking.refuse(device, site, step=step.value, category=category)
    page = asking.open(device, site)
    assert (ASK in page, "Tell a grown-up" in page) == (False, True)
    answer = asking.ask(device, site)
    assert (answer.status_code, "could not be asked for" in said(answer)) == (403, True)
    assert site not in asks_on(asking.today())


def test_what_was_not_closed_to_this_device_asks_nobody_whatever_is_sent(asking: AskingRoom) -> None:
    site = "news.example.org"
    asking.refuse(PUPIL, site)
    assert ASK not in asking.open("192.0.2.99", site)
    assert asking.ask("192.0.2.99", site).status_code == 409
    assert asking.ask(PUPIL, "made-up.example").status_code == 409
    for headers in ({"Origin": "http://a-website.example"}, {"Sec_Fetch_Site": "cross-site"}):
        answer = asking.ask(PUPIL, site, **headers)
        assert (answer.status_code, "Nobody was asked" in said(answer)) == (403, True)
    for host in ("a\x00b.example", "\u202e.example", "x" * 300 + ".example"):
        with contextlib.suppress(ValueError):  # the client itself
            assert asking.ask(PUPIL, host).status_code < 500
    assert asking.app.test_client().post("/asks", data={"site": site, "answer": "yes"}).status_code in (302, 401)
    assert site not in asks_on(asking.today())


@pytest.mark.parametrize(
    "form",
    [
        {}, {"site": "co.uk", "answer": "yes", "key": "c" * 32},
        {"site": GAME, "answer": "perhaps", "key": "c" * 32},
        {"site": "a\x00b", "answer": "no", "key": "c" * 32}, {"site": GAME, "answer": "yes", "key": "\u202e"},
        {"site": ["a.example", "b.example"], "answer": ["yes", "no"], "key": "c" * 32},
        {"site": "x" * 100_000, "answer": "no", "key": "c" * 32},
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_said_to_be_none(asking: AskingRoom, form: dict[str, str]) -> None:
    answer = asking.teacher.post("/asks", data=form, follow_redirects=True)
    assert answer.status_code == 200
    assert re.search(r'class="alert alert-warning', said(answer))
    assert not any(one.id == "c" * 32 for one in asking.agent.outbox())  # type: ignore[attr-defined]  # a message


def test_while_nothing_can_be_kept_the_pupil_is_told_so(short_path: Path) -> None:
    room = WatchedRoom(short_path)
    room.refuse(PUPIL, "forum.example.org")
    answer = room.press(PUPIL, "forum.example.org", PUPIL_ASK_PATH)  # no agent answers
    assert (answer.status_code, "could not be asked just now" in said(answer)) == (503, True)
    room.stop_recorder()
    assert "This page is closed here" in room.open(PUPIL, "forum.example.org")


def test_a_device_reads_what_was_closed_to_it_by_kind_alone_and_of_no_other(asking: AskingRoom) -> None:
    device = "192.0.2.30"
    asking.refuse(device, "hidden-name.example", category="games")
    asking.refuse(device, "other-name.example", category="self_harm")
    asking.refuse(device, "self-harm.example", "nspcc.org.uk", step=Step.LESSON.value, category="")
    asking.refuse(device, "sexual-health.example", category="forums")
    asking.refuse(device, "mask.icloud.com", step=Step.BYPASS.value, category="circumvention")
    asking.refuse("192.0.2.31", "casino.example", category="gambling")
    for page in (said(asking.pupils(device)), asking.open(device, "hidden-name.example")):
        shown = page.partition("last three minutes")[2]
        assert "<li>Games</li>" in shown
        for word in ("Gambling", "elf-harm", "Forums", "lesson", "Circumvention", "other-name", "nspcc"):
            assert word not in shown, word
    assert "hidden-name" not in said(asking.pupils(device))


def test_a_shared_device_is_told_nothing_of_before(asking: AskingRoom) -> None:
    device = "192.0.2.32"
    asking.refuse(device, "hidden-name.example", category="games")
    asking.set_words(shared=("192.0.2.32",))
    for page in (said(asking.pupils(device)), asking.open(device, "hidden-name.example")):
        assert "Games" not in page
    assert "Several pupils use this device" in said(asking.pupils(device))
    asking.set_words(shared=("Pupils",))  # a group, of everybody here
    assert "Several pupils use this device" in said(asking.pupils("192.0.2.33"))
    asking.set_words()
    assert "Games" in said(asking.pupils(device))


def test_a_site_of_https_is_asked_for_by_its_name_and_the_pupil_reads_the_answer(asking: AskingRoom) -> None:
    device, site = "192.0.2.34", "maps.example.org"
    asking.refuse(device, site, category="forums")
    answer = asking.pupils(device, site=f"https://{site}/a/page")
    assert (answer.status_code, "Your teacher was asked" in said(answer)) == (200, True)
    assert f"{site}</span>: your teacher was asked" in said(answer)
    assert site in asks_on(asking.today())
    asking.answer(site, "no")
    assert f"{site}</span>: not this time" in said(asking.pupils(device))


@pytest.mark.parametrize(
    "written", ["", "co.uk", "a\x00b", "\u202eexample.org", "x" * 50_000, "192.0.2.1", "'\"><b>"]
)
def test_what_names_no_site_is_said_in_words(asking: AskingRoom, written: str) -> None:
    answer = asking.pupils("192.0.2.35", site=written)
    assert 400 <= answer.status_code < 500
    assert "<b>" not in said(answer)


def test_the_help_line_stands_wherever_a_pupil_looks_and_on_the_poster(asking: AskingRoom) -> None:
    line = "Childline: 0800 1111"
    assert "Somebody to talk to" not in asking.open(PUPIL)
    asking.set_words(help_line=line, rules=("Kind: I am kind to everybody", "Ask first"))
    poster = said(asking.teacher.get("/poster"))
    for page in (asking.open(PUPIL), said(asking.pupils(PUPIL)), poster):
        assert line in page
        assert "filtered and monitored" in page
    assert "<strong>Kind</strong> I am kind to everybody" in poster
    assert "Ask first" in poster
    asking.set_words()
    poster = said(asking.teacher.get("/poster"))
    assert [
        word for word in ("Safe", "Meet", "Accept", "Reliable", "Tell") if f"<strong>{word}</strong>" in poster
    ]
    assert "http://hallpass.home.arpa/pupils" in poster
    assert "Example Primary" in poster
    assert "<svg" in poster
    assert asking.app.test_client().get("/poster").status_code == 302  # for whoever is signed in


def test_a_named_device_has_its_name_in_what_is_asked_and_in_the_log_and_is_found_by_it(
    asking: AskingRoom,
) -> None:
    for address in DEVICES[0].addresses:
        asking.refuse(address, "a-site-of-laptop-3.example", category="forums")
    asking.refuse("192.0.2.41", "a-site-of-another.example", category="forums")
    asking.ask(DEVICES[0].addresses[0], "a-site-of-laptop-3.example")
    assert "<bdi>Laptop 3</bdi>" in asks_on(asking.today())
    for wanted in ("Laptop 3", "laptop 3"):
        page = said(asking.teacher.get("/log", query_string={"device": wanted}))
        assert page.count("a-site-of-laptop-3.example") == 2  # of both its addresses
        assert "a-site-of-another" not in page
    assert "Nothing like that" in said(asking.teacher.get("/log?device=Laptop+4"))
