"""Whatever goes wrong, a person is told what happened and what to do, in the frame of all pages."""

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from appliance.rights import Right
from tests.webui.room.conftest import app, stranger, teacher
from webui.shared.access import requires

__all__ = ["app", "stranger", "teacher"]


@pytest.fixture
def broken(app: Flask) -> Flask:
    @app.get("/stop/<int:status>")
    @requires(Right.VISIT)
    def stop(status: int) -> str:
        abort(status)

    @app.get("/fault")
    @requires(Right.VISIT)
    def fault() -> str:
        return str(1 // 0)

    return app


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/stop/400", 400, ("That form could not be read", "send it again")),
        ("/stop/403", 403, ("not for this account", "ask your coordinator")),
        ("/nothing-here", 404, ("There is no such page", "the address has a mistake")),
        ("/sign-out", 405, ("takes a form", "begin at the page")),
        ("/stop/413", 413, ("too large", "choose a smaller one")),
        ("/stop/429", 429, ("a little too often", "wait a moment")),
        ("/fault", 500, ("Something went wrong here", "tell the technician")),
        ("/stop/503", 503, ("not possible at the moment", "try again in a minute")),
    ],
)
def test_a_problem_says_what_happened_and_what_to_do_beside_the_ways_elsewhere(
    broken: Flask, teacher: FlaskClient, path: str, status: int, said: tuple[str, ...]
) -> None:
    answer = teacher.get(path)
    page = answer.get_data(as_text=True)
    assert answer.status_code == status
    assert [words for words in said if words not in page] == []
    assert 'aria-label="Pages"' in page
    assert "Use of this network is filtered and monitored" in page
    assert "EventSource" not in page
    assert "data-events" not in page, "a page of a problem does not follow what it cannot show"
    assert "ZeroDivisionError" not in page


def test_an_address_that_takes_forms_alone_leads_to_the_page_of_its_feature(
    broken: Flask, teacher: FlaskClient
) -> None:
    for path, page in (("/requests", "/"), ("/classroom/pause", "/classroom"), ("/reports", "/")):
        answer = teacher.get(path)
        assert (answer.status_code, answer.location) == (302, page)
        said = teacher.post(path, data={})
        assert "answer.js" in said.get_data(as_text=True) or said.status_code == 302, path


def test_a_stranger_sees_the_same_without_the_navigation(broken: Flask, stranger: FlaskClient) -> None:
    page = stranger.get("/fault").get_data(as_text=True)
    assert "Something went wrong here" in page
    assert 'aria-label="Pages"' not in page
