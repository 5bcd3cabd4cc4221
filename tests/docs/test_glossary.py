"""The glossary names things that are there, each term once, and what it says is stored is stored."""

import re

import pytest

from tests.docs.sources import ROOT, words_of

TEXT = (ROOT / "docs" / "glossary.md").read_text()
STORED = "## Words for people, and what is stored"
TERMS, WORDS = TEXT.split(STORED)


def rows(text: str, columns: int) -> list[list[str]]:
    cut = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "|" in line]
    bodies = [row for row in cut if row[0].strip() not in {"term", "in code"} and not row[0].startswith("---")]
    assert {len(row) for row in bodies} == {columns}
    return bodies


@pytest.mark.parametrize("row", rows(TERMS, 4), ids=lambda row: row[0])
def test_a_term_stands_in_the_file_that_its_row_names(row: list[str]) -> None:
    for place in row[2].split("; "):
        path, *names = re.findall(r"`([^`]+)`", place)
        assert (ROOT / path).is_file()
        assert names
        assert set(names) <= words_of(path), f"{place}"


def test_each_term_has_one_row() -> None:
    terms = [term.strip() for row in rows(TERMS, 4) for term in re.sub(r"\([^)]*,[^)]*\)", "", row[0]).split(",")]
    assert sorted({term for term in terms if terms.count(term) > 1}) == []


def test_what_is_stored_under_another_name_still_is() -> None:
    folders = ("appliance", "blocklists", "dns", "webui", "image-build")
    sources = {path for folder in folders for path in (ROOT / folder).rglob("*")}
    suffixes = {".py", ".html", ".toml", ".service"}
    code = "".join(path.read_text() for path in sources if path.suffix in suffixes) + " ".join(map(str, sources))
    quoted = {name for row in rows(WORDS, 3) for name in re.findall(r"`([^`]+)`", row[2])}
    words = {word for name in quoted for word in re.split(r"HASH|ID|[\s=\"/]+", name) if word}
    assert len(words) > 50
    assert sorted(word for word in words if not re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", code)) == []
