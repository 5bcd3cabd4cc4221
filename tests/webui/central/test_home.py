"""Home says what waits, what is broken, and draws the day, each picture with its figures beside it."""

import base64
import html
import re
from typing import Any
from xml.etree import ElementTree as ET

from appliance import protocol
from appliance.central import audit, backup, counts, requests, rooms
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.fakes.signing_central import SigningCentral


def read(browser: Browser) -> str:
    return html.unescape(re.sub(r"\s+", " ", browser.open("/home").text))


def decide(school: Any, minutes: float, site: str = "maps.example.org") -> None:
    asked = school.request(site=site)
    school.clock.pass_minutes(minutes)
    with school.store.write_session() as session:
        requests.approve_request(
            session, school.clock(), request_id=asked, by="cora", minutes=30, scope="room", groups=(), answer=""
        )


def test_what_waits_is_counted_and_leads_to_where_it_is_settled(cora: Browser, school: Any) -> None:
    assert "Nothing waits." in read(cora)
    school.request()
    assert re.search(r'<a href="/[^"]*"><strong>1</strong> request to open a site</a>', read(cora))
    school.request(site="other.example.org")
    assert "<strong>2</strong> requests to open a site" in read(cora)


def test_a_room_that_is_silent_or_has_a_condition_is_said(cora: Browser, school: Any) -> None:
    assert "Room 4: has not been set up yet" in read(cora)
    school.enrol("Room 5")
    assert "Room 4, Room 5: has not been set up yet" in read(cora)
    health = protocol.RoomHealth(
        version="1", policy=1, index="", index_age_seconds=1, conditions=("internet-unreachable",)
    )
    with school.store.write_session() as session:
        rooms.record_health(session, school.clock(), session.merge(school.room()), health)
    assert "Room 4: " in read(cora)
    assert "Room 4: is silent" not in read(cora)
    school.clock.pass_minutes(3)
    assert "Room 4: is silent" in read(cora)


def test_lists_that_could_not_be_renewed_are_said_without_a_programs_words(cora: Browser, school: Any) -> None:
    publisher = school.central.publisher
    publisher._set_state(type(publisher.state)(error="/var/lib/hallpass: [Errno 28] No space left on device"))
    text = read(cora)
    assert "The lists could not be renewed" in text
    assert "Errno" not in text


def test_every_picture_is_drawn_here_and_has_its_figures_in_a_table(cora: Browser, school: Any) -> None:
    decide(school, 10)
    decide(school, 20)
    decide(school, 60, "video.example.com")
    text = read(cora)
    pictures = re.findall(r'src="data:image/svg\+xml;charset=utf-8;base64,([^"]+)"', text)
    assert len(pictures) == 4, "what has nothing to show yet says so in words"
    for picture in pictures:
        drawn = base64.b64decode(picture)
        assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<script" not in drawn
        assert not re.search(rb'(?:href|src)="https?:', drawn)
    assert '<td class="name">maps.example.org</td><td>2</td>' in text
    assert '<td class="name">24/11</td><td>20</td>' in text  # half of the three were decided within twenty minutes
    assert "3 today: 3 opened, 0 denied." in text


def test_a_school_without_a_day_yet_has_words_in_place_of_pictures(cora: Browser) -> None:
    text = read(cora)
    assert text.count("Nothing yet.") == 9
    assert "data:image/svg" not in text


def test_a_name_as_long_as_may_be_draws_a_picture_all_the_same(cora: Browser, school: Any) -> None:
    school.request(site=".".join(["x" * 60] * 3 + ["example.org"]))
    assert "Most asked for" in read(cora)


def count(
    school: Any, hours_ago: int, cells: dict[tuple[str, str], int], sites: dict[str, int] | None = None
) -> None:
    hour = counts.to_hour(school.clock()) - hours_ago
    said = protocol.HourCounts(
        hour=hour,
        answers=tuple(
            protocol.CountedAnswers(verdict, category, answers)  # type: ignore[arg-type]  # one of four
            for (verdict, category), answers in cells.items()
        ),
        sites=tuple(protocol.CountedSite(site, "games", answers) for site, answers in (sites or {}).items()),
    )
    with school.store.write_session() as session:
        assert counts.receive_counts(session, school.clock(), session.merge(school.room()), said)


def test_answers_and_refusals_are_drawn_by_day_hour_category_room_and_site(cora: Browser, school: Any) -> None:
    count(school, 0, {("allowed", ""): 1200, ("refused", "games"): 40, ("refused", "gambling"): 9})
    count(school, 25, {("refused", "games"): 12, ("rewritten", ""): 30}, {"games.example.org": 12})
    text = read(cora)
    assert text.count('src="data:image/svg+xml') == 5
    assert "1,291 answers in 7 days; 61 of them were refusals." in text
    assert '<td class="name">24/11</td><td>1,200</td><td>49</td>' in text
    assert '<td class="name">23/11</td><td>30</td><td>12</td>' in text
    assert '<td class="name">9:00</td><td>1,200</td><td>49</td>' in text
    assert '<td class="name">games</td><td>52</td>' in text.lower()
    assert '<td class="name">games.example.org</td><td>12</td>' in text
    assert '<td class="name">Room 4</td><td>61</td>' in text


def test_a_figure_that_would_tell_of_few_people_is_not_drawn(cora: Browser, school: Any) -> None:
    count(school, 0, {("allowed", ""): 3, ("refused", "games"): 40, ("refused", "self_harm"): 2})
    text = read(cora)
    assert "<td>2</td>" not in text
    assert '<td class="name">games</td><td>few</td>' in text.lower(), "it could be worked out from the sum"
    assert '<td class="name">24/11</td><td>few</td><td>42</td>' in text


def test_a_backup_that_is_missing_or_old_is_said(cora: Browser, school: Any) -> None:
    assert "There has never been a backup of this service." in read(cora)
    with school.store.write_session() as session:
        audit.record_audit(session, school.clock(), "command line", backup.BACKUP_MADE, "x")
    assert "backup" not in read(cora).lower()
    school.clock.pass_minutes(9 * 24 * 60)
    school.account("late", "coordinator")
    cora.sign_in("late", PASSWORD)
    assert "The last backup is 9 days old." in read(cora)


def test_that_nobody_is_the_safeguarding_lead_is_said_with_the_way_to_name_one(cora: Browser, school: Any) -> None:
    said = "Nobody is the safeguarding lead or a deputy"
    assert said in read(cora)
    assert 'href="/first-start/people"' in cora.text
    school.account("dep", "deputy_coordinator")
    with Browser(school.url) as deputy:
        deputy.sign_in("dep", PASSWORD)
        assert said in read(deputy)
        assert 'href="/first-start/people"' not in deputy.text, "no way to where one may not come"
    school.account("lead", "safeguarding")
    assert said not in read(cora)


def test_a_root_key_that_stands_nowhere_else_is_said_until_it_is_confirmed(cora: Browser, school: Any) -> None:
    lists = SigningCentral(school.central.settings.central.data, school.central.keys)
    assert "export-root" not in read(cora)
    lists.now = school.clock()
    lists.sign("a1" * 32, b"an index")
    assert "export-root" in read(cora)
    lists.repository.confirm_root(lists.repository.unseal_root())
    assert "export-root" not in read(cora)
