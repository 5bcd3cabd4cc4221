"""A real SMTP server on loopback that keeps what it is handed in, and one that misbehaves."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

PASSWORD = "the school's own"


class ReceivedMail:
    """A mail as the server got it."""

    def __init__(self, envelope: Envelope) -> None:
        self.sender = envelope.mail_from
        self.recipients = list(envelope.rcpt_tos)
        assert isinstance(envelope.content, bytes)
        self.message: Any = message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.SMTP)

    @property
    def text(self) -> str:
        return str(self.message.get_content())


class _Handler:
    def __init__(self) -> None:
        self.mails: list[ReceivedMail] = []
        self.refused = ""  # a recipient that there is not

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's names)
        self, server: SMTP, _session: object, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        assert server is not None
        if address == self.refused:
            return "550 5.1.1 nobody is called that here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802 (as above)
        assert server is not None
        self.mails.append(ReceivedMail(envelope))
        return "250 OK"


class MailServer:
    """Serves on a port of its own choice."""

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None, password: bool = False) -> None:
        self.handler = _Handler()
        with socket.create_server(("127.0.0.1", port)) as probe:
            self.port = int(probe.getsockname()[1])
        options: dict[str, Any] = {}
        if tls is not None:
            options |= {"tls_context": tls, "require_starttls": True}
        if password:
            options |= {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": tls is not None}
        self._controller = Controller(self.handler, hostname="127.0.0.1", port=self.port, **options)

    @property
    def mails(self) -> list[ReceivedMail]:
        return self.handler.mails

    def __enter__(self) -> "MailServer":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


def _authenticate(
    _server: object, _session: object, _envelope: object, _mechanism: str, data: object
) -> AuthResult:
    return AuthResult(success=isinstance(data, LoginPassword) and data.password == PASSWORD.encode())


@contextmanager
def bad_mail_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Give the port of a server that does with each connection what `serve` does, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
