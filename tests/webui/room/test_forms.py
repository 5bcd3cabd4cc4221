"""What a teacher wrote is checked before anything is done with it, and what is wrong is said beside its field."""

import pytest
from flask import Flask
from flask_babel import Babel
from flask_wtf import FlaskForm

from webui.room.form_fields import describe_errors
from webui.room.lessons.forms import LessonForm
from webui.room.today.forms import ReportForm, RequestForm


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    Babel(app)
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
    for blank in ("", "   ", "\u00a0\u3000", "\u200b \u2060\ufeff", "\u3164", "\u2800\u2800"):
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
