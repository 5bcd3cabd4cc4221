"""Every page of central says in its title how much waits, to whoever decides it."""

from typing import Any

from tests.e2e.browser import Browser


def test_the_title_of_every_page_says_how_many_requests_wait(cora: Browser, school: Any) -> None:
    assert "<title>Rooms · Hallpass</title>" in cora.open("/rooms").text
    school.request()
    school.request(site="other.example.org")
    assert "<title>(2) Rooms · Hallpass</title>" in cora.open("/rooms").text
