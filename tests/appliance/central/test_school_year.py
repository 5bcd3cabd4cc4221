from datetime import date

import pytest

from appliance.central import school_year, undo
from appliance.central.errors import NotFound, NotPossible
from appliance.central.school_year import SchoolYear
from dns.policy.document import Span
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool

AUTUMN = Span(name="autumn", first=date(2026, 9, 2), last=date(2026, 12, 18))
WINTER = Span(name="winter", first=date(2026, 12, 14), last=date(2027, 1, 8))
SUMMER = Span(first=date(2026, 8, 1), last=date(2026, 8, 2))


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def add(school: FakeSchool, span: Span, kind: school_year.SpanKind = "terms") -> str:
    with school.store.write_session() as session:
        return school_year.add_span(session, school.clock(), kind=kind, span=span, by="cora")


def test_terms_and_holidays_reach_the_rooms_in_their_order(school: FakeSchool) -> None:
    add(school, WINTER)
    add(school, AUTUMN)
    add(school, WINTER, "holidays")
    told = document(school)
    assert (told.terms, told.holidays) == ((AUTUMN, WINTER), (WINTER,))


def test_what_two_people_add_at_once_is_there_and_once(school: FakeSchool) -> None:
    assert add(school, AUTUMN)
    assert add(school, WINTER)
    assert add(school, AUTUMN) == "", "a double click"
    assert document(school).terms == (AUTUMN, WINTER)


def test_a_removed_term_comes_back_by_undo(school: FakeSchool) -> None:
    add(school, AUTUMN)
    with school.store.write_session() as session:
        change = school_year.remove_span(session, school.clock(), kind="terms", span=AUTUMN, by="cora")
    assert document(school).terms == ()
    with school.store.write_session() as session:
        undo.undo_change(session, school.clock(), change=change, by="cora")
    assert document(school).terms == (AUTUMN,)
    with pytest.raises(NotFound), school.store.write_session() as session:
        school_year.remove_span(session, school.clock(), kind="terms", span=WINTER, by="cora")


@pytest.mark.parametrize(
    ("span", "why"),
    [
        (Span(name="t", first=date(2027, 1, 8), last=date(2026, 12, 14)), "ends before it begins"),
        (Span(first=date(1, 1, 1), last=date(1, 2, 1)), "between 2000"),
        (Span(first=date(9999, 1, 1), last=date(9999, 12, 31)), "between 2000"),
        (Span(first=date(2026, 1, 1), last=date(2029, 1, 1)), "longer than"),
        (Span(name="x" * 61, first=date(2026, 1, 1), last=date(2026, 1, 1)), "at most 60"),
    ],
)
def test_days_that_cannot_be_are_refused(school: FakeSchool, span: Span, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        add(school, span)


def test_the_schools_week_is_what_rows_without_days_are_for(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        school_year.set_school_week(session, school.clock(), week=["thu", "sun", "mon"], by="cora")
        assert school_year.read_school_year(session).week == ("mon", "thu", "sun")
        with pytest.raises(NotPossible, match="one day at least"):
            school_year.set_school_week(session, school.clock(), week=[], by="cora")
        with pytest.raises(NotPossible, match="no day"):
            school_year.set_school_week(session, school.clock(), week=["mon", "holiday"], by="cora")


@pytest.mark.parametrize(
    ("year", "words"),
    [
        (SchoolYear(week=("mon",), terms=(AUTUMN, WINTER)), "overlap"),
        (SchoolYear(week=("mon",), terms=(WINTER,), holidays=(SUMMER,)),
         "lies in no term"),
        (SchoolYear(week=("mon",), terms=(AUTUMN,)), "The last term ended on 18 December 2026"),
        (SchoolYear(week=("mon",), terms=(Span(first=date(2026, 12, 19), last=date(2027, 7, 1)),)), ""),
    ],
)  # fmt: skip
def test_what_is_odd_about_the_year_gets_words(year: SchoolYear, words: str) -> None:
    notes = [*school_year.year_notes(year, date(2027, 1, 1))]
    assert words in notes[0] if words else notes == []
