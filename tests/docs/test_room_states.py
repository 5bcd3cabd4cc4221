"""The glossary has one word for each state of a room, and pages and commands say it so."""

import re

from appliance.central.metrics import ROOM_STATES
from tests.docs.sources import ROOT

GLOSSARY = (ROOT / "docs/glossary.md").read_text()
TABLE = GLOSSARY.partition("## A room's state")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", TABLE, re.MULTILINE)
TEMPLATES = ROOT / "webui/central/rooms/templates/rooms"
PAGES = "".join((TEMPLATES / f"{name}.html").read_text().casefold() for name in ("rooms", "room"))


def test_every_state_has_one_word() -> None:
    stored = [name for names, _ in ROWS for name in re.findall(r"`(\w+)`", names)]
    assert set(ROOM_STATES) <= {*stored, "in_step"}
    assert len(stored) == len(set(stored))


def test_pages_say_the_word() -> None:
    assert len(ROWS) == 6
    assert [word for _, word in ROWS if word not in PAGES] == []


def test_commands_say_the_words_of_pages() -> None:
    said = (ROOT / "appliance/commands/central_rooms.py").read_text()
    assert [word in said for word in ("'up to date'", "'catching up'", "in step'")] == [True, True, False]
