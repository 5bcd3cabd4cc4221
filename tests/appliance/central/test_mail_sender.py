"""What waits is handed in to a real SMTP server, and outlives every server that misbehaves."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from appliance.central import mail_outbox, mail_sender
from appliance.central.mail_sender import MailSender
from appliance.central.models import MailRow
from appliance.settings.mail import MailSection
from tests.fakes.authority import Authority
from tests.fakes.mail_server import PASSWORD, MailServer, bad_mail_server
from tests.fakes.school import FakeSchool

LEAD = "lead@school.example.org"


def enqueue(school: FakeSchool, *recipients: str) -> None:
    with school.store.write_session(affects_rooms=False) as session:
        text = "Grüße: look at\n.\nthe page."
        mail_outbox.enqueue(session, recipients or (LEAD,), "Something wäits: look", text, school.clock())


def sender(school: FakeSchool, port: int, **settings: Any) -> MailSender:
    section = MailSection(
        server="127.0.0.1", port=port, sender="hallpass@school.example.org", **{"encryption": "none"} | settings
    )
    return MailSender(school.store, section, school.clock)


def rows(school: FakeSchool) -> list[MailRow]:
    with school.store.read_session() as session:
        return list(session.scalars(select(MailRow).order_by(MailRow.id)))


def test_a_mail_is_handed_in_once_to_each_recipient_alone(school: FakeSchool) -> None:
    enqueue(school, LEAD, "deputy@school.example.org")
    with MailServer() as server:
        by = sender(school, server.port)
        assert (by.send_due_mails(), by.send_due_mails()) == (2, 0)
    assert sorted(one.recipients[0] for one in server.mails) == ["deputy@school.example.org", LEAD]
    mail = server.mails[0]
    assert mail.message["Subject"] == "Something wäits: look"
    assert mail.message["To"] == mail.recipients[0]
    assert mail.text.replace("\r\n", "\n") == "Grüße: look at\n.\nthe page.\n"
    assert {(one.text, one.tries) for one in rows(school)} == {("", 1)}, "its text is forgotten"


def test_nothing_is_lost_while_the_mail_server_is_away(school: FakeSchool) -> None:
    enqueue(school)
    with MailServer() as server:
        port = server.port
    by = sender(school, port)
    assert by.send_due_mails() == 0
    assert "refused" in rows(school)[0].error
    assert by.send_due_mails() == 0, "it is not tried at once again"
    school.clock.pass_minutes(2)
    with MailServer(port=port) as server:
        assert by.send_due_mails() == 1
    assert len(server.mails) == 1
    assert rows(school)[0].error == ""


def test_one_recipient_who_is_refused_keeps_no_other_from_their_mail(school: FakeSchool) -> None:
    enqueue(school, "a-nobody@school.example.org", LEAD)
    with MailServer() as server:
        server.handler.refused = "a-nobody@school.example.org"
        assert sender(school, server.port).send_due_mails() == 1
    assert [one.recipients for one in server.mails] == [[LEAD]]
    assert ["550" in one.error for one in rows(school)] == [True, False]


def test_with_starttls_and_a_password_and_never_without(school: FakeSchool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("127.0.0.1"))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    login = {"username": "hallpass", "password_file": tmp_path / "password", "encryption": "starttls"}
    enqueue(school)
    with MailServer(tls=context, password=True) as server:
        assert sender(school, server.port, **login).send_due_mails() == 0, (
            "who signed its certificate is not known"
        )
        assert "certificate" in rows(school)[0].error
        school.clock.pass_minutes(2)
        assert sender(school, server.port, **login, authority=authority.file).send_due_mails() == 1
    enqueue(school)
    with MailServer() as plain:
        assert sender(school, plain.port, **login).send_due_mails() == 0
    assert plain.mails == []
    assert "STARTTLS" in rows(school)[1].error


def hang(connection: socket.socket) -> None:
    connection.recv(1)  # until whoever calls has had enough


def drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"2")
        connection.recv(0)


def flood(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-well, well\r\n" * 1000)


def nonsense(connection: socket.socket) -> None:
    connection.sendall(b"\xff\xfe\0 HTTP/1.1 200 OK\r\n\r\n" * 20)
    connection.recv(1000)


def break_off(connection: socket.socket) -> None:
    connection.sendall(b"220 here\r\n")
    connection.recv(1000)


def nonsense_later(connection: socket.socket) -> None:
    connection.sendall(b"220 here\r\n")
    while connection.recv(1000):
        connection.sendall(b"250 \xff\0\x85\r\n25x what\r\n")


@pytest.mark.parametrize("serve", [hang, drip, flood, nonsense, break_off, nonsense_later])
def test_a_mail_outlives_a_server_that_misbehaves(
    school: FakeSchool, monkeypatch: pytest.MonkeyPatch, serve: Callable[[socket.socket], None]
) -> None:
    monkeypatch.setattr(mail_sender, "CALL_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(mail_sender, "SESSION_SECONDS", 1.0)
    enqueue(school, LEAD, "deputy@school.example.org")
    with bad_mail_server(serve) as port:
        assert sender(school, port).send_due_mails() == 0
    assert all(one.error and one.next_try_at and one.text for one in rows(school))
    school.clock.pass_minutes(2)
    with MailServer() as server:
        assert sender(school, server.port).send_due_mails() == 2


def test_without_a_mail_server_in_the_settings_nothing_is_tried(school: FakeSchool) -> None:
    enqueue(school)
    assert MailSender(school.store, None, school.clock).send_due_mails() == 0
