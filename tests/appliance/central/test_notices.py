"""Notices of requests by mail: off until chosen, naming nobody, each digest once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from appliance.central import accounts, mail_outbox, notices, requests
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import MailRow
from appliance.central.notices import Digest, next_digest
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")

URL = "https://central.example.org"
LONDON = ZoneInfo("Europe/London")


@pytest.fixture(autouse=True)
def people(school: FakeSchool) -> None:
    for username in ("cora", "dan"):
        school.account(username, "coordinator")
        with school.store.write_session() as session:
            mail_outbox.set_mail_address(
                session, school.clock(), username=username, address=f"{username}@example.org", by="test"
            )
    school.account("tess", "teacher")


def choose(school: FakeSchool, username: str = "cora", digest: Digest = "off", *, on_request: bool = True) -> None:
    with school.store.write_session() as session:
        notices.choose_notices(
            session, school.clock(), username=username, on_request=on_request, digest=digest, by=username
        )


def notify(school: FakeSchool, request_id: str) -> int:
    with school.store.write_session() as session:
        request = requests.find_request(session, request_id)
        assert request is not None
        return notices.notify_of_request(session, school.clock(), request, url=URL)


def mails(school: FakeSchool) -> list[tuple[str, str]]:
    with school.store.read_session() as session:
        return [(one.recipient, one.text) for one in session.scalars(select(MailRow).order_by(MailRow.id))]


def test_nobody_hears_anything_until_they_choose_it(school: FakeSchool) -> None:
    assert notify(school, school.request()) == 0
    school.clock.pass_minutes(7 * 24 * 60)
    school.central.write_due_digests()
    assert mails(school) == []


def test_who_chose_it_gets_a_link_for_each_request_and_the_mail_names_nobody(school: FakeSchool) -> None:
    choose(school)
    request_id = school.request()
    assert notify(school, request_id) == 1
    ((recipient, text),) = mails(school)
    assert recipient == "cora@example.org"
    assert f"{URL}/requests/{request_id}" in text
    for secret in ("games.example.org", "teacher\n", "Room 4", "For the lesson"):
        assert secret not in text


def test_a_request_that_was_passed_on_is_a_notice_for_the_colleague_alone(school: FakeSchool) -> None:
    for username in ("cora", "dan"):
        choose(school, username)
    request_id = school.request()
    with school.store.write_session() as session:
        requests.pass_request_on(session, school.clock(), request_id=request_id, by="cora", to="dan")
        request = requests.require_waiting(session, school.clock(), request_id)
        assert notices.notify_colleague(session, school.clock(), request, url=URL) == 1
    assert [recipient for recipient, _ in mails(school)] == ["dan@example.org"]


def test_a_digest_comes_once_on_its_morning_and_not_where_nothing_waits(school: FakeSchool) -> None:
    choose(school, digest="daily", on_request=False)
    school.clock.pass_minutes(24 * 60)
    school.central.write_due_digests()
    assert mails(school) == []
    school.request()
    school.clock.pass_minutes(24 * 60)
    for _ in range(3):
        school.central.write_due_digests()
    ((_, text),) = mails(school)
    assert "Requests that wait for a decision: 1" in text


def test_after_days_without_central_there_is_one_digest_and_not_one_for_each(school: FakeSchool) -> None:
    choose(school, digest="daily", on_request=False)
    school.clock.pass_minutes(6 * 24 * 60)
    school.request()
    school.central.write_due_digests()
    school.central.write_due_digests()
    assert len(mails(school)) == 1


def test_who_may_not_decide_any_more_hears_nothing_more(school: FakeSchool) -> None:
    choose(school, digest="daily")
    with school.store.write_session() as session:
        accounts.end_account(session, school.clock(), username="cora", by="dan")
    school.clock.pass_minutes(24 * 60)
    assert notify(school, school.request()) == 0
    school.central.write_due_digests()
    assert mails(school) == []


def test_what_cannot_be_chosen_is_said(school: FakeSchool) -> None:
    for username, problem in (("tess", "no mail address"), ("nobody", "no account")):
        with pytest.raises((NotPossible, NotFound), match=problem):
            choose(school, username)
    with pytest.raises(NotPossible, match="a digest is"):
        choose(school, digest="hourly")  # type: ignore[arg-type]  # odd on purpose
    with school.store.read_session() as session:
        assert not notices.find_notices(session, "cora").on_request


@pytest.mark.parametrize(
    ("now", "digest", "expected"),
    [
        ("2026-11-24T06:00", "daily", "2026-11-24T07:30"),
        ("2026-11-24T07:30", "daily", "2026-11-25T07:30"),
        ("2026-11-27T09:00", "daily", "2026-11-30T07:30"),  # Friday: Monday
        ("2026-11-24T09:00", "weekly", "2026-11-30T07:30"),
        ("2026-03-28T09:00", "daily", "2026-03-30T07:30"),  # over the night that the clocks go forward
    ],
)
def test_a_digest_is_due_on_a_school_morning_of_the_schools_clock(now: str, digest: str, expected: str) -> None:
    found = next_digest(datetime.fromisoformat(now).replace(tzinfo=LONDON).astimezone(UTC), digest, LONDON)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=LONDON)
    assert next_digest(datetime.now(UTC), "off", LONDON) is None
