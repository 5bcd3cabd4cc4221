"""Profiles, as the coordinator sees them at central."""

from typing import Any

import pytest

from blocklists.categories import CATEGORIES
from tests.e2e.browser import Browser
from tests.webui.central.pages import document, said


def profile(school: Any, name: str) -> Any:
    return next(one for one in document(school).profiles if one.name == name)


def change(browser: Browser, profile: str, **values: Any) -> Any:
    """Open a profile's form, fill it in and save it; return the answer."""
    page = browser.client.get("/profiles/change", params={"profile": profile})
    browser.response = page
    form = browser.form_with("revision", action="/profiles/change")
    return browser.client.post("/profiles/change", data=form.fields | {"closed": []} | values)


def press(browser: Browser, action: str, **values: str) -> Browser:
    token = browser.open("/profiles").form_with(action="/profiles/add").fields["csrf_token"]
    browser.response = browser.client.post(f"/profiles/{action}", data={"csrf_token": token} | values)
    return browser


def undo(browser: Browser) -> Browser:
    return browser.send(browser.form_with(action="/profiles/undo/"))


def test_everything_that_a_profile_can_say_is_set_on_its_page_and_reaches_the_rooms(
    cora: Browser, school: Any
) -> None:
    answer = change(
        cora, "staff", closed=["gambling", "games"], switches=["safe_search", "keywords", "strip_ech"],
        youtube="moderate", safe_search_except=["bing"], refusal="page",
    )  # fmt: skip
    assert answer.status_code == 200
    staff = profile(school, "staff")
    assert staff.closed == ("gambling", "games")
    assert (staff.safe_search, staff.keywords, staff.strip_ech) == (True, True, True)
    assert (staff.youtube, staff.safe_search_except, staff.refusal) == ("moderate", ("bing",), "page")


def test_a_saved_profile_is_as_it_was_after_undo_and_a_second_press_changes_nothing(
    cora: Browser, school: Any
) -> None:
    before = profile(school, "staff")
    cora.response = change(cora, "staff", closed=["games"])
    form = cora.form_with(action="/profiles/undo/")
    assert "is as it was before" in said(cora.send(form))
    assert profile(school, "staff") == before
    assert "is as it was before" in said(cora.send(form)), "pressed twice"
    assert profile(school, "staff") == before


def test_of_two_who_save_at_once_the_later_is_told_and_keeps_what_they_chose(cora: Browser, school: Any) -> None:
    cora.response = cora.client.get("/profiles/change", params={"profile": "staff"})
    late = cora.form_with("revision").fields
    change(cora, "staff", closed=["gambling"])
    answer = cora.client.post("/profiles/change", data=late | {"closed": ["dating"], "youtube": "off"})
    assert answer.status_code == 409
    assert "cora has changed the profile staff since you opened this page" in answer.text
    assert "+dating -gambling" in answer.text
    assert profile(school, "staff").closed == ("gambling",), "the earlier one is in force"
    cora.response = answer
    again = cora.form_with("revision").fields
    assert again["youtube"] == "off"
    assert cora.client.post("/profiles/change", data=again | {"closed": ["dating"]}).status_code == 200
    assert profile(school, "staff").closed == ("dating",)


def test_a_double_click_on_save_saves_once_and_tells_no_story_of_another_person(
    cora: Browser, school: Any
) -> None:
    cora.response = cora.client.get("/profiles/change", params={"profile": "staff"})
    sent = cora.form_with("revision").fields | {"closed": ["games"], "name": "teachers"}
    for _ in range(2):
        assert cora.client.post("/profiles/change", data=sent).status_code in (200, 302)
    assert profile(school, "teachers").closed == ("games",)


def test_two_profiles_do_not_share_a_form(cora: Browser) -> None:
    cora.open("/profiles")
    assert not [form for form in cora.forms() if "closed" in form.fields]


def test_what_cannot_be_saved_comes_back_filled_in(cora: Browser, school: Any) -> None:
    answer = change(cora, "staff", closed=["games"], name="PUPILS", refusal="page")
    assert answer.status_code == 422
    assert "There is a profile &#39;pupils&#39; already" in answer.text
    cora.response = answer
    assert cora.form_with("revision").fields["refusal"] == "page"
    assert 'value="PUPILS"' in answer.text


@pytest.mark.parametrize("name", ["early years", "key stage 1", "key stage 2", "secondary", "visitors"])
def test_a_ready_made_profile_is_added_in_one_press(cora: Browser, school: Any, name: str) -> None:
    press(cora, "add", name=name, ready_made="1")
    found = profile(school, name)
    assert {"pornography", "extremism", "gambling", "circumvention"} <= set(found.closed)
    assert found.safe_search
    assert "is gone" not in said(cora)
    undo(cora)
    assert name not in {one.name for one in document(school).profiles}


@pytest.mark.parametrize("name", ["Year 3/4", "a & b <i>", "../rules", "Blwyddyn ŵ ☃", "50 %"])
def test_a_profile_of_any_name_is_made_changed_copied_and_removed(cora: Browser, school: Any, name: str) -> None:
    press(cora, "add", name=name)
    assert len(profile(school, name).closed) == len(CATEGORIES)
    assert change(cora, name, closed=["games"]).status_code == 200
    assert profile(school, name).closed == ("games",)
    press(cora, "copy", profile=name, name=f"{name} 2")
    assert profile(school, f"{name} 2").closed == ("games",)
    press(cora, "remove", profile=name)
    assert "is gone" in said(cora)
    undo(cora)
    assert profile(school, name).closed == ("games",)


def test_the_default_profile_is_not_removed_and_another_can_become_it(cora: Browser, school: Any) -> None:
    press(cora, "remove", profile="pupils")
    assert "is the default profile" in said(cora)
    press(cora, "default", profile="staff")
    assert document(school).default_group == "staff"
    undo(cora)
    assert document(school).default_group == "pupils"


def test_what_a_change_would_open_and_close_is_shown_before_anything_is_saved(cora: Browser, school: Any) -> None:
    before = profile(school, "staff")
    sent = [one for one in before.closed if one != "gambling"] + ["games"]
    page = change(cora, "staff", closed=sent, switches=["safe_search"], youtube="moderate", step="look")
    assert "1 category opens:" in page.text
    assert "1 category closes:" in page.text
    assert "www.youtube.com" in page.text
    assert profile(school, "staff") == before
    cora.response = page
    form = cora.form_with("revision").fields
    assert form["youtube"] == "moderate"
    cora.client.post("/profiles/change", data=form | {"closed": sent, "switches": ["safe_search"], "step": "save"})
    assert profile(school, "staff").youtube == "moderate"


def test_a_look_at_what_cannot_be_says_why(cora: Browser) -> None:
    page = change(cora, "staff", name="pupils", step="look")
    assert page.status_code == 422
    assert "already" in page.text
