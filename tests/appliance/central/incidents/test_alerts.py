"""Urgent incidents are told at once, over a real mail server, to whoever handles them and to nobody else."""

import pytest
from sqlalchemy import select

from appliance.central import accounts, mail_outbox
from appliance.central.incidents import states
from appliance.central.mail_sender import MailSender
from appliance.central.models import MailRow
from appliance.settings.mail import MailSection
from tests.appliance.central.incidents.conftest import Notice
from tests.fakes.mail_server import MailServer
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def _people(school: FakeSchool) -> None:
    for name, role in (
        ("lead", "safeguarding"),
        ("headteacher", "head"),
        ("cora", "coordinator"),
        ("tess", "teacher"),
    ):
        school.account(name, role)  # type: ignore[arg-type]  # roles, as they stand in the table
        with school.store.write_session() as session:
            address = f"{name}@school.example.org"
            mail_outbox.set_mail_address(session, school.clock(), username=name, address=address, by="test")


def told(school: FakeSchool) -> list[str]:
    with school.store.read_session() as session:
        return [one.recipient.partition("@")[0] for one in session.scalars(select(MailRow).order_by(MailRow.id))]


def test_an_urgent_incident_reaches_the_lead_at_once_without_name_or_site(
    school: FakeSchool, notice: Notice
) -> None:
    group_id = notice("dev-token", "told-a-grown-up", evidence=("bad.example",))
    with MailServer() as server:
        settings = MailSection(
            server="127.0.0.1", port=server.port, sender="hallpass@school.example.org", encryption="none"
        )
        assert MailSender(school.store, settings, school.clock).send_due_mails() == 1
    (mail,) = server.mails
    assert mail.recipients == ["lead@school.example.org"]
    assert f"https://central.example.org/incidents/{group_id}" in mail.text
    said = f"{mail.message['Subject']} {mail.text}"
    assert not any(word in said for word in ("bad.example", "dev-token", "Room", "grown-up", "Example Primary"))


def test_of_a_staff_device_the_head_alone_is_told(school: FakeSchool, notice: Notice) -> None:
    notice(kind="locked-category", group="staff")
    assert told(school) == ["headteacher"]


def test_what_is_not_urgent_is_told_nobody(school: FakeSchool, notice: Notice) -> None:
    notice(kind="many-refusals")
    assert told(school) == []


def test_a_group_makes_one_mail_in_a_quarter_of_an_hour_and_nothing_is_left_untold(
    school: FakeSchool, notice: Notice
) -> None:
    for _ in range(5):
        notice(kind="told-a-grown-up")
        school.clock.pass_minutes(1)
    with school.store.read_session() as session:
        first, second = session.scalars(select(MailRow).order_by(MailRow.id))
        assert first.next_try_at is not None
        assert second.next_try_at is not None
        assert (second.next_try_at - first.next_try_at).total_seconds() == 15 * 60
    notice("another", "told-a-grown-up")
    assert len(told(school)) == 3, "another device is another group"


def test_a_closed_group_that_begins_anew_is_told_at_once(school: FakeSchool, notice: Notice) -> None:
    group_id = notice(kind="told-a-grown-up")
    change = states.StateChange(state="closed", outcome="seen to")
    with school.store.write_session() as session:
        states.change_state(session, school.clock(), group_id=group_id, whose="pupils", change=change, by="lead")
    notice(kind="told-a-grown-up")
    with school.store.read_session() as session:
        assert len({one.next_try_at for one in session.scalars(select(MailRow))}) == 1


def test_an_account_that_has_ended_is_told_nothing(school: FakeSchool, notice: Notice) -> None:
    with school.store.write_session() as session:
        accounts.end_account(session, school.clock(), username="lead", by="test")
    notice(kind="told-a-grown-up")
    assert told(school) == []
