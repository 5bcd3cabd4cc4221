"""The audit's entries by day: every answer is that of counting all of them, whenever the days were counted."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from appliance.central import audit, audit_days
from appliance.central.models import AuditDayRow, AuditRow, Base
from tests.fakes.postgres import database_url
from tests.fakes.school import FakeSchool

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KINDS = ("rule: block", "opened without waiting", "opened without waiting, for a device", "100%_", "signed in")
MOMENT = st.timedeltas(timedelta(days=-4), timedelta(days=4)) | st.sampled_from(
    [timedelta(hours=15), timedelta(hours=-9), timedelta(hours=-9, microseconds=-1), timedelta(days=60)]
)
STEP = st.one_of(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(("", "Room 4")), MOMENT),  # an entry, by whatever clock
    st.none(),  # the days are brought up to date
)


@contextmanager
def database(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def here() -> Iterator[Engine]:
    with database("sqlite://") as engine:
        yield engine


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with database_url(request.param) as url, database(url or "sqlite://") as engine:
        yield engine


def write(session: Session, kind: str, room: str, at: datetime) -> None:
    audit.record_audit(session, at, audit.RoomClaim(room) if room else "cora", kind)
    session.flush()


def counted_from_all(
    session: Session, since: datetime, until: datetime, *, is_claim: bool, begins: str
) -> Counter[str]:
    entries = session.scalars(select(AuditRow).where(AuditRow.at >= since, AuditRow.at < until))
    return Counter(one.what for one in entries if bool(one.room) == is_claim and one.what.startswith(begins))


@given(
    steps=st.lists(STEP, max_size=25),
    span=st.tuples(MOMENT, MOMENT),
    is_claim=st.booleans(),
    begins=st.sampled_from(("", "opened without waiting", "100%_", "1")),
)
def test_every_answer_is_that_of_counting_all_entries(
    here: Engine,
    steps: list[tuple[str, str, timedelta] | None],
    span: tuple[timedelta, timedelta],
    is_claim: bool,
    begins: str,
) -> None:
    since, until = NOW + span[0], NOW + span[1]
    with Session(here) as session:  # which is taken back
        for step in steps:
            if step is None:
                audit_days.count_new_entries(session, NOW)
            else:
                write(session, step[0], step[1], NOW + step[2])
        found = audit_days.count_kinds(session, since, until, is_claim=is_claim, begins=begins)
        assert found == counted_from_all(session, since, until, is_claim=is_claim, begins=begins)


def test_what_is_much_is_counted_in_parts_and_reports_are_right_meanwhile(
    served: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_days, "ENTRIES_AT_ONCE", 7)
    with Session(served) as session:
        for number in range(30):
            write(session, KINDS[number % 3], "Room 4" if number % 2 else "", NOW + timedelta(hours=5 * number))
        span = (NOW + timedelta(hours=7), NOW + timedelta(days=5))
        for part in range(6):
            counted = session.scalar(select(func.sum(AuditDayRow.entries))) or 0
            assert counted == min(30, 7 * part)
            for is_claim in (True, False):
                found = audit_days.count_kinds(session, *span, is_claim=is_claim)
                assert found == counted_from_all(session, *span, is_claim=is_claim, begins="")
                assert found.total() > 5
            audit_days.count_new_entries(session, NOW)


def test_entries_of_whole_days_that_are_counted_are_not_read(here: Engine) -> None:
    with Session(here) as session:
        for number in range(50):
            write(session, KINDS[0], "", NOW - timedelta(days=1, minutes=number))
        audit_days.count_new_entries(session, NOW)
        for row in session.scalars(select(AuditDayRow)):
            row.entries += 1000  # who read the entries would not see that
        found = audit_days.count_kinds(session, NOW - timedelta(days=9), NOW, is_claim=False)
        assert found[KINDS[0]] == 1050


def test_central_counts_them_by_itself(school: FakeSchool) -> None:
    school.account("cora", "coordinator")
    school.central.upkeep.do_chores()
    with school.store.read_session() as session:
        assert session.scalar(select(func.max(AuditDayRow.newest))) == audit.read_head(session).number > 0
