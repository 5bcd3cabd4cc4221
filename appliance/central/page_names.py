"""How a room's page is called: a label made of the room's name, below a suffix of the school's.

`Room 4` becomes `room-4`. Letters lose their accents and are written small, whatever is neither a letter from a to
z nor a digit becomes one hyphen, and none stands at the ends. A name that holds no such letter and no digit has no
label. Two rooms never share one: whoever would bring that about is refused, and told which room it is.

Pure but for `require_free_label`.
"""

import unicodedata
from collections.abc import Iterable

from appliance.central.errors import NotPossible

MAX_LABEL_LENGTH = 63  # RFC 1035, section 2.3.4


def page_label(room_name: str) -> str:
    """Return the label of a room's page, or "": its name gives none."""
    folded = unicodedata.normalize("NFKD", room_name.replace("ß", "ss")).lower()
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    kept = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in plain)
    return "-".join(kept.split())[:MAX_LABEL_LENGTH].strip("-")


def find_shared_labels(room_names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of rooms whose pages would have the same name."""
    by_label: dict[str, str] = {}
    shared = []
    for name in room_names:
        label = page_label(name)
        if label and label in by_label:
            shared.append((by_label[label], name))
        by_label.setdefault(label, name)
    return shared


def require_free_label(name: str, others: Iterable[str]) -> None:
    """Raise NotPossible where a room's page would have the name of another room's."""
    label = page_label(name)
    for other in others:
        if label and page_label(other) == label:
            raise NotPossible(
                f"{name} and {other} would both have the page {label}: call one of them otherwise, so that their "
                "letters and digits differ"
            )
