"""What every upstream server is, whichever way it is spoken to, and whom it tells how a question went."""

import ipaddress
import socket
from typing import Any, Literal, Protocol

import msgspec

from dns.forward.capabilities import Switch
from dns.forward.health import UpstreamHealth
from dns.forward.pending_query import PendingQuery


class UpstreamAddress(Protocol):
    """Where an upstream is, and how it is spoken to. The settings' own type fits."""

    @property
    def transport(self) -> Literal["plain", "tls", "https"]:
        """DNS over UDP and TCP, over TLS (RFC 7858), or over HTTPS (RFC 8484)."""

    @property
    def host(self) -> str:
        """An IP address; for HTTPS also a name."""

    @property
    def port(self) -> int:
        """The port."""

    @property
    def server_name(self) -> str:
        """The name that the certificate must bear; empty for plain DNS."""

    @property
    def path(self) -> str:
        """The path of an https:// URL; empty otherwise."""

    @property
    def mixed_case(self) -> Switch:
        """Whether names are asked in random case, where anybody could spoof."""

    @property
    def edns(self) -> Switch:
        """Whether a plain server is asked with an OPT record (RFC 6891)."""


class ServerAddress(msgspec.Struct, frozen=True):
    """An address for those who have no settings at hand."""

    transport: Literal["plain", "tls", "https"]
    host: str
    port: int
    server_name: str = ""
    path: str = ""
    mixed_case: Switch = "auto"
    edns: Switch = "auto"


class AnswerHandler(Protocol):
    """Whoever put a question to a server, and hears from it. Nothing is heard of a question twice."""

    def handle_answer(self, pending: PendingQuery, server: "UpstreamServer", data: bytes) -> bool:
        """Hear of a message that answers the question, whatever its response code. Its id means nothing.

        Returns False where it is malformed: then a better one may follow.
        """

    def handle_malformed_answer(self, pending: PendingQuery, server: "UpstreamServer") -> None:
        """Hear of a message with the right id that is no answer. A better one may follow."""

    def handle_late_answer(self, pending: PendingQuery, server: "UpstreamServer", data: bytes) -> None:
        """Hear of an answer to a question that was given up."""

    def handle_failure(self, pending: PendingQuery, server: "UpstreamServer") -> None:
        """Hear that the server cannot answer: nothing listens, or the connection broke. Time-outs are not told."""


class UpstreamServer(Protocol):
    """One upstream server."""

    @property
    def title(self) -> str:
        """How people know it: as it stands in the settings."""

    @property
    def is_quad9(self) -> bool:
        """Whether "no such name" without RA means that it keeps the name closed (`dns.forward.block_signals`)."""

    @property
    def health(self) -> UpstreamHealth:
        """How it is doing."""

    def send_query(self, pending: PendingQuery) -> None:
        """Put a question to it. The client hears of it later, never from within this call."""

    def send_probe(self, pending: PendingQuery) -> None:
        """Put a question to it in order to see whether it is well again."""

    def retry_query(self, pending: PendingQuery) -> None:
        """Put a question to it once more, because nobody has answered."""

    async def close(self) -> None:
        """Let go of every socket and connection; nobody is told anything any more."""


def is_ip_address(host: str) -> bool:
    """Tell whether a host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def socket_address(host: str, port: int) -> tuple[Any, ...]:
    """Return an address as a socket takes it. Raises OSError.

    One of a single link (``fe80::1%eth0``, RFC 4007, section 11) gets the number that its interface has just now.
    """
    if "%" not in host:
        return (host, port)
    return socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4]


def upstream_title(address: UpstreamAddress) -> str:
    """Return an address as it stands in the settings."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    name = f"#{address.server_name}" if address.server_name not in {"", address.host} else ""
    if address.transport == "https":
        port = "" if address.port == 443 else f":{address.port}"
        return f"https://{host}{port}{address.path}{name}"
    if address.transport == "tls":
        return f"tls://{host}:{address.port}{name}"
    return f"{host}:{address.port}"
