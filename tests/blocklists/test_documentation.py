"""docs/lists.md names every command, setting and format of the lists."""

import re
from pathlib import Path

import msgspec
import pytest

from appliance.commands.lists import command
from blocklists.formats import FORMATS
from blocklists.sources import MATCHES, Source

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "lists.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(command.commands))
def test_every_command_is_documented(name: str) -> None:
    assert f"hallpass lists {name} " in DOCUMENT.replace("\n", " ")


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Source)])
def test_every_setting_of_a_source_is_documented(name: str) -> None:
    assert f"\n{name} = " in DOCUMENT


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_documented(name: str) -> None:
    assert f"| `{name}` |" in DOCUMENT


def test_the_example_of_a_source_names_every_format_and_every_match() -> None:
    (formats,) = re.findall(r'^format = "auto" +# or: (.+)$', DOCUMENT, re.MULTILINE)
    assert formats.split() == list(FORMATS)
    (matches,) = re.findall(r"^match = (.+); left out", DOCUMENT, re.MULTILINE)
    assert set(re.findall(r'"(\w+)"', matches)) == set(MATCHES)
