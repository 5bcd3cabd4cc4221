"""Why a site is closed, in a coordinator's words: no list's spelling, no word of the engine's."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from flask import Flask

from appliance.central.models import UserRow
from dns.policy.explain import Explanation
from tests.e2e.browser import Browser
from webui.central.app import create_central_app
from webui.central.decision_words import describe_decision
from webui.central.people_names import name_person

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def app(school: Any) -> Flask:
    return create_central_app(school.central)


def found(**values: str) -> Explanation:
    explained = Explanation(
        name="games.example.org", group="pupils", at=NOON, verdict="refused", category="", source="", entry="",
        step="list",
    )  # fmt: skip
    return msgspec.structs.replace(explained, **values)


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            found(category="games", source="hallpass-starter-games", entry="example.org"),
            "Closed as Games, by the starter list.",
        ),
        (
            found(category="social_networks", source="hallpass-starter-games, ut1-games"),
            "Closed as Social networks, by the starter list, the list ut1-games.",
        ),
        (
            found(step="rule", source="the school's own rules", entry="example.org"),
            "Closed by the school's rule for example.org.",
        ),
        (
            found(step="locked", source="the school's own rules", entry="example.org", category="games"),
            "Locked by the school's rule for example.org. Nobody can open it.",
        ),
        (
            found(step="locked", category="pornography", source="ut1-adult"),
            "Closed as Pornography, by the list ut1-adult. Nobody can open it.",
        ),
        (
            found(step="keyword", category="games", source="keywords", entry="unblocked"),
            "Closed as Games, by a word in its name: unblocked.",
        ),
        (found(step="lesson", entry="Romans"), "It is not part of the lesson that runs."),
        (found(step="default", verdict="allowed"), "Open: nothing closes it."),
        (found(step="safe-search", verdict="rewritten"), "Open, in its safe version."),
        (found(step="rule", verdict="allowed", entry="example.org"), "Open by the school's rule for example.org."),
    ],
)
def test_each_decision_is_said_in_words_of_a_school(app: Flask, decision: Explanation, words: str) -> None:
    with app.test_request_context("/"):
        assert describe_decision(decision) == words


def test_people_stand_by_their_names_on_pages_and_two_of_one_name_by_both(app: Flask, school: Any) -> None:
    school.account("tess", "teacher")
    with app.test_request_context("/"):
        assert (name_person("tess"), name_person("central")) == ("Tess", "central")
    school.account("tess.2", "teacher")
    with school.store.write_session(affects_rooms=False) as session:
        session.get_one(UserRow, "tess.2").name = "Tess"
    with app.test_request_context("/"):
        assert (name_person("tess"), name_person("tess.2")) == ("Tess (tess)", "Tess (tess.2)")


def test_a_request_names_its_teacher_and_the_day_at_whose_end_it_is_over(cora: Browser, school: Any) -> None:
    school.account("teacher", "teacher")
    school.request()
    page = cora.open("/requests").text
    assert "<bdi>Room 4</bdi> · <bdi>Teacher</bdi> · " in page
    assert "waits until the end of Wednesday 25 November" in page
