"""A school's people, rooms and rules can be searched, and stand a page at a time."""

from typing import Any

from appliance.central import reports, rules
from appliance.protocol import SiteReport
from tests.e2e.browser import Browser
from webui.central.paged_rows import find_rows


def test_rows_are_found_by_all_the_words_and_shown_a_page_at_a_time() -> None:
    rows = [f"Laptop {at} of Year {at % 3}" for at in range(120)]
    everything = find_rows(rows, words="", page=9, describe=str)
    assert (everything.page, everything.pages, everything.count) == (3, 3, 120)
    assert everything.rows == rows[100:]
    found = find_rows(rows, words="  year laptop 7 ", page=1, describe=str.upper)
    assert set(found.rows) == {row for row in rows if "7" in row}


def test_people_rooms_rules_and_reports_are_searched_on_their_pages(cora: Browser, school: Any) -> None:
    for at in range(14):
        school.enrol(f"Room {at + 10}")
        school.account(f"t{at}", "teacher")
    with school.store.write_session() as session:
        for at in range(60):
            rules.add_rule(session, school.clock(), name=f"s{at}.example.org", action="block", note="", by="cora")
        for at in range(30):
            report = SiteReport(
                id=f"{at:032x}", site=f"r{at}.example.org", note="", teacher="t1", reported_at=school.clock()
            )
            reports.receive_report(session, school.clock(), session.merge(school.room()), report)
    for page, word, there, absent in (
        ("/accounts", "t13", ">T13<", ">T12<"),
        ("/rooms", "Room+23", ">Room 23<", ">Room 22<"),
        ("/rules", "s59", ">s59.example.org<", ">s58.example.org<"),
        ("/reports", "r29.", ">r29.example.org<", ">r28.example.org<"),
    ):
        assert cora.open(page).form_with("q", action=page)
        found = cora.open(f"{page}?q={word}").text
        assert (there in found, absent in found) == (True, False)
    assert "Page 1 of 2" in cora.open("/rules").text
    assert "s9.example.org" in cora.open("/rules?page=2").text


def test_a_room_whose_card_was_never_started_waits_for_it(cora: Browser) -> None:
    text = cora.open("/rooms").text
    assert "waits for its card" in text
    assert "silent" not in text
