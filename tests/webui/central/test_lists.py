"""Lists, as the coordinator sees them at central."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.central import policies, profiles
from appliance.central.lists import sources
from appliance.central.models import PublicationRow
from blocklists.catalogue import load_catalogue
from blocklists.copies import ListCopy
from blocklists.formats import FORMATS
from blocklists.sources import MATCHES
from tests.e2e.browser import Browser
from tests.webui.central.pages import press, said

GOLDEN = Path(__file__).parents[2] / "blocklists" / "golden"


def kept_sources(school: Any) -> list[tuple[Any, ...]]:
    with school.store.read_session() as session:
        return [
            (one.name, one.category, one.location, one.format, one.by, one.made_at)
            for one in sources.list_sources(session)
        ]


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
    before = kept_sources(school)
    press(cora, "/remove")
    undo = cora.form_with(action="/lists/undo/")
    assert "/remove" not in cora.open("/lists").text
    for _ in range(2):  # a double click
        cora.send(undo, files=None)
        assert "as it was before" in said(cora)
        assert kept_sources(school) == before


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
    assert "recognised by its first lines" in select
    assert ">auto<" not in select


def test_everything_that_a_bare_name_can_mean_can_be_chosen(cora: Browser) -> None:
    (select,) = re.findall(r'<select[^>]* name="match"[^>]*>(.*?)</select>', cora.open("/lists").text, re.DOTALL)
    assert set(re.findall(r'value="(\w*)"', select)) == {"", *MATCHES}


@pytest.mark.parametrize(
    "name",
    [
        one if one in {"hosts", "adblock", "rpz"} else pytest.param(one, marks=pytest.mark.exhaustive)
        for one in FORMATS
    ],
)
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
    answer = cora.client.post("/lists", data=form.fields | {"name": "a-list", "category": "games"} | fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert f'value="{({"name": "a-list"} | fields)["name"]}"' in answer.text, "what was filled in stays"


def test_a_file_that_is_no_list_is_refused_in_words(cora: Browser) -> None:
    cora.open("/lists")
    page = {"file": ("list.txt", b"<!doctype html><html>sign in first</html>\n")}
    fields = cora.form_with("category", "format").fields | {"name": "a-list", "category": "games"}
    answer = cora.client.post("/lists", data=fields, files=page)
    assert answer.status_code == 422
    assert "This file is a web page" in answer.text


NAMES = b"".join(b"name%d.example\n" % at for at in range(60))
SWAPPED = b"".join(b"other%d.example\n" % at for at in range(58)) + b"bbc.co.uk\nname1.example\n"


@pytest.fixture
def swapped_list(cora: Browser, school: Any) -> Path:
    """Hand in a list, compile it, and put another one into its place; return where it lies."""
    cora.open("/lists")
    cora.send(
        cora.form_with("category", "format"),
        files={"file": ("list.txt", NAMES)}, name="our-list", category="gambling",
    )  # fmt: skip
    publisher = school.central.publisher
    publisher.build_and_publish()
    assert "copy confirmed less than a minute ago" in cora.open("/lists").text
    with school.store.read_session() as session:
        place = Path(sources.list_sources(session)[0].location)
    place.write_bytes(SWAPPED)
    publisher.build_and_publish()
    return place


def newest_names(school: Any) -> int:
    with school.store.read_session() as session:
        published = policies.latest_publication(session)
    assert isinstance(published, PublicationRow)
    return published.names


def test_a_doubtful_copy_is_shown_with_its_difference_and_used_when_a_person_says_so(
    cora: Browser, school: Any, swapped_list: Path
) -> None:
    before = newest_names(school)
    page = cora.open("/lists").text
    assert (
        "our-list: a new copy waits for you to look at it: it closes bbc.co.uk, which no honest list does" in page
    )
    assert "59 added" in page
    assert "59 removed" in page
    assert page.index("bbc.co.uk other0.example") > 0, "best known first"
    assert "If you use all new copies that wait: Gambling 59 added, 59 removed." in page
    press(cora, "/accept")
    assert "The new copy is taken into use" in said(cora)
    assert "waits for you" not in cora.open("/lists").text
    school.central.publisher.build_and_publish()
    assert newest_names(school) == before - 1, "bbc.co.uk no list can close"


def test_a_doubtful_copy_that_is_refused_is_not_shown_again(
    cora: Browser, school: Any, swapped_list: Path
) -> None:
    before = newest_names(school)
    cora.open("/lists")
    press(cora, "/refuse")
    assert "The old copy stays in use" in said(cora)
    school.central.publisher.build_and_publish()
    assert "waits for you" not in cora.open("/lists").text
    assert newest_names(school) == before
    assert swapped_list.read_bytes() == SWAPPED


def test_a_copy_that_is_no_list_can_only_be_refused(cora: Browser, school: Any, swapped_list: Path) -> None:
    swapped_list.write_bytes(b"<!doctype html><html>sign in first</html>\n")
    school.central.publisher.build_and_publish()
    page = cora.open("/lists").text
    assert "is a web page" in page
    assert "Use the new copy" not in page
    assert "Keep the old copy" in page


def test_a_copy_that_nobody_confirms_any_more_is_a_condition(
    cora: Browser, school: Any, swapped_list: Path
) -> None:
    file = school.central.settings.central.data / "downloads" / "our-list.json"
    known = msgspec.json.decode(file.read_bytes(), type=ListCopy)
    old = msgspec.structs.replace(
        known, confirmed_at=known.confirmed_at - 9 * 86400, held=None, failures=3, error="the server answered 404"
    )
    file.write_bytes(msgspec.json.encode(old))
    page = cora.open("/lists").text
    assert "our-list: its copy is 9 days old: the server answered 404" in page
    assert "3 failed attempts since: the server answered 404" in page


def test_how_a_list_is_used_is_looked_at_saved_and_undone(cora: Browser, school: Any) -> None:
    cora.open("/lists")
    cora.send(
        cora.form_with("category", "format"),
        files={"file": ("list.txt", b"bad.example.org\n")}, name="our-list", category="gambling",
    )  # fmt: skip
    with school.store.read_session() as session:
        (row,) = sources.list_sources(session)
    where = f"/lists/{row.id}/use"
    cora.send(cora.open(where).form_with("action"), action="allow", step="look")
    assert "are opened where lists of Gambling close them" in cora.text
    cora.send(cora.form_with("action"), step="save")
    assert "is used so as soon as" in said(cora)
    with school.store.read_session() as session:
        assert sources.get_source(session, row.id).action == "allow"
    cora.send(cora.form_with(action="/lists/undo/"))
    with school.store.read_session() as session:
        assert sources.get_source(session, row.id).action == "block"
    form = cora.open(where).form_with("action")
    for odd in ("explode", "", "\u202e", "9" * 400):
        assert cora.client.post(where, data=form.fields | {"action": odd}).status_code in {200, 400}
    assert cora.client.post("/lists/99/use", data=form.fields).status_code == 200, "the list of lists says so"


def test_the_starter_list_is_left_out_after_a_look(cora: Browser, school: Any) -> None:
    assert "then no list closes anything" in cora.open("/lists/built-in").text.replace("\n", " ")
    cora.send(cora.form_with(action="/lists/built-in"), builtin="off")
    assert "no longer used" in said(cora)
    cora.send(cora.form_with(action="/lists/undo/"))
    assert "the use of the starter list is as it was before" in said(cora)


def hand_in(cora: Browser, content: bytes = NAMES) -> None:
    cora.open("/lists")
    cora.send(
        cora.form_with("category", "format"),
        files={"file": ("list.txt", content)}, name="our-list", category="gambling",
    )  # fmt: skip


def look(cora: Browser, where: str, content: bytes) -> Browser:
    """Choose a file on the page of a list's file, and look at what it would mean."""
    form = cora.open(where).form_with("file")
    cora.response = cora.client.post(
        where, data=form.fields | {"step": "look"}, files={"file": ("list.txt", content)},
        headers={"Referer": str(cora.client.base_url) + where},
    )  # fmt: skip
    return cora


def only_source(school: Any) -> Any:
    with school.store.read_session() as session:
        (row,) = sources.list_sources(session)
    return row


def test_a_file_is_replaced_after_a_look_and_put_back(cora: Browser, school: Any) -> None:
    hand_in(cora)
    school.central.publisher.build_and_publish()
    before, row = newest_names(school), only_source(school)
    where = f"/lists/{row.id}/file"
    assert f'href="{where}"' in cora.open("/lists").text
    look(cora, where, SWAPPED)
    for words in ("60 names now, 60 with the new file.", "59 added", "59 removed", "Nothing is saved yet",
                  "it closes bbc.co.uk, which no honest list does"):  # fmt: skip
        assert words in " ".join(cora.text.split()), words
    assert only_source(school).location == row.location
    form = cora.form_with("stored", "before")
    cora.send(form, files=None, step="save")
    assert "has its new file as soon as" in said(cora)
    undo = cora.form_with(action="/lists/undo/")
    cora.send(form, files=None, step="save")  # a double click
    assert "It was so already" in said(cora)
    school.central.publisher.build_and_publish()
    page = cora.open("/lists").text
    assert "waits for you" not in page, "somebody has looked at it just now"
    assert "left out" not in page
    assert newest_names(school) == before - 1, "bbc.co.uk no list can close"
    cora.send(undo, files=None)
    assert "the list our-list is as it was before" in said(cora)
    school.central.publisher.build_and_publish()
    assert "waits for you" not in cora.open("/lists").text
    assert newest_names(school) == before
    assert sources.to_builtins(only_source(school)) == sources.to_builtins(row)


def test_who_comes_later_with_a_file_is_told(cora: Browser, school: Any) -> None:
    hand_in(cora)
    where = f"/lists/{only_source(school).id}/file"
    forms = [look(cora, where, NAMES + b"one.example\n" * at).form_with("stored") for at in (1, 2)]
    cora.send(forms[0], files=None, step="save")
    answer = cora.client.post(where, data=forms[1].fields | {"step": "save"}, headers={"Referer": where})
    assert answer.status_code == 422
    assert "Somebody else has replaced the file of our-list meanwhile" in answer.text
    for odd in ("", "../../../etc/passwd", "0" * 32):
        fields = forms[1].fields | {"step": "save", "stored": odd, "before": forms[0].fields["stored"]}
        answer = cora.client.post(where, data=fields, headers={"Referer": where})
        assert (answer.status_code, "hand it in again" in answer.text) == (422, True), odd


HOSTILE = {
    "empty": (b"", "The file is empty"),
    "binary": (bytes(range(256)) * 40, "it holds bytes that are no text"),
    "UTF-16": (NAMES.decode().encode("utf-16-be"), "save it as UTF-8"),
    "a page": (b"<!doctype html><html>sign in first</html>\n", "This file is a web page"),
    "zeros": (bytes(300_000), "longer than 64 KB"),
    "no archive": (b"PK\x03\x04" + bytes(range(200)), "This file is damaged"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_cannot_be_is_refused_in_words_and_nothing_is_lost(
    cora: Browser, school: Any, kind: str
) -> None:
    content, words = HOSTILE[kind]
    hand_in(cora)
    row = only_source(school)
    look(cora, f"/lists/{row.id}/file", content)
    assert cora.response is not None
    assert cora.response.status_code == 422
    assert words in cora.text
    assert "The list is as it was" in cora.text
    assert only_source(school).location == row.location
    assert [one.read_bytes() for one in Path(row.location).parent.iterdir()] == [NAMES]


def test_a_file_that_is_in_use_stays_when_it_is_handed_in_as_something_else(cora: Browser, school: Any) -> None:
    hand_in(cora)
    form = cora.open("/lists").form_with("category", "format")
    answer = cora.client.post(
        "/lists", data=form.fields | {"name": "another", "category": "games", "format": "rpz"},
        files={"file": ("list.txt", NAMES)}, headers={"Referer": "/lists"},
    )  # fmt: skip
    assert "This file is no list" in answer.text
    assert 'value="another"' in answer.text, "what was filled in stays"
    assert Path(only_source(school).location).read_bytes() == NAMES


def test_a_list_with_an_address_has_no_file_to_replace(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        row = sources.subscribe_source(
            session, school.clock(), name="far", category="games", location="https://lists.example.org/x", by="a"
        )
        where = f"/lists/{row.id}/file"
    assert "Replace the file" not in cora.open("/lists").text
    assert "fetched from its address" in cora.open(where).text
