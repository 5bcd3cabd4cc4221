"""Timetables at central: rows kept, sent to rooms, looked at ahead, and what is odd about them said."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from appliance.central import profiles, timetables
from appliance.central.errors import NotFound, NotPossible
from appliance.central.profile_settings import ProfileSettings, TimetableRow, read_settings
from appliance.central.timetable_preview import TimetablePreview, TimetableState
from dns.policy.document import PolicyDocument, Span
from dns.policy.timetable import WEEKDAYS
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool

WEEK = WEEKDAYS[:5]
LUNCH = TimetableRow(name="lunch", start="12:00", end="13:00", opens=("games",))
NIGHT = TimetableRow(name="night", start="22:00", end="06:00", when="every-day", closes=("streaming",))
SUNDAY_NIGHT = TimetableRow(start="23:00", end="02:00", days=("sun",), when="every-day", opens=("games",))
MONDAY = TimetableRow(start="01:00", end="01:30", days=("mon",), when="every-day", closes=("games",))
CHRISTMAS = Span(name="Christmas", first=date(2026, 12, 19), last=date(2027, 1, 3))
TERM = Span(name="the year", first=date(2026, 9, 2), last=date(2027, 7, 21))
KNOWN = ("games", "streaming", "chat", "pornography")


def settings(*rows: TimetableRow, closed: tuple[str, ...] = ("games", "chat")) -> ProfileSettings:
    return ProfileSettings(name="pupils", closed=closed, timetable=rows)


def preview(*rows: TimetableRow, closed: tuple[str, ...] = ("games", "chat")) -> TimetablePreview:
    year = PolicyDocument(version=1, timezone="Europe/London", terms=(TERM,), holidays=(CHRISTMAS,))
    return TimetablePreview(year, timetables.to_profile(settings(*rows, closed=closed), WEEK), WEEK, KNOWN)


def shown(state: TimetableState) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(f"{one.at:%Y-%m-%d %H:%M %z}", one.opened, one.closed) for one in state.next_changes]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)


def notes(*rows: TimetableRow, closed: tuple[str, ...] = ("games", "chat")) -> str:
    found = timetables.timetable_notes(settings(*rows, closed=closed), WEEK, ("pornography",), KNOWN)
    return "\n".join(found)


def put(school: FakeSchool, row: TimetableRow, replaces: str = "") -> str:
    with school.store.write_session() as session:
        return timetables.put_row(
            session, school.clock(), profile="pupils", row=row, by="cora", replaces=replaces
        ).change


def test_rows_reach_the_rooms_and_one_is_put_in_the_place_of_another(school: FakeSchool) -> None:
    school.enrol()
    put(school, NIGHT)
    put(school, LUNCH)
    later = msgspec.structs.replace(LUNCH, start="12:30")
    put(school, later, replaces=timetables.row_id(LUNCH))
    put(school, later, replaces=timetables.row_id(LUNCH))
    (pupils,) = [one for one in document(school).profiles if one.name == "pupils"]
    assert [(one.name, one.start, one.days) for one in pupils.timetable] == [
        ("lunch", "12:30", WEEK), ("night", "22:00", WEEKDAYS),
    ]  # fmt: skip


def test_a_row_that_somebody_else_has_changed_is_not_overwritten(school: FakeSchool) -> None:
    put(school, LUNCH)
    put(school, msgspec.structs.replace(LUNCH, end="12:45"), replaces=timetables.row_id(LUNCH))
    with pytest.raises(NotFound, match="somebody else has changed it"):
        put(school, msgspec.structs.replace(LUNCH, end="14:00"), replaces=timetables.row_id(LUNCH))
    with pytest.raises(NotFound), school.store.write_session() as session:
        timetables.remove_row(session, school.clock(), profile="pupils", row=timetables.row_id(LUNCH), by="cora")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (TimetableRow(start="12:00", end="13:00"), "closes nothing and opens nothing"),
        (TimetableRow(start="24:00", end="13:00", opens=("games",)), "starts at 24:00"),
        (TimetableRow(start="12:00", end="13:00", opens=("games",), closes=("games",)), "at once"),
        (TimetableRow(start="12:00", end="13:00", opens=("gamez",)), "no category 'gamez'"),
        (TimetableRow(start="12:00", end="13:00", opens=("*",)), "open everything"),
    ],
)
def test_a_row_that_cannot_be_is_refused(school: FakeSchool, row: TimetableRow, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        put(school, row)


def test_undoing_a_row_leaves_the_others(school: FakeSchool) -> None:
    put(school, NIGHT)
    with school.store.write_session() as session:
        settings_before = read_settings(profiles.get_profile(session, "pupils"))
    put(school, LUNCH)
    with school.store.write_session() as session:
        timetables.remove_row(session, school.clock(), profile="pupils", row=timetables.row_id(LUNCH), by="cora")
        assert read_settings(profiles.get_profile(session, "pupils")) == settings_before


def test_now_and_the_next_changes_are_told_on_the_schools_clock() -> None:
    state = preview(LUNCH, NIGHT).state_at(moment("2026-11-27T12:10"), limit=3)
    assert (state.opened, state.closed, state.is_school_day) == (("games",), (), True)
    assert shown(state) == [
        ("2026-11-27 13:00 +0000", (), ("games",)),
        ("2026-11-27 22:00 +0000", (), ("streaming",)),
        ("2026-11-28 06:00 +0000", ("streaming",), ()),
    ]


def test_a_holiday_across_new_year_has_no_school_day_in_it() -> None:
    state = preview(LUNCH).state_at(moment("2026-12-18T13:30"), limit=1)
    assert shown(state) == [("2027-01-04 12:00 +0000", ("games",), ())]
    week = preview(LUNCH).week_of(date(2026, 12, 31))
    assert [(one.day.isoformat(), one.is_school_day, one.stretches) for one in week][3:5] == [
        ("2026-12-31", False, ()), ("2027-01-01", False, ()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-03-29", "03:00"),  # the hour from one to two is not shown
        ("2026-10-25", "01:30"),  # and here twice
    ],
)
def test_on_the_days_on_which_the_clock_is_changed_the_clock_decides(day: str, end: str) -> None:
    row = TimetableRow(start="00:00", end=end, when="every-day", closes=("streaming",))
    found = next(one for one in preview(row).week_of(date.fromisoformat(day)) if one.day.isoformat() == day)
    assert found.stretches[0].start == "00:00"
    assert found.stretches[-1].end == end


def test_a_row_across_midnight_ends_on_the_next_day_of_the_week_to_look_at() -> None:
    week = preview(NIGHT).week_of(date(2026, 11, 25))
    assert [(one.start, one.end) for one in week[0].stretches] == [("00:00", "06:00"), ("22:00", "24:00")]
    friday = TimetableRow(start="22:00", end="06:00", days=("fri",), when="every-day", closes=("streaming",))
    week = preview(friday).week_of(date(2026, 11, 25))
    assert [[(one.start, one.end) for one in day.stretches] for day in week[4:]] == [
        [("22:00", "24:00")], [("00:00", "06:00")], [],
    ]  # fmt: skip


def test_days_off_are_holidays_and_weekends() -> None:
    row = TimetableRow(start="10:00", end="11:00", when="other-days", opens=("games",))
    week = preview(row).week_of(date(2026, 12, 16))  # the holiday begins on the Saturday
    assert [bool(one.stretches) for one in week] == [False] * 5 + [True] * 2
    assert all(one.stretches for one in preview(row).week_of(date(2026, 12, 23)))


def test_a_profile_that_closes_everything_is_shown_by_its_categories() -> None:
    state = preview(LUNCH, closed=("*",)).state_at(moment("2026-11-27T12:10"), limit=1)
    assert state.opened == ("games",)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((LUNCH, TimetableRow(start="12:30", end="14:00", closes=("games",))), "closing wins"),
        ((LUNCH, TimetableRow(start="12:59", end="14:00", closes=("*",))), "closing wins"),
        ((LUNCH, TimetableRow(name="play", start="12:30", end="13:30", opens=("games",))), "say the same"),
        ((NIGHT, TimetableRow(start="05:00", end="05:30", when="every-day", opens=("streaming",))), "closing"),
        ((SUNDAY_NIGHT, MONDAY), "closing wins"),
        ((TimetableRow(start="08:00", end="08:00", closes=("streaming",)),), "a whole day"),
        ((TimetableRow(start="08:00", end="09:00", opens=("pornography",)),), "locked: it stays closed"),
        ((TimetableRow(start="08:00", end="09:00", opens=("extremism",)),), "expected to keep closed"),
        ((TimetableRow(start="08:00", end="09:00", opens=("streaming",)),), "open at every hour"),
        ((TimetableRow(start="08:00", end="09:00", closes=("games",)),), "closed at every hour"),
        ((TimetableRow(start="08:00", end="09:00", closes=("gone",)),), "no list has any more"),
    ],
)  # fmt: skip
def test_rows_that_overlap_contradict_or_change_nothing_get_words(
    rows: tuple[TimetableRow, ...], words: str
) -> None:
    assert words in notes(*rows)


@pytest.mark.parametrize(
    "rows",
    [
        (LUNCH, TimetableRow(start="13:00", end="14:00", closes=("streaming",))),
        (LUNCH, TimetableRow(start="12:00", end="13:00", when="other-days", closes=("streaming",))),
        (LUNCH, TimetableRow(start="12:00", end="13:00", days=("sat",), closes=("streaming",))),
    ],
)
def test_rows_that_never_meet_get_none(rows: tuple[TimetableRow, ...]) -> None:
    assert notes(*rows) == ""
