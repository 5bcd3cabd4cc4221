"""How a room's page is called."""

import pytest

from appliance.central.errors import NotPossible
from appliance.central.page_names import find_shared_labels, page_label, require_free_label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Room 4", "room-4"),
        ("  4b — Science/Lab ", "4b-science-lab"),
        ("Große Aula (1. Étage)", "grosse-aula-1-etage"),
        ("Ystafell Gŵyl", "ystafell-gwyl"),
        ("Room\u202e4\x00", "room-4"),
        ("-- --", ""),
        ("غرفة", ""),
        ("x" * 80, "x" * 63),
        ("x" * 62 + " y", "x" * 62),
    ],
)
def test_a_rooms_name_becomes_a_label_that_every_browser_takes(name: str, label: str) -> None:
    assert page_label(name) == label


def test_two_rooms_never_share_a_label() -> None:
    assert find_shared_labels(["Room 4", "Hall", "room-4", "غرفة", "مكتبة"]) == [("Room 4", "room-4")]
    require_free_label("Room 5", ["Room 4"])
    with pytest.raises(NotPossible, match="Room-4 and Room 4 would both have the page room-4"):
        require_free_label("Room-4", ["Hall", "Room 4"])
