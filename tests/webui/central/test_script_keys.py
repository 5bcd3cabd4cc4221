"""The page of keys for scripts: made, shown until noted, taken back with an undo."""

import re
from typing import Any

import httpx

from appliance.central.models import AuditRow, ScriptKeyRow
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press, said

FIELDS = {"name": "timetable", "rights": "EDIT_RULES", "ends": "2027-01-31"}


def make(cora: Browser, **fields: str) -> str:
    """Make a key on the page, and return it."""
    cora.open("/script-keys").send(cora.form_with("name", action="/script-keys"), files=None, **FIELDS | fields)
    found = re.search(r"hallpass_[\w-]{43}", cora.text)
    return found[0] if found else ""


def status(school: Any, key: str, what: str = "rules") -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{school.url}/api/v1/school/{what}", headers=headers, trust_env=False).status_code


def test_a_key_is_shown_until_it_is_noted_and_stands_nowhere_else(cora: Browser, school: Any) -> None:
    key = make(cora)
    assert status(school, key) == 200
    assert cora.response is not None
    page = cora.response.url.path
    assert key in cora.open(page).text, "also when the page is loaded again"
    press(cora, "/noted")
    assert key not in cora.open("/script-keys").text
    assert key not in cora.client.get(page, follow_redirects=True).text
    with school.store.read_session() as session:
        (row,) = session.query(ScriptKeyRow).all()
        assert key not in str(vars(row))
        assert all(key not in one.detail for one in session.query(AuditRow).all())
    assert "last used" in cora.open("/script-keys").text


def test_a_key_is_taken_back_and_the_undo_lets_it_work_again(cora: Browser, school: Any) -> None:
    key = make(cora)
    press(cora.open("/script-keys"), "/revoke")
    assert "does nothing any more" in said(cora)
    assert status(school, key) == 401
    press(cora, "/restore")
    assert status(school, key) == 200
    press(cora.open("/script-keys"), "/revoke")
    school.clock.pass_minutes(11)
    press(cora, "/restore")
    assert "too long ago" in cora.text
    assert status(school, key) == 401


def test_a_form_comes_back_filled_after_a_mistake(cora: Browser, school: Any) -> None:
    make(cora)
    for fields, words in (
        ({"name": "TIMETABLE"}, "there is a key for"),
        ({"name": "x" * 25}, "What the script is called"),
        ({"name": "other", "rights": "EDIT_ACCOUNTS"}, "What it may do"),
        ({"name": "other", "ends": "2020-01-01"}, "a key ends today or later"),
        ({"name": "other", "ends": "2030-01-01"}, "within a year"),
        ({"name": "other", "ends": "9999-12-31"}, "Its last day"),
    ):
        assert make(cora, **fields) == "", fields
        assert words in cora.text
        assert f'value="{(FIELDS | fields)["name"]}"' in cora.text
    with school.store.read_session() as session:
        assert len(session.query(ScriptKeyRow).all()) == 1


def test_whoever_may_let_a_script_do_nothing_makes_no_keys(school: Any) -> None:
    for role in ("deputy_coordinator", "technician", "governor"):
        school.account(role, role)
        with Browser(school.url) as browser:
            browser.sign_in(role, "a long pass phrase")
            assert browser.client.get("/script-keys").status_code == 403
            assert "/script-keys" not in browser.client.get("/", follow_redirects=True).text


def test_whoever_leads_safeguarding_makes_keys_for_that_and_sees_their_own_alone(
    cora: Browser, school: Any
) -> None:
    key = make(cora)
    school.account("lena", "safeguarding")
    with Browser(school.url) as lena:
        lena.sign_in("lena", PASSWORD)
        assert 'href="/script-keys"' in lena.open("/incidents").text, "the page School is not hers"
        page = lena.open("/script-keys").text
        assert "made by cora" not in page
        assert "See incidents and say what becomes of them" in page
        assert "See and change rules" not in page
        own = make(lena, name="concerns", rights="HANDLE_INCIDENTS")
        assert status(school, own, "incidents") == 200
        assert status(school, own) == 403
        token = lena.open("/script-keys").form_with("name", action="/script-keys").fields["csrf_token"]
        refused = lena.client.post("/script-keys/1/revoke", data={"csrf_token": token})
        assert "there is no such key" in refused.text
        assert status(school, key) == 200
    assert "concerns" in cora.open("/script-keys").text, "who looks after all keys sees all"
