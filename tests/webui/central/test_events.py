"""News for pages, as the coordinator sees them at central."""

from typing import Any

from tests.e2e.browser import Browser


def test_the_page_hears_when_something_changed(cora: Browser, school: Any) -> None:
    with cora.client.stream("GET", "/events") as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        lines = events.iter_lines()
        assert next(lines).startswith("retry:")
        school.request()
        assert "event: changed" in (line for line in lines)
