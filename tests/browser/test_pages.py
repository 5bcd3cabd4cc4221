"""The story at the pages, in a real browser: they change by themselves, without a reload and without an error."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from blocklists import builtin_list
from tests.browser.chromium import CHROMIUM
from tests.e2e.school import Room, School, until

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]

SITE = "coolmathgames.com"
PUPILS_SITE = "friv.com"
PATIENCE = 60_000  # milliseconds, of a machine with other work; what comes at once costs none of it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        led_here = f"--host-resolver-rules=MAP {PUPILS_SITE} 127.0.0.1"  # as a room with the page for pupils does
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*CHROMIUM, led_here])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def school() -> Iterator[School]:
    with School() as one:
        yield one


@pytest.fixture(scope="module")
def room(school: School) -> Room:
    one = school.room("Room 4")
    one.wait_until_answering()
    until("the room to follow central", lambda: one.dig.addresses(SITE) == ["0.0.0.0"])
    return one


class Person:
    """Somebody at a page, and every error that their browser showed."""

    def __init__(self, browser: Browser, url: str, username: str, password: str, **screen: Any) -> None:
        self.page: Page = browser.new_page(**screen)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.goto(url)
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()


def test_a_request_goes_from_the_room_to_the_coordinator_and_back_without_a_reload(
    browser: Browser, school: School, room: Room
) -> None:
    teacher = Person(browser, room.url, "teacher", school.account("teacher", "teacher"))
    coordinator = Person(browser, school.url, "coordinator", school.account("coordinator", "coordinator"))
    expect(teacher.page.get_by_role("heading", name="Refused today")).to_be_visible()

    room.dig.addresses(SITE)
    row = teacher.page.get_by_role("row").filter(has_text=SITE)
    expect(row).to_be_visible(timeout=PATIENCE)

    row.get_by_role("link", name="Ask to open it").click()
    expect(teacher.page.locator("#ask")).to_contain_text("The coordinator decides")
    teacher.page.get_by_text("In your own words").click()
    expect(teacher.page.get_by_role("textbox", name="Site").first).to_have_value(SITE)
    teacher.page.get_by_label("What it is for").fill("Year 3 times tables")
    teacher.page.get_by_role("button", name="Ask to open it").click()

    card = coordinator.page.get_by_role("region", name=f"Request for {SITE}")
    expect(card).to_be_visible(timeout=PATIENCE)
    expect(teacher.page.locator("#requests")).to_contain_text("waiting for the coordinator", timeout=PATIENCE)
    expect(teacher.page.locator("#announcements")).not_to_contain_text("answered")
    card.get_by_role("button", name="Open it", exact=True).click()
    expect(coordinator.page.get_by_text("is open until")).to_be_visible()

    expect(teacher.page.locator("#requests")).to_contain_text(re.compile("open until"), timeout=PATIENCE)
    expect(teacher.page.locator("#announcements")).to_contain_text(f"{SITE}: open until")
    until("the site to open", lambda: room.dig.addresses(SITE) != ["0.0.0.0"])

    coordinator.page.get_by_role("button", name="Undo").click()
    until("the site to close", lambda: room.dig.addresses(SITE) == ["0.0.0.0"])
    expect(teacher.page.locator("#requests")).to_contain_text("over", timeout=PATIENCE)
    assert teacher.errors == []
    assert coordinator.errors == []


def test_a_pupil_asks_with_one_tap_and_the_teacher_answers_with_one_on_a_telephone(
    browser: Browser, school: School, room: Room
) -> None:
    telephone: dict[str, Any] = {"viewport": {"width": 320, "height": 700}, "has_touch": True, "is_mobile": True}
    teacher = Person(browser, room.url, "tilda", school.account("tilda", "teacher"), **telephone)
    room.dig.addresses(PUPILS_SITE)
    page = browser.new_page(java_script_enabled=False, **telephone)
    page.goto(f"http://{PUPILS_SITE}:{room.url.rpartition(':')[2]}/")
    page.get_by_role("button", name="Ask my teacher").tap()
    expect(page.get_by_role("status")).to_contain_text("Your teacher was asked")

    yes = teacher.page.get_by_role("button", name=f"Yes, ask the coordinator for {PUPILS_SITE}")
    expect(yes).to_be_visible(timeout=PATIENCE)
    for one in (page, teacher.page):
        assert one.evaluate("document.documentElement.scrollWidth") <= 320
    yes.tap()
    expect(teacher.page.get_by_role("status").first).to_contain_text("The coordinator was asked")
    page.get_by_role("link", name="Look again").tap()
    expect(page.get_by_role("status")).to_contain_text("has asked the school")
    assert teacher.errors == []


@pytest.mark.parametrize("scripts", [True, False])
def test_a_site_just_refused_is_asked_for_with_two_taps_and_without_typing_on_a_telephone(
    browser: Browser, school: School, room: Room, *, scripts: bool
) -> None:
    username, site = ("tanya", "poki.com") if scripts else ("theo", "y8.com")
    telephone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    teacher = Person(
        browser, room.url, username, school.account(username, "teacher"), **telephone, java_script_enabled=scripts
    )
    assert room.dig.addresses(site) == ["0.0.0.0"]
    if not scripts:
        until("the log to have it", lambda: teacher.page.reload() is not None and site in teacher.page.content())
    ask = teacher.page.get_by_role("row").filter(has_text=site).get_by_role("link", name="Ask to open it")
    expect(ask).to_be_visible(timeout=PATIENCE)
    assert ask.bounding_box()["y"] < 844, "it is on the first screen"  # type: ignore[index]  # it is visible
    ask.tap()
    expect(teacher.page.locator("#ask")).to_contain_text("The coordinator decides")
    teacher.page.get_by_role("button", name="Needed in this lesson (urgent)").tap()
    expect(teacher.page.get_by_role("status").first).to_contain_text(f"Your request for {site} is on its way")
    expect(teacher.page.locator("#requests")).to_contain_text("1 hour, urgent: Needed in this lesson")
    assert teacher.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert teacher.errors == []


def test_a_lesson_is_made_longer_and_ended_from_the_page_of_today(
    browser: Browser, school: School, room: Room
) -> None:
    teacher = Person(browser, room.url, "lina", school.account("lina", "teacher"))
    teacher.page.get_by_role("link", name="Lesson, pause").click()
    teacher.page.get_by_label("Only these sites, one a line").fill("maps.example.org\ncoolmathgames.com")
    teacher.page.get_by_role("button", name="Start the lesson").click()
    teacher.page.get_by_role("link", name="Today").click()
    running = teacher.page.locator("#running")
    expect(running).to_contain_text(f"Still closed: {SITE}.", timeout=PATIENCE)
    running.get_by_role("button", name="10 minutes more").click()
    expect(teacher.page.get_by_role("status").first).to_contain_text("10 minutes longer")
    running.get_by_role("button", name="End the lesson").click()
    expect(teacher.page.get_by_role("status").first).to_contain_text("The lesson has ended.")
    expect(running.get_by_role("button")).to_have_count(0)
    assert teacher.errors == []


def test_the_poster_is_one_sheet_of_a4(browser: Browser, school: School, room: Room) -> None:
    teacher = Person(browser, room.url, "petra", school.account("petra", "teacher"))
    teacher.page.get_by_role("link", name="Poster").click()
    expect(teacher.page.get_by_role("heading", name="Using the internet")).to_be_visible()
    sheet = teacher.page.pdf(format="A4", prefer_css_page_size=True)
    assert re.findall(rb"/Count (\d+)", sheet) == [b"1"]
    assert teacher.errors == []


def test_the_teachers_page_fits_a_telephone(browser: Browser, room: Room) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(room.url)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


def test_one_can_sign_in_with_the_keyboard_alone(browser: Browser, room: Room) -> None:
    page = browser.new_page()
    page.goto(room.url)
    page.keyboard.type("somebody")
    page.keyboard.press("Tab")
    page.keyboard.type("not a password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not right")


def test_a_lesson_closes_everything_else_until_it_is_ended(browser: Browser, school: School, room: Room) -> None:
    teacher = Person(browser, room.url, "lara", school.account("lara", "teacher"))
    teacher.page.get_by_role("link", name="Lesson, pause").click()
    teacher.page.get_by_label("Addresses, one a line").fill(f"https://example.org/page\n{SITE}\nno name")
    teacher.page.get_by_role("button", name="Check them").click()
    expect(teacher.page.get_by_role("row", name="example.org open", exact=True)).to_be_visible()
    expect(teacher.page.get_by_role("row", name=f"{SITE} closed")).to_be_visible()
    expect(teacher.page.get_by_role("row", name="no name")).to_be_visible()

    teacher.page.get_by_label("Only these sites, one a line").fill("maps.example.org")
    teacher.page.get_by_role("button", name="Start the lesson").click()
    until("the rest to close", lambda: room.dig.addresses("example.org") == ["0.0.0.0"])
    assert room.dig.addresses("www.maps.example.org") != ["0.0.0.0"]

    teacher.page.locator("#in-force").get_by_role("button", name="End now").click()
    until("the rest to open", lambda: room.dig.addresses("example.org") != ["0.0.0.0"])
    assert teacher.errors == []


def test_a_device_is_suspended_from_the_row_of_its_refusal(browser: Browser, school: School, room: Room) -> None:
    teacher = Person(browser, room.url, "sam", school.account("sam", "teacher"))
    room.dig.addresses(SITE)
    row = teacher.page.get_by_role("row").filter(has_text=SITE)
    row.locator("summary").click(timeout=PATIENCE)
    row.get_by_role("button", name="Suspend").click()
    expect(teacher.page.get_by_role("status").first).to_contain_text("without the internet")
    until("the device to be suspended", lambda: room.dig.addresses("example.org") == ["0.0.0.0"])
    teacher.page.locator("#running").get_by_role("button", name="Let it in again").click()
    expect(teacher.page.get_by_role("status").first).to_contain_text("has the internet again")
    until("the device to be free", lambda: room.dig.addresses("example.org") != ["0.0.0.0"])


def test_rows_stay_where_they_are_while_somebody_points_at_them(
    browser: Browser, school: School, room: Room
) -> None:
    teacher = Person(browser, room.url, "hal", school.account("hal", "teacher"))
    room.dig.addresses(SITE)
    row = teacher.page.get_by_role("row").filter(has_text=SITE)
    expect(row).to_be_visible(timeout=PATIENCE)
    row.hover()
    before = teacher.page.locator("#refused").inner_html()

    closed = builtin_list.builtin_names()["gambling"][0]
    room.dig.addresses(closed)
    new = teacher.page.get_by_role("button", name=re.compile("new: show"))
    expect(new).to_be_visible(timeout=PATIENCE)
    assert teacher.page.locator("#refused").inner_html() == before

    teacher.page.get_by_role("heading", name="Ask to open a site").hover()
    expect(teacher.page.get_by_role("row").filter(has_text=closed)).to_be_visible(timeout=PATIENCE)
    expect(new).to_have_count(0)
    assert teacher.errors == []


def test_what_the_coordinator_delegates_a_teacher_opens_without_waiting(
    browser: Browser, school: School, room: Room
) -> None:
    coordinator = Person(browser, school.url, "cora", school.account("cora", "coordinator"))
    coordinator.page.goto(f"{school.url}/delegations")
    coordinator.page.get_by_label("Category").select_option("games")
    coordinator.page.get_by_role("button", name="Let teachers open them").click()
    expect(coordinator.page.get_by_role("status").first).to_contain_text("by themselves")

    teacher = Person(browser, room.url, "dora", school.account("dora", "teacher"))
    site = "roblox.com"

    def asked_and_open() -> bool:
        teacher.page.goto(room.url)
        teacher.page.get_by_role("textbox", name="Site").first.fill(site)
        teacher.page.get_by_label("What it is for").fill("coding club")
        teacher.page.get_by_role("button", name="Ask to open it").click()
        return "you may open it by yourself" in teacher.page.get_by_role("status").first.inner_text()

    until("the delegation in the room", asked_and_open)
    until("the site to open", lambda: room.dig.addresses(site) != ["0.0.0.0"])
    assert teacher.errors == []


def test_what_a_pupil_told_reaches_the_safeguarding_lead_who_says_that_it_was_seen(
    browser: Browser, school: School, room: Room
) -> None:
    closed = builtin_list.builtin_names()["pornography"][0]
    until("the name to be closed", lambda: room.dig.addresses(closed) == ["0.0.0.0"])
    headers = {"Host": closed, "Origin": f"http://{closed}"}
    with httpx.Client(base_url=room.url, trust_env=False, headers=headers) as pupil:
        until(
            "the room to have seen it",
            lambda: "Thank you for telling" in pupil.post("/hallpass/tell-a-grown-up").text,
        )
    lead = Person(browser, school.url, "lena", school.account("lena", "safeguarding"))
    lead.page.goto(f"{school.url}/incidents")
    told = lead.page.locator("section").filter(has_text=closed).filter(has_text="grown-up")
    expect(told).to_have_count(1, timeout=PATIENCE)
    told.get_by_role("button", name="I have seen it").click()
    expect(told.get_by_role("button", name="I have seen it")).to_have_count(0)
    expect(told).to_contain_text("seen")
