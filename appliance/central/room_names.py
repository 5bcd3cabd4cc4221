"""What a room may be called, and when two names are the same: people do not tell `Room 4` from `room  4`.

Pure: no database, so that a migration may use it.
"""

import unicodedata

from appliance.central.errors import NotPossible
from appliance.control_characters import find_control_character

MAX_NAME_LENGTH = 100


def normalize_room_name(typed: str) -> str:
    """Return a name as it is kept: without space around it, and with one space where there are several.

    Raises NotPossible where it is none.
    """
    name = " ".join(part for part in unicodedata.normalize("NFC", typed).strip().split(" ") if part)
    if not 0 < len(name) <= MAX_NAME_LENGTH or not room_name_key(name):
        raise NotPossible(f"a room needs a name of at most {MAX_NAME_LENGTH} characters")
    if found := find_control_character(name):
        raise NotPossible(f"a room's name holds a control character ({found}), which no name may")
    return name


def room_name_key(name: str) -> str:
    """Return what two names have in common that are the same to people (Unicode 15, section 3.13: D147)."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = (letter for letter in folded if unicodedata.category(letter) not in ("Cf", "Cc"))
    return " ".join("".join(visible).split())[:400]
