"""DNS over TLS (RFC 7858): the same as over TCP, inside a connection that shows this room's certificate.

The certificate's files are looked at again every `RELOAD_CHECK_SECONDS` when somebody connects: a renewed one is
used from then on, and one that cannot be loaded leaves the old one in use.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from dns.errors import DnsError
from dns.server.connection_limiter import ConnectionLimiter, ConnectionLimits
from dns.server.stream_listener import StreamListener
from dns.server.tcp import QueryHandler, TcpConnection

RELOAD_CHECK_SECONDS = 60.0
ALPN_PROTOCOL = "dot"  # inside TLS (ALPN; RFC 7858, section 3.1 leaves it out, devices that look for it do not)

_log = logging.getLogger(__name__)


class CertificateUnusable(DnsError):
    """A certificate or key that TLS cannot be spoken with; the message says why, with the file's name."""


class Certificate:
    """This room's certificate, as it stands on the disk."""

    def __init__(self, certificate: Path, key: Path, protocols: Sequence[str], now: Callable[[], float]) -> None:
        """Load it. `protocols`: what is spoken inside (ALPN). Raises CertificateUnusable."""
        self._files = (certificate, key)
        self._protocols = list(protocols)
        self._now = now
        self._check_at = now() + RELOAD_CHECK_SECONDS
        self._state = self._read_file_state()
        self._context = self._load_context()

    def current_context(self) -> ssl.SSLContext:
        """Return what the next connection is to be made with."""
        if self._now() >= self._check_at:
            self._check_at = self._now() + RELOAD_CHECK_SECONDS
            try:
                state = self._read_file_state()
                if state != self._state:
                    self._context, self._state = self._load_context(), state
            except CertificateUnusable as problem:
                _log.warning("keeping the certificate as it was: %s", problem)
        return self._context

    def _read_file_state(self) -> list[tuple[int, int]]:
        try:
            return [(stat.st_ino, stat.st_mtime_ns) for stat in (file.stat() for file in self._files)]
        except OSError as problem:
            raise CertificateUnusable(f"{problem.filename}: {problem.strerror}") from None

    def _load_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(self._protocols)
        certificate, key = self._files
        try:
            # Without a password of ours, an encrypted key would have somebody asked for one at the terminal.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as problem:
            if problem.reason == "KEY_VALUES_MISMATCH":
                raise CertificateUnusable(f"{key}: is not the key of {certificate}") from None
            raise CertificateUnusable(
                f"{certificate}: is no certificate in PEM form, or {key} no key of its (without a password)"
            ) from None
        except OSError as problem:
            raise CertificateUnusable(f"{problem.filename or certificate}: {problem.strerror}") from None
        return context


def tls_listener(
    sock: socket.socket,
    handle: QueryHandler,
    certificate: Certificate,
    *,
    limits: ConnectionLimits,
    limiter: ConnectionLimiter | None = None,
    is_allowed: Callable[[str], bool] | None = None,
) -> StreamListener:
    """Return a listener for DNS over TLS, in the running loop. It does not accept yet."""
    clock = asyncio.get_running_loop().time

    def make(address: str, now: float) -> TcpConnection:
        return TcpConnection(address, now, handle=handle, limits=limits, clock=clock, transport="tls")

    return StreamListener(
        sock, make, limits=limits, limiter=limiter, is_allowed=is_allowed, tls_context=certificate.current_context
    )
