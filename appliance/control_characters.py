"""Control characters: no text that is kept, shown or logged may hold one; how one that came is written out.

And what nobody sees: a text of blanks, or of characters without width or ink, says nothing.
"""

import re

_CONTROL_CHARACTERS = (  # as a regular expression writes them, here and in ECMA-262
    r"\u0000-\u001f\u007f-\u009f"  # C0, DEL, C1
    r"\u2028\u2029"  # the ends of lines and paragraphs
    r"\u202a-\u202e\u2066-\u2069"  # what turns the text around it: a name that reads as another one
)
_INVISIBLE_CHARACTERS = (
    r"\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"  # no width
    r"\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # no ink: fillers of writings, braille without dots
)
TEXT_PATTERN = f"^[^{_CONTROL_CHARACTERS}]*$"
REQUIRED_TEXT_PATTERN = (
    rf"^[^{_CONTROL_CHARACTERS}]*[^{_CONTROL_CHARACTERS}\s{_INVISIBLE_CHARACTERS}][^{_CONTROL_CHARACTERS}]*$"
)
_CONTROL_CHARACTER = re.compile(f"[{_CONTROL_CHARACTERS}]")
_BLANK = re.compile(rf"[\s{_INVISIBLE_CHARACTERS}]*")


def find_control_character(text: str) -> str:
    """Return the first control character in a text, as `U+0000`; "" where there is none."""
    found = _CONTROL_CHARACTER.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def is_blank(text: str) -> bool:
    """Tell whether a text has nothing in it that anybody could see."""
    return _BLANK.fullmatch(text) is not None


def escape_control_characters(text: str) -> str:
    r"""Return a text with its control characters written out, as `\x00`: for evidence, which must not be lost."""
    return _CONTROL_CHARACTER.sub(_write_out, text)


def _write_out(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
