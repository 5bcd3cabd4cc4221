"""What the school sets for all its rooms, as the coordinator sees it at central."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from dns.policy.document import PupilPages
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import document, said
from tests.webui.conftest import ServedSchool

PARTS: dict[str, tuple[dict[str, Any], str, Any]] = {
    "name": ({"name": "Example  Junior ", "timezone": "Europe/Dublin"}, "school", "Example Junior"),
    "locked": ({"locked": ["malware", "pornography", "extremism"]}, "locked_categories",
               ("extremism", "malware", "pornography")),
    "reported": ({"tunnels": "close", "many_refusals": "20"}, "tunnels", "close"),
    "button": ({"pause_minutes": "15"}, "button_pause_minutes", 15),
    "pupils": ({"help_line": "Childline: 0800 1111", "rules": "Be kind\n\nTell", "shared": "Trolley 1"},
               "pupil_pages",
               PupilPages(help_line="Childline: 0800 1111", rules=("Be kind", "Tell"), shared=("Trolley 1",))),
    "network": ({"names": "mis.example.org\nintranet"}, "private_names", ("intranet", "mis.example.org")),
}  # fmt: skip
ODD = (
    "\x00", "\u202e", "a\x1b[2J", "-1", "9" * 400, "1e9", "\u0661", "1_000", "nan", "", " ", "co.uk", "a..b",
    "::/0", "0.0.0.0/0", "192.0.2.0/99", "[]", "<script>alert(1)</script>", "x" * 9_999, "x" * 20_000,
)  # fmt: skip
FIELDS = {
    "name": ("name", "timezone"),
    "locked": ("locked", "confirmed", "revision", "step"),
    "reported": ("tunnels", "many_refusals", "many_minutes", "bypass_names", "again_minutes"),
    "button": ("pause_minutes",),
    "network": ("names", "range", "range_category", "range_note"),
    "pupils": ("help_line", "rules", "shared"),
}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSchool]:
    """One school for all: each test sets what it looks at, and undoes it."""
    served = ServedSchool(tmp_path_factory.mktemp("central"))
    served.enrol("Room 4")
    served.account("cora", "coordinator")
    served.account("dana", "deputy_coordinator")
    yield served
    served.close()


@pytest.fixture(scope="module")
def cora(school: ServedSchool) -> Iterator[Browser]:
    with Browser(school.url) as browser:
        yield browser.sign_in("cora", PASSWORD)


def send(browser: Browser, part: str, step: str, **values: Any) -> Any:
    form = browser.open(f"/school/{part}").form_with("revision")
    browser.response = browser.client.post(f"/school/{part}", data=form.fields | {"step": step} | values)
    return browser.response


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_looked_at_before_it_is_saved_and_undone_after(cora: Browser, school: Any, part: str) -> None:
    values, field, becomes = PARTS[part]
    before = getattr(document(school), field)
    page = send(cora, part, "look", **values)
    assert "What would change" in page.text
    assert "Nothing is saved yet" in page.text
    assert getattr(document(school), field) == before
    form = cora.form_with("revision")
    cora.response = cora.client.post(f"/school/{part}", data=form.fields | {"step": "save"} | values)
    assert "saved, and in force in every room" in said(cora)
    assert getattr(document(school), field) == becomes
    cora.send(cora.form_with(action="/school/undo/"))
    assert "as it was before" in said(cora)
    assert getattr(document(school), field) == before


@pytest.mark.parametrize(
    ("part", "values", "why"),
    [
        ("reported", {"many_refusals": "0"}, "a whole number, 1 or more"),
        ("reported", {"many_minutes": "100000000"}, "at most 1440"),
        ("reported", {"tunnels": "explode"}, "choose what is done"),
        ("button", {"pause_minutes": "many"}, "a whole number, 0 or more"),
        ("button", {"pause_minutes": "481"}, "at most 480 minutes"),
        ("pupils", {"help_line": "x" * 201}, "at most 200 characters"),
        ("name", {"name": ""}, "the school needs a name"),
        ("name", {"name": "..."}, "the school needs a name"),
        ("name", {"name": "x" * 101}, "at most 100 characters"),
        ("name", {"timezone": ""}, "such as Europe/London"),
        ("name", {"timezone": "Europe/Londno"}, "did you mean Europe/London?"),
        ("name", {"timezone": "dublin"}, "did you mean Europe/Dublin?"),
        ("name", {"timezone": "../../etc/passwd"}, "there is no time zone"),
        ("network", {"names": "co.uk"}, "not one site"),
        ("network", {"range": "nowhere"}, "is no address and no network"),
        ("locked", {"locked": ["malware", "pornography", "gamblign"]}, "there is no category"),
    ],
)
@pytest.mark.parametrize("step", ["look", "save"])
def test_what_cannot_be_set_is_said_and_comes_back_filled_in(
    cora: Browser, part: str, values: Any, why: str, step: str
) -> None:
    page = send(cora, part, step, **values)
    assert page.status_code == 422
    assert why.lower() in page.text.lower()
    (written,) = [one if isinstance(one, str) else one[-1] for one in values.values()]
    assert written in page.text or part == "reported"


def test_the_schools_name_and_clock_are_others_on_every_page_at_once(
    cora: Browser, school: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Central's own settings are what a new central begins with: a start changes nothing back."""
    send(cora, "name", "save", name="Müller & Söhne", timezone="Pacific/Auckland")
    assert "Müller &amp; Söhne" in cora.open("/school").text
    assert cora.text.count("Müller &amp; Söhne") >= 2, "in its place, and in the frame of the page"
    told = document(school)
    assert (told.school, told.timezone) == ("Müller & Söhne", "Pacific/Auckland")
    assert "22:00" in cora.open("/first-start/school").text, "nine in the morning of London"
    with caplog.at_level(logging.INFO):
        school.central.prepare_database()
    assert "begins with; here it is 'Pacific/Auckland'" in caplog.text
    assert document(school).timezone == "Pacific/Auckland"
    send(cora, "name", "save", name="Example Primary", timezone="Europe/London")
    assert "09:00" in cora.open("/first-start/school").text


def test_unlocking_what_harms_asks_for_the_safeguarding_lead(cora: Browser, school: Any) -> None:
    page = send(cora, "locked", "save", locked=["malware"])
    assert page.status_code == 422
    assert "The safeguarding lead agrees" in page.text
    assert "pornography" in document(school).locked_categories
    send(cora, "locked", "save", locked=["malware"], confirmed="y")
    assert document(school).locked_categories == ("malware",)
    cora.send(cora.form_with(action="/school/undo/"))
    assert document(school).locked_categories == ("malware", "pornography")


def test_the_later_of_two_people_is_told_and_keeps_what_they_chose(cora: Browser, school: Any) -> None:
    form = cora.open("/school/button").form_with("revision")
    send(cora, "button", "save", pause_minutes="5")
    page = cora.client.post("/school/button", data=form.fields | {"step": "save", "pause_minutes": "7"})
    assert page.status_code == 409
    assert 'value="7"' in page.text
    cora.response = page
    cora.send(cora.form_with("revision"), step="save")
    assert document(school).button_pause_minutes == 7


def test_only_the_coordinator_comes_here(school: Any) -> None:
    with Browser(school.url) as browser:
        browser.sign_in("dana", PASSWORD)
        assert browser.client.get("/school").status_code == 403
        assert browser.client.get("/school/locked").status_code == 403


@pytest.mark.parametrize("part", FIELDS)
def test_whatever_is_sent_is_taken_or_refused_in_words(cora: Browser, part: str) -> None:
    honest = cora.open(f"/school/{part}").form_with("revision").fields
    for field in FIELDS[part]:
        for odd in (*ODD, [ODD[2]] * 500, [*"abc"]):
            page = cora.client.post(f"/school/{part}", data=honest | {"step": "look", field: odd})
            assert page.status_code in {200, 400, 422}, (part, field, odd, page.text)


@pytest.mark.parametrize("page", ["/webhooks", "/script-keys"])
def test_what_is_rarely_needed_is_reached_from_the_school_page(cora: Browser, page: str) -> None:
    cora.open("/")
    assert f'href="{page}"' not in cora.text, "the way to every other page stays short"
    cora.open("/school")
    assert f'href="{page}"' in cora.text
