"""An open page is answered with those of its parts that have changed, and with nothing else."""

import re
from typing import Any

import msgspec
import pytest
from flask import Flask, Response, render_template_string

from webui.shared.live_parts import MEDIA_TYPE, find_parts, install_live_parts

PAGE = """<title>(2) Today &amp; now</title><nav>Menu</nav>
<section id="refused" data-live aria-labelledby="t"><section><p>{{ refused }}</p></section></section>
<div data-live id="requests"><form><input type="hidden" name="csrf_token" value="{{ token }}"></form></div>
<table data-live id="rows">{% for row in rows %}<tr class="x"><td>{{ row }}</td></tr>{% endfor %}</table>
<div id="still">never</div>"""


@pytest.fixture
def said() -> dict[str, Any]:
    return {"refused": "games.example.org", "token": "first", "rows": []}


@pytest.fixture
def app(said: dict[str, Any]) -> Flask:
    made = Flask(__name__)
    install_live_parts(made)
    made.add_url_rule("/", "page", lambda: render_template_string(PAGE, **said))
    made.add_url_rule("/file", "file", lambda: Response("name,count", mimetype="text/csv"))
    return made


def ask(app: Flask, known: str) -> Any:
    answer = app.test_client().get("/", headers={"X-Refresh": known})
    assert answer.mimetype == MEDIA_TYPE
    return msgspec.json.decode(answer.data)


def test_a_page_that_knows_nothing_yet_is_given_every_part_and_its_title(app: Flask) -> None:
    answer = ask(app, "1")
    assert answer["title"] == "(2) Today &amp; now"
    assert answer["parts"].keys() == {"refused", "requests", "rows"}
    assert answer["parts"]["refused"]["html"].endswith("<p>games.example.org</p></section></section>")


def test_only_what_has_changed_is_sent_again(app: Flask, said: dict[str, Any]) -> None:
    known = ",".join(f"{name}={part['version']}" for name, part in ask(app, "1")["parts"].items())
    said["token"] = "second"  # new with every page, and says nothing
    assert ask(app, known)["parts"] == {}
    said["refused"] = "video.example.com"
    assert ask(app, known)["parts"].keys() == {"refused"}


def test_a_page_that_a_person_asks_for_is_sent_whole(app: Flask) -> None:
    assert "<nav>Menu</nav>" in app.test_client().get("/").get_data(as_text=True)


def test_rows_that_the_page_has_are_left_out(app: Flask, said: dict[str, Any]) -> None:
    said["rows"] = [f"s{number}.example.org" for number in range(3)]
    part = ask(app, "1")["parts"]["rows"]
    known = ".".join([part["version"], *re.findall(r'data-row="(\w+)"', part["html"])])
    said["rows"] = ["new.example.org", *said["rows"][:2]]
    html = ask(app, f"rows={known}")["parts"]["rows"]["html"]
    assert html.count("data-same></tr>") == 2
    assert "new.example.org" in html
    assert "s0.example.org" not in html


@pytest.mark.parametrize("header", ["", "=", ",,", "refused", "refused=,=1", "a=b=c", "\x7f" * 500])
def test_whatever_the_header_holds_the_page_answers(app: Flask, header: str) -> None:
    assert "refused" in ask(app, header)["parts"]


def test_what_is_no_page_is_sent_as_it_is(app: Flask) -> None:
    assert app.test_client().get("/file", headers={"X-Refresh": "1"}).data == b"name,count"


def test_a_part_that_is_never_closed_ends_with_the_page() -> None:
    assert find_parts('<div data-live id="a"><div>x') == {"a": '<div data-live id="a"><div>x'}
