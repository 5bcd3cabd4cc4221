"""docs/architecture.md names every folder that holds code, and walks its four ways by files that are there."""

import re
from pathlib import Path

import pytest

from tests.docs.sources import FILES, PACKAGES, ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text()
FOLDERS = {
    str(Path(name).parent)
    for name in FILES
    if name.startswith(tuple(f"{package}/" for package in PACKAGES)) and name.endswith((".py", ".html", ".mako"))
} | {"image-build"}
WAYS = ("A packet to its answer", "A request from the page to policy in force", "A list line to a verdict",
        "A refusal to the lamp")  # fmt: skip


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_every_folder_is_named(folder: str) -> None:
    assert f"`{folder}/`" in TEXT


@pytest.mark.parametrize("way", WAYS)
def test_each_way_is_walked_by_file(way: str) -> None:
    section = TEXT.split(f"## {way}\n", 1)[1].split("\n## ", 1)[0]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(set(re.findall(r"`([\w./-]+\.py)`", section))) >= len(numbers) >= 5


def test_the_way_of_a_packet_leads_through_every_stage() -> None:
    section = TEXT.split(f"## {WAYS[0]}\n", 1)[1].split("\n## ", 1)[0]
    stages = {path.name for path in (ROOT / "dns/pipeline").glob("*.py") if "_stage(" in path.read_text()}
    assert len(stages) >= 9
    assert stages <= set(re.findall(r"`dns/pipeline/(\w+\.py)`", section))
