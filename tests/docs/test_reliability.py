"""docs/reliability.md says of each thing that a room runs on what the table in the code says."""

from appliance.room.reliability import THINGS
from tests.docs.sources import ROOT

TEXT = (ROOT / "docs" / "reliability.md").read_text()


def test_the_documents_table_is_the_table_in_the_code() -> None:
    section = TEXT.split("## The ladder\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert rows == [
        f"| {one.name} | {one.check} | {one.before} | {one.last_resort} | {one.heals} | {one.sign} |"
        for one in THINGS
    ]
