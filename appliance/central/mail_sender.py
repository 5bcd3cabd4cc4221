"""Hands in what waits in the mail outbox, over SMTP (RFC 5321), whatever the server does.

A server that is away, hangs, answers nonsense or for ever costs this thread `SESSION_SECONDS` and nothing else:
the mails wait, and are tried again after ever longer pauses. A mail may arrive twice where the line broke after
its last byte, never not at all; its `Message-ID` is the same then. Without `[mail]` in the settings nothing
is sent.
"""

import contextlib
import email.utils
import logging
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from appliance.central import mail_outbox, outbox_queue
from appliance.central.models import MailRow
from appliance.central.periodic_thread import PeriodicThread
from appliance.central.store import Store
from appliance.files import read_regular_file
from appliance.settings.mail import MailSection

POLL_SECONDS = 5.0
CALL_TIMEOUT_SECONDS = 15.0
SESSION_SECONDS = 60.0  # for everything that is said in one connection
MAX_RESPONSE_BYTES = 256 * 1024  # of everything that a server says in one connection
BATCH = 20
CLAIM = timedelta(minutes=5)  # longer than a session: by then whoever took a mail is done, or dead

REFUSALS = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)  # of one mail
FAULTS = (OSError, ValueError)  # smtplib's own are OSErrors; nonsense where a number stands is a ValueError

log = logging.getLogger("hallpass.central")


class Outgoing(msgspec.Struct, frozen=True):
    """One mail, as it was taken from the table."""

    id: int
    recipient: str
    subject: str
    text: str
    queued_at: datetime
    tries: int


class MailSender:
    """The thread of one process of central that sends mail; another process may have one too."""

    def __init__(
        self,
        store: Store,
        settings: MailSection | None,
        now: Callable[[], datetime],
        *,
        write_due: Callable[[], None] = lambda: None,
    ) -> None:
        """`write_due` puts into the outbox what is due by time; it is called before each look."""
        self._write_due = write_due
        self._store = store
        self._settings = settings
        self._now = now
        self._thread = PeriodicThread("mail", self._look, every_seconds=POLL_SECONDS)

    def start(self) -> None:
        """Begin to send, where a mail server is set."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; what is under way is tried again by whoever comes next."""
        self._thread.stop()

    def send_due_mails(self) -> int:
        """Send what is due, and return how many mails were handed in. Raises what SQLAlchemy raises."""
        if self._settings is None:
            return 0
        with self._store.read_session() as session:
            if not mail_outbox.has_due_mails(session, self._now()):
                return 0
        with self._store.write_session(affects_rooms=False) as session:
            taken = mail_outbox.take_due_mails(session, self._now(), limit=BATCH, claim=CLAIM)
            mails = [_to_outgoing(one) for one in taken]
        return self._hand_in(self._settings, mails) if mails else 0

    def _hand_in(self, settings: MailSection, mails: list[Outgoing]) -> int:
        waiting = list(mails)
        sent = 0
        try:
            with _connect(settings) as server:
                while waiting:
                    sent += self._send_one(server, settings, waiting[0])
                    waiting.pop(0)
        except FAULTS as problem:
            words = _words_of(problem)
            log.warning("%d mail(s) could not be handed in: %s", len(waiting), words)
            self._record_failure(waiting, words)
        return sent

    def _send_one(self, server: smtplib.SMTP, settings: MailSection, mail: Outgoing) -> bool:
        """Hand in one mail, and tell whether it was taken. Raises one of `FAULTS`: the connection is of no use."""
        try:
            server.send_message(_make_message(settings, mail), settings.sender, [mail.recipient])
        except REFUSALS as problem:
            words = _words_of(problem)
            log.warning("a mail was refused: %s", words)
            self._record_failure([mail], words)
            return False
        with self._store.write_session(affects_rooms=False) as session:
            mail_outbox.mark_sent(session, self._now(), mail.id)
        return True

    def _record_failure(self, mails: list[Outgoing], words: str) -> None:
        """Write down that mails wait on. Only the first was tried: another time the others come before it."""
        with self._store.write_session(affects_rooms=False) as session:
            for mail in mails:
                next_try_at = self._now() + outbox_queue.pause_after(mails[0].tries)
                mail_outbox.mark_failed(
                    session, mail.id, error=words, next_try_at=next_try_at, was_tried=mail is mails[0]
                )

    def _look(self) -> None:
        try:
            if self._settings is not None:
                self._write_due()
            self.send_due_mails()
        except SQLAlchemyError as problem:
            log.info("mail waits: %s", problem)


class _BoundedReader:
    """What a server says, as far as it is read: a server that never ends its answer takes no memory."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MAX_RESPONSE_BYTES

    def readline(self, size: int) -> bytes:
        """Return a line, as a file does. Raises OSError where the server has said too much."""
        line: bytes = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the mail server says more than a mail server has to say")
        return line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _BoundedSmtp(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        """Return a reply of the server's."""
        if self.file is None and self.sock is not None:
            self.file = _BoundedReader(self.sock.makefile("rb"))
        return super().getreply()


class _BoundedSmtpOverTls(_BoundedSmtp, smtplib.SMTP_SSL):
    pass


@contextlib.contextmanager
def _connect(settings: MailSection) -> Iterator[smtplib.SMTP]:
    """Give a connection that is ready for mails. Raises one of `FAULTS`."""
    context = ssl.create_default_context(cafile=str(settings.authority) if settings.authority else None)
    server: smtplib.SMTP
    name = socket.gethostname().partition(".")[0]
    if settings.encryption == "tls":
        server = _BoundedSmtpOverTls(local_hostname=name, timeout=CALL_TIMEOUT_SECONDS, context=context)
    else:
        server = _BoundedSmtp(local_hostname=name, timeout=CALL_TIMEOUT_SECONDS)
    server._host = settings.server  # type: ignore[attr-defined]  # whose certificate is asked for: set only with a host given at once
    deadline = threading.Timer(SESSION_SECONDS, _break_off, (server,))
    deadline.daemon = True
    deadline.start()
    try:
        code, words = server.connect(settings.server, settings.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        if settings.encryption == "starttls":
            server.starttls(context=context)
        if settings.username and settings.password_file is not None:
            server.login(settings.username, read_regular_file(settings.password_file).decode().strip())
        yield server
        with contextlib.suppress(*FAULTS):
            server.quit()
    finally:
        deadline.cancel()
        server.close()


def _break_off(server: smtplib.SMTP) -> None:
    sock = server.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _make_message(settings: MailSection, mail: Outgoing) -> EmailMessage:
    from email.policy import SMTP  # noqa: PLC0415 (a parser of headers, for a central that sends mails)

    message = EmailMessage(policy=SMTP)
    message["From"] = settings.sender
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = email.utils.format_datetime(mail.queued_at)
    message["Message-ID"] = (
        f"<hallpass-{mail.id}-{mail.queued_at.timestamp():.0f}@{settings.sender.partition('@')[2]}>"
    )
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from a holiday
    message.set_content(mail.text, charset="utf-8")
    return message


def _to_outgoing(row: MailRow) -> Outgoing:
    return Outgoing(row.id, row.recipient, row.subject, row.text, row.queued_at, row.tries)


def _words_of(problem: Exception) -> str:
    said: bytes | str
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(problem.recipients.values()), (0, b""))
    elif isinstance(problem, smtplib.SMTPResponseException):
        code, said = problem.smtp_code, problem.smtp_error
    else:
        return str(problem) or type(problem).__name__
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"the mail server says {code} {text}"
