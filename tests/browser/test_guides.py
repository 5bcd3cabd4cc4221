"""The guides on paper: a page each, and pictures of the pages that they speak of.

`make guides` writes them to `dist/guides/`, which git ignores: a picture of today would be false tomorrow, and a
guide reads well without one. What a guide names, `tests/webui/test_words.py` holds to the pages in every run.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from appliance.rights import Role
from tests.browser.chromium import CHROMIUM
from tests.docs.sources import ROOT
from tests.fakes.furnished import furnished_sites, served
from tests.webui.every_page import sign_in
from webui.shared.help import GUIDES

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]

FOLDER = ROOT / "dist/guides"
READERS: dict[str, tuple[str, Role]] = {
    "teacher": ("room", "teacher"),
    "coordinator": ("central", "coordinator"),
    "safeguarding-lead": ("central", "safeguarding"),
}
PICTURES = {
    "teacher": ("/", "/classroom", "/log"),
    "coordinator": ("/first-start", "/requests", "/home", "/rooms"),
    "safeguarding-lead": ("/incidents",),
}


class Reader:
    """Somebody with a guide in hand, at the site that it speaks of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp")))
        _, apps = stack.enter_context(furnished_sites(folder))
        urls = {site: stack.enter_context(served(app)) for site, app in apps.items()}
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        stack.callback(chromium.close)
        FOLDER.mkdir(parents=True, exist_ok=True)
        made = {}
        for guide, (site, role) in READERS.items():
            cookie = sign_in(apps[site], role).get_cookie(f"hallpass-{site}")
            assert cookie is not None
            context = chromium.new_context(viewport={"width": 1000, "height": 750}, reduced_motion="reduce")
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": urls[site]}])
            made[guide] = Reader(context.new_page(), urls[site])
        yield made


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_is_one_page_of_paper(readers: dict[str, Reader], guide: str) -> None:
    reader = readers[guide]
    reader.page.goto(f"{reader.url}/help/{guide}")
    margins = {"top": "14mm", "bottom": "14mm", "left": "16mm", "right": "16mm"}
    printed = reader.page.pdf(path=FOLDER / f"{guide}.pdf", format="A4", margin=margins)  # type: ignore[arg-type]  # a plain dict does
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1


@pytest.mark.parametrize("guide", GUIDES)
def test_the_pages_of_a_guide_have_their_pictures(readers: dict[str, Reader], guide: str) -> None:
    reader = readers[guide]
    for path in PICTURES[guide]:
        answer = reader.page.goto(reader.url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert reader.page.get_by_role("heading", level=1).count() == 1
        name = f"{guide}{path.replace('/', '-')}".rstrip("-")
        assert len(reader.page.screenshot(path=FOLDER / f"{name}.png")) > 10_000
