from datetime import timedelta

import pytest
from sqlalchemy import select

from appliance.central import mail_outbox
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import MailRow, UserRow
from tests.fakes.school import FakeSchool

LEAD, DEPUTY = "lead@school.example.org", "deputy@school.example.org"


def enqueue(school: FakeSchool, *recipients: str, subject: str = "Something waits", text: str = "Look.") -> int:
    with school.store.write_session(affects_rooms=False) as session:
        return mail_outbox.enqueue(session, recipients, subject, text, school.clock())


def waiting(school: FakeSchool) -> list[MailRow]:
    with school.store.read_session() as session:
        return list(session.scalars(select(MailRow).order_by(MailRow.id)))


def test_a_mail_is_kept_once_for_each_address_so_that_none_sees_another(school: FakeSchool) -> None:
    assert enqueue(school, LEAD, DEPUTY, LEAD) == 2
    assert sorted(one.recipient for one in waiting(school)) == [DEPUTY, LEAD]


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a@b@example.org", "lead@school.example.org\r\nBcc: x@example.org", "a b@example.org",
     "x@example.org>", "a@-example.org", "ä@example.org", f"{'a' * 65}@example.org", f"a@{'b.' * 130}org", "a@\0"],
)  # fmt: skip
def test_what_is_no_address_gets_nothing_and_keeps_no_other_from_its_mail(
    school: FakeSchool, address: str
) -> None:
    assert enqueue(school, address, LEAD) == 1
    school.account("lead", "safeguarding")
    if address:
        with pytest.raises(NotPossible, match="no mail address"), school.store.write_session() as session:
            mail_outbox.set_mail_address(session, school.clock(), username="lead", address=address, by="test")


def test_a_subject_is_one_line_whatever_is_in_it(school: FakeSchool) -> None:
    enqueue(school, LEAD, subject="Look\r\nBcc: everybody@example.org\0" + "x" * 400)
    (mail,) = waiting(school)
    assert mail.subject.startswith("Look Bcc: everybody@example.org\\x00xx")
    assert len(mail.subject) == mail_outbox.MAX_SUBJECT_LENGTH


def test_an_account_has_an_address_or_none(school: FakeSchool) -> None:
    school.account("lead", "safeguarding")
    for address in (LEAD, ""):
        with school.store.write_session() as session:
            mail_outbox.set_mail_address(
                session, school.clock(), username="Lead", address=f" {address} ", by="test"
            )
        with school.store.read_session() as session:
            assert session.get_one(UserRow, "lead").email == address
    with pytest.raises(NotFound), school.store.write_session() as session:
        mail_outbox.set_mail_address(session, school.clock(), username="nobody", address=LEAD, by="test")


def test_a_mail_that_was_taken_is_taken_by_no_other_sender_until_its_claim_ends(school: FakeSchool) -> None:
    enqueue(school, LEAD)

    def take() -> int:
        with school.store.write_session(affects_rooms=False) as session:
            claim = timedelta(minutes=5)
            return len(mail_outbox.take_due_mails(session, school.clock(), limit=20, claim=claim))

    assert (take(), take()) == (1, 0)
    school.clock.pass_minutes(5)
    assert take() == 1, "whoever took it died"


def test_mail_that_fails_for_half_an_hour_is_said_and_given_up_after_three_days(school: FakeSchool) -> None:
    enqueue(school, LEAD)
    with school.store.write_session(affects_rooms=False) as session:
        (mail,) = mail_outbox.take_due_mails(session, school.clock(), limit=1, claim=timedelta(minutes=5))
        mail_outbox.mark_failed(session, mail.id, error="away\0", next_try_at=school.clock())

    def status() -> mail_outbox.MailStatus:
        with school.store.read_session() as session:
            return mail_outbox.read_mail_status(session, school.clock())

    assert not status().is_failing
    school.clock.pass_minutes(30)
    assert status().is_failing
    assert (status().waiting, status().error) == (1, "away\\x00")
    school.clock.pass_minutes(3 * 24 * 60)
    with school.store.write_session(affects_rooms=False) as session:
        assert not mail_outbox.take_due_mails(session, school.clock(), limit=1, claim=timedelta(minutes=5))
    assert (status().waiting, status().is_failing) == (0, True)
    school.clock.pass_minutes(mail_outbox.KEPT_DAYS * 24 * 60)
    with school.store.write_session(affects_rooms=False) as session:
        mail_outbox.prune_mails(session, school.clock())
    assert waiting(school) == []
