"""A page is rendered once for all its open copies, and anew after each change."""

import threading

import pytest
from flask import Flask

from webui.room.refresh_cache import MAX_AGE_SECONDS, RefreshCache, install_refresh_cache, rendered_once


class Room:
    """Something that changes, and is looked at."""

    def __init__(self) -> None:
        self.changes: int | None = 0
        self.time = 100.0
        self.looks = 0
        self.cache = RefreshCache(lambda: self.changes, lambda: self.time)

    def render(self) -> str:
        self.looks += 1
        return f"look {self.looks}"

    def fetch(self, key: str = "/") -> str:
        return self.cache.fetch(key, self.render)


def test_copies_of_a_page_share_what_was_rendered_after_the_newest_change() -> None:
    room = Room()
    assert [room.fetch() for _ in range(10)] == ["look 1"] * 10
    room.changes = 1
    assert [room.fetch() for _ in range(10)] == ["look 2"] * 10


def test_another_page_or_another_persons_is_another_one() -> None:
    room = Room()
    assert [room.fetch("/"), room.fetch("/log"), room.fetch("/")] == ["look 1", "look 2", "look 1"]


def test_nothing_is_shared_for_long_nor_while_nobody_hears_of_changes() -> None:
    room = Room()
    room.fetch()
    room.time += MAX_AGE_SECONDS + 0.1
    assert room.fetch() == "look 2"
    room.changes = None
    assert [room.fetch(), room.fetch()] == ["look 3", "look 4"]


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    room = Room()
    for number in range(100):
        room.fetch(f"/?site={number}")
        room.changes = number + 1
    assert len(room.cache._kept) == 1


def test_who_comes_while_it_is_rendered_waits_for_it() -> None:
    room, begun, may_end = Room(), threading.Event(), threading.Event()
    pages: list[str] = []

    def render_slowly() -> str:
        begun.set()
        assert may_end.wait(30)
        return room.render()

    first = threading.Thread(target=lambda: pages.append(room.cache.fetch("/", render_slowly)))
    second = threading.Thread(target=lambda: pages.append(room.fetch()))
    first.start()
    assert begun.wait(30)
    second.start()
    may_end.set()
    first.join()
    second.join()
    assert (pages, room.looks) == (["look 1"] * 2, 1)


def test_after_one_that_failed_everybody_renders_for_themselves() -> None:
    room = Room()

    def fail() -> str:
        raise OSError("the log cannot be read")

    with pytest.raises(OSError, match="cannot be read"):
        room.cache.fetch("/", fail)
    assert [room.fetch(), room.fetch()] == ["look 1", "look 2"]


@pytest.fixture
def site() -> Flask:
    app = Flask(__name__)
    looks = iter(range(100))
    install_refresh_cache(app, lambda: 7)

    @app.get("/")
    @rendered_once
    def show() -> str:
        return f"look {next(looks)}"

    return app


def test_only_what_a_page_fetches_by_itself_is_shared(site: Flask) -> None:
    client = site.test_client()
    by_itself = {"X-Refresh": "1"}
    assert client.get("/").text == "look 0"
    assert client.get("/").text == "look 1"
    assert client.get("/", headers=by_itself).text == "look 2"
    assert client.get("/", headers=by_itself).text == "look 2"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/?site=example.org", {}),
        ("/", {"Cookie": "hallpass-room=of somebody else"}),
        ("/", {"Accept-Language": "cy"}),
        ("/", {"Host": "room.example.org"}),
    ],
)
def test_who_sees_something_else_is_rendered_something_else(
    site: Flask, path: str, headers: dict[str, str]
) -> None:
    client = site.test_client(use_cookies=False)
    assert client.get("/", headers={"X-Refresh": "1"}).text == "look 0"
    assert client.get(path, headers={"X-Refresh": "1", **headers}).text == "look 1"
