"""Lists, as the coordinator sees them at central."""

import re
from pathlib import Path
from typing import Any

import pytest

from appliance.central import policies, profiles
from appliance.central.lists import sources
from appliance.central.models import PublicationRow
from blocklists.catalogue import load_catalogue
from blocklists.formats import FORMATS
from blocklists.sources import MATCHES
from tests.e2e.browser import Browser
from tests.webui.central.pages import press, said

GOLDEN = Path(__file__).parents[2] / "blocklists" / "golden"


def test_a_list_is_handed_in_and_its_bad_lines_are_shown(cora: Browser, school: Any) -> None:
    cora.open("/lists")
    cora.send(
        cora.form_with("category", "format"),
        files={"file": ("list.txt", b"bad.example.org\nthis is no entry\n")},
        name="our-list", category="gambling",
    )  # fmt: skip
    assert "The list was added" in said(cora)
    school.central.publisher.build_and_publish()
    cora.open("/lists")
    assert "1 line passed over" in cora.text
    assert "this is no entry" in cora.text
    with school.store.read_session() as session:
        newest = policies.latest_publication(session)
    assert isinstance(newest, PublicationRow)
    press(cora, "/remove")
    assert "/remove" not in cora.open("/lists").text


def test_a_ready_made_set_is_used_in_one_step(cora: Browser, school: Any) -> None:
    primary = load_catalogue().find_set("primary-school")
    assert f"What it lacks: {primary.lacks}" in cora.open("/lists").text

    cora.send(cora.form_with("set"), set="primary-school")

    assert f"Primary school: {len(primary.lists)} lists, 1 openings and 4 profiles were added" in said(cora)
    with school.store.read_session() as session:
        assert {one.name for one in sources.list_sources(session)} == set(primary.lists)
        assert "key stage 1" in {one.name for one in profiles.list_profiles(session)}


def test_every_format_that_lists_come_in_can_be_chosen(cora: Browser) -> None:
    (select,) = re.findall(r'<select[^>]* name="format"[^>]*>(.*?)</select>', cora.open("/lists").text, re.DOTALL)
    assert re.findall(r'value="(\w+)"', select) == ["auto", *FORMATS]


def test_everything_that_a_bare_name_can_mean_can_be_chosen(cora: Browser) -> None:
    (select,) = re.findall(r'<select[^>]* name="match"[^>]*>(.*?)</select>', cora.open("/lists").text, re.DOTALL)
    assert set(re.findall(r'value="(\w*)"', select)) == {"", *MATCHES}


@pytest.mark.parametrize("name", FORMATS)
def test_a_list_of_each_format_is_taken_and_compiled(cora: Browser, school: Any, name: str) -> None:
    content = (GOLDEN / f"{name}.txt").read_bytes()
    cora.open("/lists")
    cora.send(
        cora.form_with("category", "format"),
        files={"file": ("list.txt", content)}, name="our-list", category="gambling", format=name,
    )  # fmt: skip
    assert "The list was added" in said(cora)
    school.central.publisher.build_and_publish()
    assert f"lines ({name})" in cora.open("/lists").text


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"location": ""}, "either an https address or a file"),
     ({"location": "http://lists.example.org/x"}, "https"),
     ({"location": "/etc/passwd"}, "https"),
     ({"location": "https://lists.example.org/x", "name": "Bad Name!"}, "no name for a source")],
)  # fmt: skip
def test_a_source_that_cannot_be_is_refused_in_words(cora: Browser, fields: dict[str, str], says: str) -> None:
    cora.open("/lists")
    form = cora.form_with("category", "format")
    cora.send(form, files=None, **({"name": "a-list", "category": "games"} | fields))
    assert says in said(cora)


def test_a_file_that_is_no_list_is_refused_in_words(cora: Browser) -> None:
    cora.open("/lists")
    page = {"file": ("list.txt", b"<!doctype html><html>sign in first</html>\n")}
    cora.send(cora.form_with("category", "format"), files=page, name="a-list", category="games")
    assert "no list" in said(cora)
