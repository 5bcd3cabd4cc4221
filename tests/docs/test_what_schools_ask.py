"""Each row of what schools ask names a test whose name has the row's words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| (`tests/[^|]+`) \|$",
    (ROOT / "docs/what-schools-ask.md").read_text(),
    re.MULTILINE,
)
WHO = set(
    re.split(
        ", ", "pupil, teacher, supply teacher, coordinator, DSL, headteacher, governor, technician, parent, all"
    )
)


def as_name(words: str) -> str:
    """Write words as they stand in the name of a test."""
    return "_".join(re.findall("[a-z0-9]+", words.lower().replace("'", "")))


def test_every_role_asks_for_something() -> None:
    assert {who for who, _, _ in ROWS} == WHO
    assert len(ROWS) == 29


@pytest.mark.parametrize(("who", "words", "files"), ROWS, ids=[as_name(words) for _, words, _ in ROWS])
def test_each_row_has_a_test_with_its_words_in_the_files_that_it_names(who: str, words: str, files: str) -> None:
    for name in re.findall("`([^`]+)`", files):
        tests = re.findall(r"^def test_(\w+)\(", (ROOT / name).read_text(), re.MULTILINE)
        asked = [one for one in tests if as_name(words) in one]
        assert asked, f"no test of {name} has {as_name(words)} in its name"
        assert any(as_name(who) in one.partition(as_name(words))[0] for one in asked), (
            f"{name}: not said to be {who}'s"
        )
