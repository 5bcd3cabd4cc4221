"""The coordinator's pages in a real browser: from a mail to a decision, and what was typed stays."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import CHROMIUM
from tests.e2e.browser import Browser as Teacher
from tests.e2e.school import Room, School, hallpass, until
from tests.fakes.mail_server import MailServer

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("central browser")]

TELEPHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PATIENCE = 60_000  # milliseconds, of a machine with other work; what comes at once costs none of it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def school(mail: MailServer) -> Iterator[School]:
    mail_section = (
        f'server = "127.0.0.1"\nport = {mail.port}\nencryption = "none"\nfrom = "hallpass@example.org"\n'
    )
    with School(settings=f'url = "URL"\n[mail]\n{mail_section}') as one:
        yield one


@pytest.fixture(scope="module")
def room(school: School) -> Room:
    one = school.room("Room 4")
    one.wait_until_answering()
    return one


def signed_in(browser: Browser, school: School, username: str, **screen: object) -> Page:
    page = browser.new_context(**screen).new_page()  # type: ignore[arg-type]  # what a screen is like
    page.goto(school.url)
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(school.account(username, "coordinator"))
    page.get_by_role("button", name="Sign in").click()
    return page


def ask_for(site: str, room: Room, username: str, password: str) -> None:
    with Teacher(room.url) as teacher:
        teacher.sign_in(username, password)
        teacher.open("/").send(
            teacher.form_with("site", "reason", "minutes"), site=site, reason="Sums", minutes="30"
        )


@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_mail_a_request_is_decided_with_two_taps_on_a_telephone(
    browser: Browser, school: School, room: Room, mail: MailServer, *, scripts: bool
) -> None:
    username, site = ("carla", "poki.com") if scripts else ("carlo", "y8.com")
    page = signed_in(browser, school, username, java_script_enabled=scripts, **TELEPHONE)
    hallpass("central", "mail", "address", username, f"{username}@example.org", "--config", str(school.config))
    hallpass("central", "mail", "notices", username, "--each", "--config", str(school.config))
    ask_for(site, room, f"for-{username}", school.account(f"for-{username}", "teacher"))

    def received() -> str:
        return next((one.text for one in mail.mails if one.recipients == [f"{username}@example.org"]), "")

    link = re.search(r"https?://\S+", until("the mail", received, 60))
    assert link is not None
    assert site not in received(), "a mail names no site"

    page.goto(link[0])  # the first tap
    button = page.get_by_role("button", name="Open it", exact=True)
    assert button.bounding_box()["y"] < 844, "it is on the first screen"  # type: ignore[index]  # it is visible
    button.tap()
    expect(page.get_by_text("is open until")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    until("the site to open", lambda: room.dig.addresses(site) != ["0.0.0.0"])


def test_what_came_back_with_a_form_stays_when_something_happens_meanwhile(
    browser: Browser, school: School, room: Room
) -> None:
    page = signed_in(browser, school, "connie")
    ask_for("friv.com", room, "tom", school.account("tom", "teacher"))
    rooms = page.context.new_page()
    rooms.goto(school.url + "/rooms")

    page.goto(school.url + "/requests")
    page.get_by_role("link", name="friv.com").click()
    page.get_by_text("More: where, for whom").click()
    page.get_by_label("Others").fill("no-name!")
    page.get_by_role("button", name="Open it", exact=True).click()
    expect(page.get_by_role("alert").or_(page.get_by_role("status")).first).to_contain_text("no-name!")
    page.get_by_label("Words for the teacher").fill("After break")

    loads: list[Page] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded))  # noqa: PLW0108 (needs a plain function)
    school.enrol("Room 9")
    expect(rooms.get_by_role("link", name="Room 9")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_label("Words for the teacher")).to_have_value("After break")
    assert loads == []
