"""Short ways to use central's pages, and to look at what has come of it."""

import re
from typing import Any

from appliance.central import requests
from tests.e2e.browser import Browser


def document(school: Any) -> Any:
    return school.document()


def state(school: Any) -> Any:
    with school.store.read_session() as session:
        return requests.list_request_states(session, school.clock(), school.room())[-1]


def said(browser: Browser) -> str:
    """Return what the page's messages say."""
    found = re.findall(r'<div class="alert[^>]*>\s*<span>(.*?)</span>', browser.text, re.DOTALL)
    return " ".join(found)


def press(browser: Browser, action: str, button: str = "", **values: str) -> Browser:
    """Send the first form whose action contains a text, with the button of that name pressed."""
    form = browser.form_with(action=action)
    if button:
        name, value = next(one for one in form.buttons if one[1] == button)
        values[name] = value
    return browser.send(form, files=None, **values)
