"""Accounts, as the coordinator sees them at central."""

import re
from typing import Any

from appliance.central import accounts
from tests.e2e.browser import Browser
from tests.webui.central.pages import press, said


def test_an_account_is_added_with_a_password_shown_once_and_ended(cora: Browser, school: Any) -> None:
    cora.open("/accounts")
    cora.send(cora.form_with("username", "role"), username="supply", name="Sam", role="teacher", ends="2030-01-31")
    password = re.search(r"user-select-all[^>]*>([^<]+)<", cora.text)
    assert password
    assert "31 January 2030" in cora.open("/accounts").text
    press(cora, "/accounts/supply/end")
    assert "has ended" in said(cora)


def test_nobody_locks_themself_out(cora: Browser) -> None:
    token = cora.open("/accounts").form_with("username").fields["csrf_token"]
    cora.client.post("/accounts/cora/end", data={"csrf_token": token})
    assert "Sign out" in cora.open("/accounts").text


def test_an_account_that_was_ended_is_signed_out_at_once(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        accounts.end_account(session, school.clock(), username="cora", by="head")
    assert "Sign in" in cora.open("/").text
