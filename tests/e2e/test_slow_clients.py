"""Both sites as they are really run, under a thousand connections that never finish what they began.

The addresses are those of a whole school; the figures for five thousand from one stand in central's benchmark.
"""

import contextlib
import socket
import time

import pytest

from tests.e2e.school import Room, School
from tests.fakes.web_client import WebClient, request

pytestmark = pytest.mark.timeout(180)

HALF_A_REQUEST = b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"
HALF_A_BODY = b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nusername="
BEGINNINGS = (b"", HALF_A_REQUEST, HALF_A_BODY)
WITHIN_SECONDS = 10.0  # a second on a machine that does nothing else
OTHER = "127.0.0.2"


@pytest.fixture(params=["room", "central"])
def site(school: School, room: Room, request: pytest.FixtureRequest) -> WebClient:
    return WebClient(room.web_port if request.param == "room" else school.central_port)


def assert_page_is_there(site: WebClient, source: str) -> None:
    began = time.monotonic()
    status, body = site.get("/sign-in", source=source)
    assert status == 200
    assert b"password" in body
    assert time.monotonic() - began < WITHIN_SECONDS


def hold(site: WebClient, crowd: contextlib.ExitStack, connections: int, addresses: int) -> list[socket.socket]:
    held = []
    for number in range(connections):
        with contextlib.suppress(OSError):
            source = f"127.0.3.{number % addresses + 1}"
            held.append(crowd.enter_context(site.begin(BEGINNINGS[number % len(BEGINNINGS)], source)))
    return held


@pytest.mark.parametrize("addresses", [1, 100])
def test_a_thousand_who_never_finish_take_the_page_from_nobody(site: WebClient, addresses: int) -> None:
    with contextlib.ExitStack() as crowd:
        hold(site, crowd, 1000, addresses)
        for _ in range(5):
            assert_page_is_there(site, OTHER)
        assert_page_is_there(site, "127.0.3.1")  # nor from who shares an address with them


def test_a_thousand_who_send_a_byte_a_second_take_the_page_from_nobody(site: WebClient) -> None:
    with contextlib.ExitStack() as crowd:
        held = hold(site, crowd, 1000, 50)
        for _ in range(3):
            began = time.monotonic()
            for one in held:
                with contextlib.suppress(OSError):
                    one.send(b"a")
            assert_page_is_there(site, OTHER)
            time.sleep(max(0.0, 1 - (time.monotonic() - began)))


def test_two_hundred_open_pages_leave_one_for_the_next(site: WebClient) -> None:
    with contextlib.ExitStack() as crowd:
        for number in range(200):
            with contextlib.suppress(OSError):
                idle = crowd.enter_context(site.begin(request("/sign-in"), f"127.0.3.{number % 3 + 1}"))
                assert idle.recv(12) == b"HTTP/1.1 200"
        assert_page_is_there(site, OTHER)
        assert_page_is_there(site, "127.0.3.1")
