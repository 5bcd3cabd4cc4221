"""The teacher's pages: only for who signed in, protected, and calm whatever is away or sent."""

import shutil
import time
from datetime import UTC, datetime

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from tests.fakes.signed_in import signed_in_client
from tests.webui.room.conftest import TESS
from webui.shared.auth import next_page


def token_of(page: str) -> str:
    return page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]


def test_the_session_of_a_room_is_not_the_one_of_central(stranger: FlaskClient) -> None:
    assert stranger.get("/sign-in").headers["Set-Cookie"].startswith("hallpass-room=")


@pytest.mark.parametrize("path", ["/", "/events"])
def test_pages_are_for_who_signed_in(stranger: FlaskClient, path: str) -> None:
    response = stranger.get(path)
    assert response.status_code == 302
    assert response.location.startswith("/sign-in")


def test_a_wrong_password_and_an_agent_that_is_away_are_said_calmly(stranger: FlaskClient) -> None:
    page = stranger.get("/sign-in").get_data(as_text=True)
    response = stranger.post(
        "/sign-in", data={"csrf_token": token_of(page), "username": "tess", "password": "wrong password"}
    )
    assert response.status_code == 401
    assert "does not answer at the moment" in response.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/requests", "/reports", "/sign-in", "/sign-out"])
def test_a_form_without_its_token_changes_nothing(teacher: FlaskClient, path: str) -> None:
    response = teacher.post(path, data={"site": "example.org", "reason": "x", "minutes": "10"})
    assert response.status_code == 400
    assert "could not be read" in response.get_data(as_text=True)


def test_the_page_works_without_the_agent_and_without_a_log(teacher: FlaskClient) -> None:
    page = teacher.get("/").get_data(as_text=True)
    assert "does not answer" in page
    assert "Nothing was refused in this room today" in page


def test_every_page_is_protected_and_says_that_use_is_monitored(teacher: FlaskClient) -> None:
    response = teacher.get("/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    page = response.get_data(as_text=True)
    assert "monitored" in page
    assert "https://" not in page, "assets come from this machine alone"
    assert "<script>" not in page
    assert "style=" not in page


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "https://["]
)
def test_signing_in_leads_nowhere_else(app: Flask, wanted: str) -> None:
    with app.test_request_context("/sign-in", query_string={"next": wanted}):
        assert next_page() == ""


def test_a_page_that_does_not_exist_is_said_in_plain_words(teacher: FlaskClient) -> None:
    response = teacher.get("/nothing")
    assert response.status_code == 404
    assert "There is no such page" in response.get_data(as_text=True)


def test_an_account_that_ended_is_signed_out(app: Flask) -> None:
    ended = msgspec.structs.replace(TESS, ends=datetime(2020, 1, 1, tzinfo=UTC))
    assert signed_in_client(app, ended).get("/").status_code == 302


def test_whoever_comes_is_told_what_the_card_waits_for(stranger: FlaskClient, app: Flask) -> None:
    folder = app.extensions["room"]._paths.health_folder
    assert b"waits for its enrolment" not in stranger.get("/sign-in").data
    said = ProcessHealth(
        process="card",
        time=0.0,
        conditions=(Condition.NOT_ENROLLED, Condition.SETTINGS_WRONG),
        details={"problem": "dns.upstreams: a secret of the technician's"},
        lasting=True,
    )
    try:
        health.write_health(folder, said)
        page = stranger.get("/sign-in").data
    finally:
        shutil.rmtree(folder.parent)
    assert b"waits for its enrolment" in page
    assert b"hallpass-problem.txt" in page
    assert b"secret" not in page


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition.NO_LONGER_ENROLLED, b"This room is no longer enrolled"),
        (Condition.CLOCK_DIFFERS, b"differ by more than a minute"),
    ],
)
def test_whoever_comes_is_told_what_stands_between_the_room_and_central(
    stranger: FlaskClient, app: Flask, condition: Condition, words: bytes
) -> None:
    folder = app.extensions["room"]._paths.health_folder
    assert words not in stranger.get("/sign-in").data
    health.write_health(folder, ProcessHealth(process="agent", time=time.time(), conditions=(condition,)))
    page = stranger.get("/sign-in").data
    assert words in page
    assert b"echnician" in page, "and what to do"


def test_teachers_are_told_which_upstream_fails_and_how(teacher: FlaskClient, app: Flask) -> None:
    folder = app.extensions["room"]._paths.health_folder
    said = "192.0.2.53:53 answers with REFUSED since 10:31"
    for number in (1, 2):  # both workers
        details = {"upstream 192.0.2.53:53": "answers with REFUSED since 10:31", "policy": "7"}
        process = ProcessHealth(
            process=f"resolver-{number}",
            time=time.time(),
            conditions=(Condition.UPSTREAM_FAILING,),
            details=details,
        )
        health.write_health(folder, process)
    assert teacher.get("/").get_data(as_text=True).count(said) == 1


def test_a_table_that_cannot_be_read_signs_nobody_in_and_nobody_out(app: Flask, teacher: FlaskClient) -> None:
    table = app.session_interface.table  # type: ignore[attr-defined]  # ours
    assert teacher.get("/").status_code == 200
    table.close()
    kept = table._path.parent.rename(table._path.parent.with_name("kept"))
    table._path.parent.write_text("a file where the folder should be")
    answer = teacher.get("/")
    assert answer.status_code == 503
    assert "Please try again shortly" in answer.get_data(as_text=True)
    table._path.parent.unlink()
    kept.rename(table._path.parent)
    assert teacher.get("/").status_code == 200
