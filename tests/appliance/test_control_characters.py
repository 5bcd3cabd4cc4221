"""What nobody sees is no text; what somebody sees is one, in any writing."""

import re

import pytest

from appliance.control_characters import REQUIRED_TEXT_PATTERN, is_blank

BLANK = [
    "",
    " ",
    "\u00a0\u3000",
    "\u200b",
    " \u2060\ufeff\u00ad ",
    "\u3164",
    "\u2800\u2800",
    "\u200e\u200f",
    "\ufe0f",
]
SEEN = ["a", " . ", "\u200bRömer", "العربية\u200f", "❤\ufe0f", "क\u200dष", "가", "⠓"]


@pytest.mark.parametrize("text", BLANK)
def test_a_text_without_anything_to_see_is_blank(text: str) -> None:
    assert is_blank(text)
    assert re.match(REQUIRED_TEXT_PATTERN, text) is None


@pytest.mark.parametrize("text", SEEN)
def test_a_text_with_something_to_see_is_none(text: str) -> None:
    assert not is_blank(text)
    assert re.match(REQUIRED_TEXT_PATTERN, text) is not None
