"""Styles and scripts are asked for by what they hold and kept for a year; what goes over the network is small."""

import re

import brotli
import pytest
from flask.testing import FlaskClient

from tests.webui.room.conftest import app, stranger, teacher

__all__ = ["app", "stranger", "teacher"]

FIRST_VIEW_BYTES = 120 * 1024


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/(?:shared|static|bootstrap)/[^"]+)"', page)


def test_what_a_page_is_made_of_is_kept_for_a_year_under_its_hash(stranger: FlaskClient) -> None:
    made_of = addresses(stranger.get("/sign-in").get_data(as_text=True))
    assert len(made_of) >= 2
    for address in made_of:
        answer = stranger.get(address)
        assert re.search(r"\?v=[0-9a-f]{16}$", address)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef"])
def test_what_is_asked_for_by_another_hash_is_given_and_not_kept(stranger: FlaskClient, query: str) -> None:
    for path in ("/shared/style.css", "/shared/refresh.js"):
        answer = stranger.get(path + query)
        assert answer.status_code == 200
        assert "max-age=31536000" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize("encoding", ["gzip, deflate", "gzip, deflate, br, zstd"])
def test_the_first_view_weighs_less_than_120_kilobytes(teacher: FlaskClient, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    page = teacher.get("/")
    paths = ["/", *addresses(page.get_data(as_text=True))]
    answers = [teacher.get(path, headers=headers) for path in paths]
    assert all(one.headers.get("Content-Encoding") for one in answers if len(one.data) > 500)
    assert sum(len(one.data) + len(str(one.headers)) for one in answers) < FIRST_VIEW_BYTES / 4


def test_a_page_is_the_same_compressed_or_not(stranger: FlaskClient) -> None:
    plain = stranger.get("/shared/style.css")
    packed = stranger.get("/shared/style.css", headers={"Accept-Encoding": "br"})
    assert packed.headers["Content-Encoding"] == "br"
    assert brotli.decompress(packed.data) == plain.data


def test_what_another_site_made_a_browser_ask_for_is_not_compressed(teacher: FlaskClient) -> None:
    for site, encoding in (("cross-site", None), ("same-site", None), ("same-origin", "gzip"), ("none", "gzip")):
        headers = {"Accept-Encoding": "gzip", "Sec-Fetch-Site": site}
        assert teacher.get("/", headers=headers).headers.get("Content-Encoding") == encoding
