"""Pages speak the words of a school (docs/words.md): no word of ours, no raw number, no place on a disk."""

import re
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask

from appliance.rights import Role
from tests.docs.sources import ROOT
from tests.fakes.furnished import FurnishedSchool, furnished_sites
from tests.fakes.furnished_trust import furnished_trust
from tests.webui.every_page import list_pages, sign_in
from webui.shared.help import GUIDES, read_guide

SAID_BY_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-announce", "data-say"}
NOT_READ = {"script", "style"}
VOID = {"input", "br", "img", "meta", "link", "hr"}
LABELS = {"button", "h1", "h2", "h3", "a", "label", "summary", "legend"}
SAID_AFTER_A_PRESS = {
    "Undo",
    "Files for cards, still to be saved",
}  # while one waits. The former stands in a message: tests/webui/central/pages.py presses it all the time
GUIDE_READERS: dict[str, tuple[str, Role]] = {
    "teacher": ("room", "teacher"),
    "coordinator": ("central", "coordinator"),
    "safeguarding-lead": ("central", "safeguarding"),
}
RAW = {
    "a raw number": r"\b[0-9a-f]{16,}\b",
    "a place on a disk": r"(?<![\w.:/])/(?:var|etc|tmp|home|srv|opt|root|usr)/",
}


class _Text(HTMLParser):
    """What a page says to whoever reads or hears it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped += tag in NOT_READ
        self.said += [value for name, value in attrs if name in SAID_BY_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in NOT_READ

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.said.append(data)


def text_of(page: str) -> str:
    parser = _Text()
    parser.feed(page)
    return re.sub(r"\s+", " ", " ".join(parser.said))


def forbidden() -> list[str]:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", (ROOT / "docs/words.md").read_text(), re.MULTILINE)
    return [word.strip() for row in rows[1:] for word in row.split(",")]


def find_words(text: str) -> list[str]:
    patterns = {
        word: rf"\b{re.escape(word).replace(re.escape('*'), chr(92) + 'w*')}\b" for word in forbidden()
    } | RAW
    return [
        f"{what}: …{text[max(0, found.start() - 40) : found.end() + 30]}…"
        for what, pattern in patterns.items()
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[FurnishedSchool, dict[str, Flask]]]:
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder, furnished_sites(Path(folder)) as made:
        yield made


@pytest.mark.parametrize("site", ["central", "room"])
def test_no_page_says_a_word_of_ours(sites: tuple[FurnishedSchool, dict[str, Flask]], site: str) -> None:
    school, apps = sites
    said = []
    for visit in list_pages(apps[site], site, school.arguments):
        answer = sign_in(apps[site], visit.role).get(visit.path)
        if answer.mimetype == "text/html":
            said += [f"{visit.path} {one}" for one in find_words(text_of(answer.get_data(as_text=True)))]
    assert not said, "\n".join(said)


def test_no_page_of_a_trust_says_a_word_of_ours(tmp_path: Path) -> None:
    said = []
    with furnished_trust(tmp_path / "trust") as trust:
        for visit in list_pages(trust.app, "trust", trust.arguments):
            answer = sign_in(trust.app, visit.role).get(visit.path)
            if answer.mimetype == "text/html":
                said += [f"{visit.path} {one}" for one in find_words(text_of(answer.get_data(as_text=True)))]
    assert not said, "\n".join(said)


class _Labels(HTMLParser):
    """What stands on buttons, headings, links, labels and the like, without what only screen readers read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._open: list[tuple[str, list[str] | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_hidden = "visually-hidden" in (dict(attrs).get("class") or "")
        if tag not in VOID:
            self._open.append((tag, None if is_hidden else []))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            name, said = self._open.pop()
            if said is not None and name in LABELS:
                self.found.add(" ".join("".join(said).split()))
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if all(said is not None for _, said in self._open):
            for _, said in self._open:
                said.append(data)  # type: ignore[union-attr]  # none is hidden


def test_every_button_and_heading_that_a_guide_names_stands_on_a_page(
    sites: tuple[FurnishedSchool, dict[str, Flask]],
) -> None:
    school, apps = sites
    missing = []
    for guide, (site, role) in GUIDE_READERS.items():
        labels = _Labels()
        for visit in list_pages(apps[site], site, school.arguments):
            answer = sign_in(apps[site], role).get(visit.path)
            if answer.status_code == 200 and answer.mimetype == "text/html" and "/help" not in visit.path:
                labels.feed(answer.get_data(as_text=True))
        named = [" ".join(one.split()) for one in re.findall(r"\*\*(.+?)\*\*", read_guide(guide), re.DOTALL)]
        assert len(named) > 12, guide
        missing += [f"{guide}: {one}" for one in named if one not in labels.found | SAID_AFTER_A_PRESS]
    assert not missing, "\n".join(missing)


def test_a_guide_speaks_the_words_of_a_school_and_has_a_page_on_both_sites(
    sites: tuple[FurnishedSchool, dict[str, Flask]],
) -> None:
    _, apps = sites
    assert set(GUIDE_READERS) == set(GUIDES)
    for guide, (site, role) in GUIDE_READERS.items():
        answer = sign_in(apps[site], role).get(f"/help/{guide}")
        text = text_of(answer.get_data(as_text=True))
        assert GUIDES[guide] in text
        assert find_words(text) == []
        assert "**" not in text
    assert sign_in(apps["room"], "teacher").get("/help/nothing").status_code == 404


def test_the_words_are_found_wherever_a_page_says_them() -> None:
    page = """<p>Its <b>Token</b></p><input placeholder="unblocked"><script>let agent;</script>
        <td title="/var/lib/hallpass">0123456789abcdef</td><p>in
        step</p>"""
    found = {one.partition(":")[0] for one in find_words(text_of(page))}
    assert found == {"token", "unblock*", "a place on a disk", "a raw number", "in step"}
    assert len(forbidden()) > 20
