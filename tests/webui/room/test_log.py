"""Today's log: paged, searchable, in a teacher's words, and calm whatever the address holds."""

import html
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.room.paths import RoomPaths
from tests.fakes.furnished import write_refusals
from webui.room.room_client import RoomClient


@pytest.fixture
def page(app: Flask, teacher: FlaskClient, tmp_path: Path, short_path: Path) -> FlaskClient:
    write_refusals(RoomPaths(data=tmp_path, sockets=short_path / "run").query_log)
    assert isinstance(app.extensions["room"], RoomClient)
    return teacher


def read(teacher: FlaskClient, address: str) -> str:
    answer = teacher.get(address)
    assert answer.status_code == 200
    return html.unescape(answer.get_data(as_text=True))


def rows(text: str) -> int:
    return text.count("<tr>") - text.count("<thead><tr>")


def test_fifty_rows_stand_on_a_page_and_the_rest_behind_it(page: FlaskClient) -> None:
    first = read(page, "/log")
    assert rows(first) == 50
    older = first.partition('href="/log?before=')[2].partition('"')[0]
    second = read(page, f"/log?before={older}")
    assert rows(second) == 10
    assert ">Newest<" in second
    assert ">Older<" not in second


def test_it_is_searched_by_site_device_and_what_became_of_it(page: FlaskClient) -> None:
    found = read(page, "/log?site=GAMES&verdict=refused&device=00000001")
    assert rows(found) == 1
    assert "games.example.org" in found
    assert "Nothing like that was asked for today" in read(page, "/log?site=games&verdict=allowed")


def test_it_is_looked_at_up_to_a_time_of_day(page: FlaskClient) -> None:
    newest, early = read(page, "/log?until=23:59"), read(page, "/log?until=00:00&site=example")
    assert rows(newest) == 50
    assert rows(early) == 0
    assert 'value="00:00"' in early
    assert 'href="/log?site=example">Newest<' in early
    assert ['id="log" data-live' in one for one in (read(page, "/log"), early)] == [True, False]


def test_the_filters_stay_while_one_turns_the_pages(page: FlaskClient) -> None:
    text = read(page, "/log?site=example")
    assert "/log?site=example&before=" in text
    assert 'name="site" value="example"' in text


@pytest.mark.parametrize(
    "query",
    ["before=x", "before=-1", "before=%F0%9F%98%80", "verdict=nothing", "site=%00", "site=" + "a" * 5000,
     "device='--", "site=%25", "before=999999999999999999999999", "until=25:61", "until=x", "site=%3Cscript%3E"],
)  # fmt: skip
def test_whatever_the_address_holds_a_page_comes(page: FlaskClient, query: str) -> None:
    assert "<script>" not in page.get(f"/log?{query}").get_data(as_text=True)
    read(page, f"/log?{query}")


def test_a_log_that_cannot_be_read_is_said_without_its_path(
    page: FlaskClient, tmp_path: Path, short_path: Path
) -> None:
    RoomPaths(data=tmp_path, sockets=short_path / "run").query_log.write_bytes(b"no database at all" * 100)
    text = read(page, "/log")
    assert "The log cannot be read at the moment" in text
    assert str(tmp_path) not in text


def test_a_room_that_has_logged_nothing_says_so(teacher: FlaskClient) -> None:
    assert "Nothing was asked for in this room yet today" in read(teacher, "/log")
