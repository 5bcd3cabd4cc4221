"""Each decision says when it was made and whether it holds, and the list of them says the same."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
LIST = (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_decision_has_a_date_and_a_status_that_the_list_repeats(record: Path) -> None:
    lines = record.read_text().splitlines()
    number, title = lines[0].removeprefix("# ").split(": ", 1)
    date, status = lines[2].removeprefix("- Date: "), lines[3].removeprefix("- Status: ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
    assert re.fullmatch(r"accepted|superseded by \d{4}", status)
    assert f"| [{number}]({record.name}) | {title} | {date} | {status} |\n" in LIST


def test_the_numbers_of_the_decisions_are_without_gaps() -> None:
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]
