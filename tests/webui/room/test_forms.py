"""A teacher may type a name or paste an address: both name the site."""

import contextlib

import pytest
from flask import Flask
from flask_wtf import FlaskForm
from hypothesis import given
from hypothesis import strategies as st

from dns.errors import InvalidName
from webui.room.forms import LessonForm, ReportForm, RequestForm, describe_errors, parse_full_site


@pytest.mark.parametrize(
    ("written", "site"),
    [
        ("example.org", "example.org"),
        (" Example.ORG. ", "example.org"),
        ("https://www.example.org/a/page?x=1#y", "www.example.org"),
        ("http://user@www.example.org:8080/", "www.example.org"),
        ("www.example.org/maps", "www.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_the_site_is_read_from_what_was_written(written: str, site: str) -> None:
    assert parse_full_site(written) == site


@pytest.mark.parametrize("written", ["", "   ", "https://", "com", "two words.example", "https://[::1"])
def test_what_names_no_site_is_refused(written: str) -> None:
    with pytest.raises(InvalidName):
        parse_full_site(written)


@given(st.text(max_size=80))
def test_nothing_that_is_typed_raises_anything_else(written: str) -> None:
    with contextlib.suppress(InvalidName):
        assert "." in parse_full_site(written)


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.config |= {"SECRET_KEY": "a test's", "WTF_CSRF_ENABLED": False}
    return app


GOOD = {"site": "example.org", "reason": "maths", "minutes": "10", "lesson": "", "note": "why", "title": "Romans",
        "sites": "example.org"}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "field"),
    [(RequestForm, "reason"), (RequestForm, "lesson"), (ReportForm, "note"), (LessonForm, "title")],
)
@pytest.mark.parametrize("character", ["\x00", "\n", "\x1b", "\x7f", "\u2028"])
def test_a_control_character_is_said_beside_its_field(
    app: Flask, kind: type[FlaskForm], field: str, character: str
) -> None:
    with app.test_request_context("/", method="POST", data=GOOD | {field: f"a{character}b"}):
        form = kind()
        assert not form.validate()
        assert list(form.errors) == [field]
        assert f"U+{ord(character):04X}" in describe_errors(form)


def test_a_reason_of_blanks_is_none_and_blanks_around_one_are_taken_away(app: Flask) -> None:
    for blank in ("", "   ", "\u00a0\u3000"):
        with app.test_request_context("/", method="POST", data=GOOD | {"reason": blank}):
            form = RequestForm()
            assert not form.validate()
            assert describe_errors(form) == "Please say in a few words what it is for."
    with app.test_request_context("/", method="POST", data=GOOD | {"reason": "  Römer \u2013 Größe  "}):
        form = RequestForm()
        assert form.validate(), form.errors
        assert form.reason.data == "Römer \u2013 Größe"


def test_what_is_too_long_is_said(app: Flask) -> None:
    with app.test_request_context("/", method="POST", data=GOOD | {"reason": "x" * 501}):
        form = RequestForm()
        assert not form.validate()
        assert describe_errors(form) == "That is too long: 500 characters at most."
