"""What a look tells of the last week: what rooms have counted, no small number, and no more than is known."""

from collections.abc import Iterable

import msgspec
import pytest

from appliance.central import change_preview, counts, profiles, settings_preview, site_bundles, week_counts
from appliance.central.profile_settings import read_settings
from appliance.central.school_settings_values import SchoolSettings
from appliance.protocol import CountedAnswers, CountedSite, HourCounts
from tests.fakes.school import FakeSchool


def tell(
    school: FakeSchool, room: str, answers: Iterable[tuple[str, str, int]], *,
    sites: Iterable[tuple[str, int]] = (), hours_ago: int = 1,
) -> None:  # fmt: skip
    hour = counts.to_hour(school.clock()) - hours_ago
    said = HourCounts(
        hour=hour,
        answers=tuple(CountedAnswers(verdict, category, count) for verdict, category, count in answers),  # type: ignore[arg-type]  # words of the test
        sites=tuple(CountedSite(site, "games", count) for site, count in sites),
    )
    with school.store.write_session(affects_rooms=False) as session:
        assert counts.receive_counts(session, school.clock(), session.merge(school.room(room)), said)


@pytest.fixture
def counted(school: FakeSchool) -> None:
    school.enrol("Room 4")
    school.enrol("Room 5")
    tell(school, "Room 4", [("refused", "games", 1200), ("refused", "chat", 2), ("allowed", "", 9000)])
    tell(
        school, "Room 5", [("refused", "games", 40), ("refused", "chat", 1)], sites=[("cdn.example.net", 30)],
        hours_ago=150,
    )  # fmt: skip
    tell(school, "Room 5", [("refused", "games", 500)], hours_ago=200)  # eight days ago


def words(school: FakeSchool, *categories: str) -> str:
    with school.store.read_session() as session:
        return "; ".join(week_counts.opening_words(session, school.clock(), categories))


@pytest.mark.usefixtures("counted")
def test_what_would_open_is_told_as_what_was_refused_in_the_week_and_where(school: FakeSchool) -> None:
    told = words(school, "games")
    assert "last week 1,240 answers of that kind were refused in 2 rooms" in told
    assert "at most so many would have been given" in told
    assert words(school, "dating") == "last week nothing of that kind was refused, in 2 rooms"


@pytest.mark.usefixtures("counted")
def test_a_small_number_is_neither_told_nor_part_of_a_sum(school: FakeSchool) -> None:
    told = words(school, "games", "chat")
    assert "1,240" in told
    assert "fewer than 5 answers were refused last week of each of these: Chat" in told
    assert words(school, "chat") == "fewer than 5 answers were refused last week of each of these: Chat"


def test_where_no_room_has_told_its_numbers_that_is_said(school: FakeSchool) -> None:
    assert words(school, "games") == (
        "how often it was refused last week is not known: no room has told its numbers"
    )
    with school.store.read_session() as session:
        told = [*week_counts.site_words(session, school.clock(), ["cdn.example.net"])]
    assert told == ["how often they were refused last week is not known: no room has told its numbers"]


@pytest.mark.usefixtures("counted")
def test_of_what_would_close_it_is_said_that_nobody_counts_it(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        told = "; ".join(week_counts.closing_words(session, school.clock(), ["games"]))
    assert "is not known: rooms count kinds of sites only of what they refuse" in told
    assert "closed already: 1,240 answers were refused last week in 2 rooms" in told


@pytest.mark.usefixtures("counted")
def test_every_look_tells_it(school: FakeSchool) -> None:
    now, preview = school.clock(), school.central.preview
    with school.store.read_session() as session:
        settings = read_settings(profiles.get_profile(session, "pupils"))
        less = msgspec.structs.replace(settings, closed=tuple(one for one in settings.closed if one != "games"))
        profile = change_preview.preview_profile(session, preview, now, name="pupils", changed=less)
        locked = settings_preview.preview_settings(
            session, preview, now, changed=SchoolSettings(locked_categories=("games", "malware", "pornography"))
        )
        bundle = site_bundles.preview_bundle(
            session, preview, now, site="video.example.org", names=["example.net"]
        )
    assert "1,240" in profile.last_week[0]
    assert "is not known" in locked.last_week[0]
    assert bundle.last_week == ("last week 30 answers of them were refused in 1 room",)


@pytest.mark.usefixtures("counted")
def test_limits_of_incidents_are_told_with_what_they_made_last_week(school: FakeSchool) -> None:
    changed = SchoolSettings(locked_categories=("malware", "pornography"), tunnels="close")
    with school.store.read_session() as session:
        told = settings_preview.preview_settings(session, school.central.preview, school.clock(), changed=changed)
    assert told.last_week == (
        "last week, with the limits of now: 0 of many refusals, 0 of ways round the filter, 0 of hidden traffic",
    )
