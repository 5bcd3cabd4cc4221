"""What schools ask of a filter, in their own words (docs/what-schools-ask.md), where pages answer."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.fakes.furnished import FurnishedSchool, furnished_sites
from tests.webui.every_page import PageVisit, is_page, list_pages, sign_in
from tests.webui.test_words import text_of

MONITORED = "Use of this network is filtered and monitored to keep pupils safe."
NOT_WHOLE = "No filter is ever fully effective"
ROOT = Path(__file__).parents[2]

Sites = dict[str, list[tuple[PageVisit, str]]]


@pytest.fixture(scope="module")
def apps() -> Iterator[tuple[FurnishedSchool, dict[str, Flask]]]:
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder, furnished_sites(Path(folder)) as made:
        yield made


@pytest.fixture(scope="module")
def pages(apps: tuple[FurnishedSchool, dict[str, Flask]]) -> Sites:
    """What every page of both sites says."""
    school, sites = apps
    return {
        site: [
            (visit, text_of(answer.get_data(as_text=True)))
            for visit in list_pages(app, site, school.arguments)
            if is_page(app, visit) and not (answer := sign_in(app, visit.role).get(visit.path)).location
        ]
        for site, app in sites.items()
    }


def test_pupil_network_and_internet_use_is_monitored_every_page_says_so(pages: Sites) -> None:
    assert min(len(of_site) for of_site in pages.values()) > 10
    for visit, said in (one for of_site in pages.values() for one in of_site):
        assert MONITORED in said, visit.path


def test_pupil_network_and_internet_use_is_monitored_is_printed_for_all_networked_rooms(pages: Sites) -> None:
    (poster,) = (said for visit, said in pages["room"] if visit.path == "/poster")
    for words in (MONITORED, "Room 4", "tell a grown-up"):
        assert words in poster


def test_all_never_be_100_effective_is_said_on_every_page_and_to_parents(pages: Sites) -> None:
    for visit, said in (one for of_site in pages.values() for one in of_site):
        if visit.path == "/pupils":  # children are told whom they can go to
            assert "tell a grown-up whom you trust" in said
        else:
            assert NOT_WHOLE in said, visit.path
    standards = (ROOT / "docs" / "filtering-standards.md").read_text()
    assert "No filter is ever 100 % effective" in standards
    for limit in ("IWF", "content of pages", "Filtering by path", "mobile data"):
        assert any(limit in line and "| no |" in line for line in standards.splitlines()), limit


def test_teacher_responsible_for_monitoring_within_their_classroom(
    apps: tuple[FurnishedSchool, dict[str, Flask]],
) -> None:
    room = apps[1]["room"]
    page = sign_in(room, "teacher").get("/")
    assert page.status_code == 200
    assert "video.example.com" in page.get_data(as_text=True)
    assert 'data-events="/events' in page.get_data(as_text=True), "it hears of what is refused next"
    assert sign_in(room, None).get("/").location.startswith("/sign-in")
