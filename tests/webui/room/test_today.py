"""Today's page says why something was refused, and what would really happen before a request is sent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.room.paths import RoomPaths
from appliance.room.query_log.columns import QueryLogEntry
from appliance.settings.dns import DnsSection
from appliance.settings.room import PolicySection, RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from dns.policy.step_table import StepRow
from dns.policy.steps import STEPS
from dns.policy.verdict import Step
from tests.fakes.signed_in import signed_in_client
from tests.webui.room.conftest import TESS
from webui.room.app import create_app
from webui.room.room_client import RoomClient
from webui.room.today.preview import preview_request
from webui.room.today.refusals import STEP_WORDS, describe_refusals

POLICY = """
version = 1
school = "Example Primary"
room = "Room 4"
timezone = "Europe/London"
default_group = "pupils"
[[profiles]]
name = "pupils"
[[groups]]
name = "pupils"
profile = "pupils"
[[rules]]
name = "locked.example"
action = "block"
locked = true
[[rules]]
name = "closed.example"
action = "block"
"""


@pytest.fixture
def settings(tmp_path: Path, short_path: Path) -> RoomSettings:
    document = tmp_path / "policy.toml"
    document.write_text(POLICY)
    return RoomSettings(
        room=RoomSection(name="Room 4", data=tmp_path, run=short_path / "run"),
        dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
        policy=PolicySection(document=document),
    )


@pytest.fixture
def room(settings: RoomSettings) -> RoomClient:
    return RoomClient(settings)


@pytest.fixture
def teacher(settings: RoomSettings) -> FlaskClient:
    app: Flask = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    return signed_in_client(app, TESS)


def refused(name: str, step: str, category: str = "") -> QueryLogEntry:
    return QueryLogEntry(
        second=1_800_000_000,
        device="a1b2c3d4e5f6",
        group="pupils",
        name=name,
        qtype=1,
        verdict="refused",
        step=step,
        category=category,
    )


REFUSING = [row for row in STEPS.rows if row.opened_by]


@pytest.mark.parametrize("row", REFUSING, ids=lambda row: row.step.value)
def test_every_step_that_refuses_has_words_for_a_teacher(row: StepRow) -> None:
    assert STEP_WORDS[row.step]


@pytest.mark.parametrize(
    ("name", "step", "now"),
    [
        ("closed.example", Step.RULE, "closed"),
        ("locked.example", Step.LOCKED, "final"),
        ("free.example", Step.LESSON, "open"),
        ("free.example", Step.UPSTREAM, "final"),
        ("free.example", Step.INSPECTED, "closed"),
        ("mask.icloud.com", Step.BYPASS, "final"),
        ("co.uk", Step.RULE, "final"),
    ],
)
def test_a_row_offers_what_can_be_done_now(room: RoomClient, name: str, step: Step, now: str) -> None:
    (row,) = describe_refusals(room, [refused(name, step.value)], datetime.now(UTC).timestamp())

    assert row.now == now


def test_a_row_says_why_by_its_category_or_by_what_refused_it(room: RoomClient) -> None:
    entries = [refused("a.example", "list", "games"), refused("b.example", "lesson"), refused("c.example", "new")]

    assert [row.why for row in describe_refusals(room, entries, 0.0)] == ["Games", "not part of the lesson", ""]


def test_what_nobody_can_open_is_not_even_asked_for(room: RoomClient) -> None:
    preview = preview_request(room, "locked.example", 30)

    assert preview is not None
    assert ("nobody can open it" in preview.words, preview.may_ask_anyway) == (True, False)


def test_what_is_open_already_is_said_and_may_be_asked_for_all_the_same(room: RoomClient) -> None:
    preview = preview_request(room, "free.example", 30)

    assert preview is not None
    assert ("open already" in preview.words, preview.may_ask_anyway) == (True, True)


def test_what_the_coordinator_decides_is_simply_sent(room: RoomClient) -> None:
    assert preview_request(room, "closed.example", 30) is None


def test_a_shorter_time_that_needs_nobody_is_offered(settings: RoomSettings, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(
        POLICY.replace(
            '[[profiles]]\nname = "pupils"', '[[profiles]]\nname = "pupils"\nclosed = ["social_networks"]'
        )
        + '[[delegations]]\ncategories = ["social_networks"]\nminutes = 40\n'
    )
    preview = preview_request(RoomClient(settings), "tiktok.com", 120)

    assert preview is not None
    assert (preview.minutes, preview.may_ask_anyway) == (30, True)
    assert "at most 40 minutes" in preview.words
    assert preview_request(RoomClient(settings), "tiktok.com", 30) is None


def test_the_page_keeps_what_was_typed_when_it_says_no(teacher: FlaskClient) -> None:
    page = teacher.post(
        "/requests",
        data={"site": "locked.example", "reason": "The Romans", "minutes": "30", "key": "a" * 32},
    ).get_data(as_text=True)

    assert "locked.example is locked: nobody can open it." in page
    assert 'value="The Romans"' in page
    assert "Ask all the same" not in page


def test_a_report_that_cannot_be_sent_is_still_in_its_form(teacher: FlaskClient) -> None:
    page = teacher.post("/reports", data={"site": "not a site", "note": "it shows cards"}).get_data(as_text=True)

    assert 'value="it shows cards"' in page
    assert "<details" in page
    assert " open>" in page


def test_the_form_has_a_key_and_another_one_next_time(teacher: FlaskClient) -> None:
    def key() -> str:
        return teacher.get("/").get_data(as_text=True).partition('name="key"')[2].partition(">")[0]

    assert len(key()) > 32
    assert key() != key()


def test_whoever_was_signed_out_meanwhile_signs_in_and_comes_back(settings: RoomSettings) -> None:
    stranger = create_app(settings).test_client()
    answer = stranger.post(
        "/requests", data={"site": "example.org"}, headers={"Referer": "http://localhost/classroom"}
    )

    assert (answer.status_code, answer.location) == (302, "/sign-in?next=/classroom")
    assert "signed out in the meantime" in stranger.get("/sign-in").get_data(as_text=True)


def test_a_week_long_opening_says_its_day(settings: RoomSettings) -> None:
    until = datetime.now(UTC) + timedelta(days=7)

    assert f"{until.astimezone():%B}" in RoomClient(settings).clock.words(until)
    assert RoomPaths.from_settings(settings).data == settings.room.data


def test_the_answer_to_a_form_is_not_replaced_while_somebody_mends_it(teacher: FlaskClient) -> None:
    wrong = teacher.post("/requests", data={"site": "locked.example", "reason": "The Romans", "minutes": "30"})

    assert "data-events" in teacher.get("/").get_data(as_text=True)
    assert "data-events" not in wrong.get_data(as_text=True)
