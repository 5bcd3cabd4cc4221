"""What waits, in the order in which somebody should see it; found by words, a page at a time."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from appliance.central import inbox, reports, requests
from appliance.protocol import SiteReport
from tests.appliance.central.factories import approve
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")


def ask(school: FakeSchool, site: str, room: str = "Room 4", **fields: Any) -> str:
    message = msgspec.structs.replace(school.unblock_request(site=site), **fields)
    with school.store.write_session() as session:
        requests.submit_request(session, school.clock(), session.merge(school.room(room)), message)
    return message.id


def sites(school: FakeSchool, words: str = "", page: int = 1, who: str = "cora") -> list[str]:
    with school.store.read_session() as session:
        return [one.site for one in inbox.read_inbox(session, who=who, words=words, page=page).requests]


def test_what_was_passed_on_to_me_comes_first_then_what_is_urgent_then_the_oldest(
    school: FakeSchool,
) -> None:
    for username in ("cora", "dan"):
        school.account(username, "coordinator")
    for site, age, urgent in (
        ("new.example.org", 0, False),
        ("old.example.org", 3, False),
        ("now.example.org", 0, True),
        ("mine.example.org", 1, False),
    ):
        found = ask(school, site, urgent=urgent, asked_at=school.clock() - timedelta(hours=age))
    with school.store.write_session() as session:
        requests.pass_request_on(session, school.clock(), request_id=found, by="dan", to="cora")
    assert sites(school) == ["mine.example.org", "now.example.org", "old.example.org", "new.example.org"]
    assert sites(school, who="dan")[0] == "now.example.org"


def test_it_is_found_by_words_of_site_room_teacher_and_reason_and_no_others(
    school: FakeSchool,
) -> None:
    ask(school, "maps.example.org", "Room 5", reason="Rivers of Europe")
    ask(school, "games.example.org")
    for words in ("MAPS", "room 5", "rivers  maps", "teacher rivers"):
        assert sites(school, words) == ["maps.example.org"], words
    for words in ("%", "_", "'; DROP TABLE requests; --", "rivers games", "\U0001f4a9"):
        assert sites(school, words) == [], words


def test_many_come_a_page_at_a_time_reports_with_them_and_no_page_is_beyond_the_last(school: FakeSchool) -> None:
    for number in range(inbox.PAGE_SIZE + 3):
        ask(school, f"s{number:02}.example.org", asked_at=school.clock() - timedelta(minutes=60 - number))
    report = SiteReport(id="a" * 32, site="bad.example.org", teacher="tess", reported_at=school.clock())
    with school.store.write_session() as session:
        reports.receive_report(session, school.clock(), session.merge(school.room()), report)
    with school.store.read_session() as session:
        first = inbox.read_inbox(session, who="cora")
    assert (len(first.requests), len(first.reports), first.waiting, first.pages) == (25, 1, 29, 2)
    assert sites(school, page=2) == ["s25.example.org", "s26.example.org", "s27.example.org"]
    assert sites(school, page=10**9) == sites(school, page=2)
    assert sites(school, page=-5) == sites(school)


def test_what_was_decided_of_the_same_site_is_at_hand(school: FakeSchool) -> None:
    earlier = ask(school, "maps.example.org")
    approve(school, earlier)
    approve(school, ask(school, "other.example.org"))
    again = ask(school, "maps.example.org")
    with school.store.read_session() as session:
        found = requests.find_request(session, again)
        assert found is not None
        assert [one.id for one in inbox.read_history(session, found)] == [earlier]
        assert [one.site for one in inbox.read_decided(session, words="maps").requests] == ["maps.example.org"]


def test_a_colleague_is_whoever_may_decide_and_is_still_there(school: FakeSchool) -> None:
    school.account("cora", "coordinator")
    school.account("dan", "coordinator")
    school.account("tess", "teacher")
    with school.store.read_session() as session:
        assert [one.username for one in inbox.list_colleagues(session, school.clock(), "cora")] == ["dan"]
